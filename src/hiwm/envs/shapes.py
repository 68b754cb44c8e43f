"""What an environment shows and takes, as gymnasium's spaces and the dicts that fill them.

`pixels` is a picture for the camera `observation.image`, else a dict by camera name (`top` for
`observation.images.top`): the names under which LeRobot's policies know them. `agent_pos` is the robot state.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium import spaces

from hiwm.errors import SpecMismatch
from hiwm.spec import RobotSpec
from hiwm.types import Observation, Picture

ONE_CAMERA = "observation.image"
CAMERAS = "observation.images."


def action_space(spec: RobotSpec) -> spaces.Box:
    """(A,) robot units, within the ranges of the spec."""
    return spaces.Box(spec.action_low_a.astype(np.float32), spec.action_high_a.astype(np.float32), dtype=np.float32)


def observation_space(spec: RobotSpec) -> spaces.Dict:
    """Pictures and state; the state is unbounded, since a world may measure a little beyond a range."""
    boxes = {c.name: spaces.Box(0, 255, (c.height, c.width, 3), np.uint8) for c in spec.cameras}
    pixels = boxes[ONE_CAMERA] if _has_one_camera(spec) else spaces.Dict({short_name(n): b for n, b in boxes.items()})
    return spaces.Dict({"pixels": pixels, "agent_pos": spaces.Box(-np.inf, np.inf, (len(spec.state),), np.float32)})


def shown(spec: RobotSpec, seen: Observation) -> dict[str, Any]:
    """An observation as it is in `observation_space`; arrays are copied, since whoever steps may write to them."""
    if _has_one_camera(spec):
        return {"pixels": seen.images[ONE_CAMERA].copy(), "agent_pos": seen.state.copy()}
    pixels = {short_name(camera.name): seen.images[camera.name].copy() for camera in spec.cameras}
    return {"pixels": pixels, "agent_pos": seen.state.copy()}


def stacked(parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Observations of many environments as one, every array with a leading B; they hold copies."""
    return {
        key: stacked([part[key] for part in parts]) if isinstance(value, dict) else np.stack([p[key] for p in parts])
        for key, value in parts[0].items()
    }


def side_by_side(spec: RobotSpec, seen: Observation) -> Picture:
    """(H, W, 3) all cameras in one picture, from left to right, with black below the lower ones."""
    pictures = [seen.images[camera.name] for camera in spec.cameras]
    height = max(picture.shape[0] for picture in pictures)
    return np.concatenate([np.pad(p, ((0, height - len(p)), (0, 0), (0, 0))) for p in pictures], axis=1)


def short_name(camera: str) -> str:
    """`top` for `observation.images.top`; raises SpecMismatch for names that LeRobot would not know."""
    if not camera.startswith(CAMERAS):
        raise SpecMismatch(f"expected cameras named {ONE_CAMERA} or {CAMERAS}NAME, got {camera}; rename it in the data")
    return camera.removeprefix(CAMERAS)


def _has_one_camera(spec: RobotSpec) -> bool:
    return [camera.name for camera in spec.cameras] == [ONE_CAMERA]
