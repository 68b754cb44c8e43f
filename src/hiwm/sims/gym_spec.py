"""What a gymnasium environment shows and takes, read from its spaces: its pictures, its state, and a RobotSpec.

Keys of a Dict observation become feature names as LeRobot names them: `pixels` is `observation.image`, and the camera
`top` in `pixels` is `observation.images.top`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from hiwm.errors import SpecMismatch, UnknownName
from hiwm.spec import CameraSpec, NumberSpec, RobotSpec
from hiwm.types import Observation

UNBOUNDED = 1e6
"""Written for a state's range where its space has none, since JSON has no infinity."""

type Key = tuple[str, ...]
"""Where a part of an observation is: the keys to follow into its Dict; () is the observation itself."""

_ONE_CAMERA = "observation.image"
_CAMERAS = "observation.images."
_PRIVILEGED = "environment_state"


@dataclass(frozen=True)
class Layout:
    """Where an environment keeps its pictures and its state.

    cameras: camera name -> key, None for the picture that `render()` gives. state: the keys whose numbers, one after
    the other, are the state.
    """

    cameras: Mapping[str, Key | None]
    state: tuple[Key, ...]

    def observation(self, seen: Any, env: gymnasium.Env[Any, Any]) -> Observation:
        """The observation in what `env` has just returned; arrays are copied, for many environments reuse theirs."""
        images = {name: np.array(_picture(seen, key, env)) for name, key in self.cameras.items()}
        parts = [np.ravel(_at(seen, key)) for key in self.state]
        return Observation(images, np.concatenate([np.zeros(0), *parts]).astype(np.float32))


def find_layout(space: spaces.Space[Any], state_keys: Sequence[str] | None = None) -> Layout:
    """Pictures are the uint8 boxes of shape (H, W, 3), state is the vectors, without `environment_state`.

    state_keys: the keys of the Dict whose vectors are the state, if not all. Raises UnknownName for others.
    Without any picture in the observations, `render()` is the camera.
    """
    boxes = dict(_boxes(space, ()))
    pictures = [key for key, box in boxes.items() if _is_picture(box)]
    vectors = {".".join(key): key for key, box in boxes.items() if len(box.shape) == 1 and _PRIVILEGED not in key}
    wanted = list(vectors) if state_keys is None else list(state_keys)
    for name in wanted:
        if name not in vectors:
            raise UnknownName("vector in the observations", name, vectors)
    cameras: dict[str, Key | None] = {_camera_name(key): key for key in pictures}
    return Layout(cameras or {_ONE_CAMERA: None}, tuple(vectors[name] for name in wanted))


def spec_from_env(
    env: gymnasium.Env[Any, Any],
    layout: Layout | None = None,
    robot_type: str | None = None,
    fps: int | None = None,
    state_names: Sequence[str] | None = None,
    action_names: Sequence[str] | None = None,
    unit: str = "",
) -> RobotSpec:
    """A RobotSpec from an environment's spaces; resets the environment when its picture is what `render()` gives.

    fps: control rate in Hz, by default the environment's `render_fps`. Raises SpecMismatch where actions are not one
    bounded vector, where there is no rate, and where names do not fit the numbers.
    """
    layout = find_layout(env.observation_space) if layout is None else layout
    state = [_box_at(env.observation_space, key) for key in layout.state]
    names = _default_names(layout, state) if state_names is None else list(state_names)
    action = _action_box(env.action_space)
    rate = env.metadata.get("render_fps") if fps is None else fps
    if not rate:
        raise SpecMismatch(f"{env} does not say its control rate as render_fps; give it as fps=10 (in Hz)")
    low = np.concatenate([np.zeros(0), *(box.low for box in state)])
    high = np.concatenate([np.zeros(0), *(box.high for box in state)])
    return RobotSpec(
        robot_type=robot_type or (env.spec.id if env.spec else type(env.unwrapped).__name__),
        fps=round(rate),
        cameras=_cameras(env, layout),
        state=_numbers("state", names, unit, np.maximum(low, -UNBOUNDED), np.minimum(high, UNBOUNDED)),
        action=_numbers("action", action_names or _indexed("action", action.shape[0]), unit, action.low, action.high),
    )


def _boxes(space: spaces.Space[Any], key: Key) -> list[tuple[Key, spaces.Box]]:
    if isinstance(space, spaces.Box):
        return [(key, space)]
    if isinstance(space, spaces.Dict):
        return [found for name, part in space.spaces.items() for found in _boxes(part, (*key, name))]
    return []


def _is_picture(box: spaces.Box) -> bool:
    return box.dtype == np.uint8 and len(box.shape) == 3 and box.shape[2] == 3


def _camera_name(key: Key) -> str:
    if key in ((), ("pixels",)):
        return _ONE_CAMERA
    return _CAMERAS + ".".join(key[1:] if key[0] == "pixels" else key)


def _at(seen: Any, key: Key) -> Any:
    for name in key:
        seen = seen[name]
    return seen


def _picture(seen: Any, key: Key | None, env: gymnasium.Env[Any, Any]) -> Any:
    return env.render() if key is None else _at(seen, key)


def _box_at(space: spaces.Space[Any], key: Key) -> spaces.Box:
    return dict(_boxes(space, ()))[key]


def _cameras(env: gymnasium.Env[Any, Any], layout: Layout) -> tuple[CameraSpec, ...]:
    shapes = {
        name: _box_at(env.observation_space, key).shape for name, key in layout.cameras.items() if key is not None
    }
    if len(shapes) < len(layout.cameras):
        env.reset(seed=0)
        shapes |= {name: np.asarray(env.render()).shape for name, key in layout.cameras.items() if key is None}
    for name, shape in shapes.items():
        if len(shape) != 3 or shape[2] != 3:
            raise SpecMismatch(
                f"expected pictures (H, W, 3) of uint8 as {name} from {env}, got shape {shape}; "
                "make it with pictures in its observations, or with render_mode='rgb_array'"
            )
    return tuple(CameraSpec(name, shape[0], shape[1]) for name, shape in shapes.items())


def _action_box(space: spaces.Space[Any]) -> spaces.Box:
    if not isinstance(space, spaces.Box) or len(space.shape) != 1 or not space.is_bounded():
        raise SpecMismatch(
            f"actions must be one vector with finite limits, a Box(low, high, (A,)), got {space}; wrap it"
        )
    return space


def _default_names(layout: Layout, boxes: Sequence[spaces.Box]) -> list[str]:
    keys = zip(layout.state, boxes, strict=True)
    return [name for key, box in keys for name in _indexed("_".join(key) or "state", box.shape[0])]


def _indexed(name: str, count: int) -> list[str]:
    return [f"{name}_{i}" for i in range(count)]


def _numbers(what: str, names: Sequence[str], unit: str, low: Any, high: Any) -> tuple[NumberSpec, ...]:
    if len(names) != len(low):
        raise SpecMismatch(f"the {what} has {len(low)} numbers, got {len(names)} names: {', '.join(names)}")
    return tuple(NumberSpec(n, unit, float(lo), float(hi)) for n, lo, hi in zip(names, low, high, strict=True))
