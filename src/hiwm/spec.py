"""What a robot can see, measure and be told: cameras, state, actions, units, ranges and rate.

Nothing else in hiwm may assume a number of dimensions, cameras or pixels.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from hiwm.errors import SpecMismatch
from hiwm.types import Doubles, Floats, Observation


@dataclass(frozen=True)
class CameraSpec:
    """A camera by its full feature name (`observation.images.top`) and its picture size in pixels."""

    name: str
    height: int
    width: int


@dataclass(frozen=True)
class NumberSpec:
    """One number of a state or action: its name, unit, and the range in which it is meaningful."""

    name: str
    unit: str
    low: float
    high: float


@dataclass(frozen=True)
class RobotSpec:
    """All that the rest of hiwm knows about a robot. `fps` is the control rate in Hz."""

    robot_type: str
    fps: int
    cameras: tuple[CameraSpec, ...]
    state: tuple[NumberSpec, ...]
    action: tuple[NumberSpec, ...]

    @property
    def action_low_a(self) -> Doubles:
        """(A,) lowest meaningful action."""
        return np.array([n.low for n in self.action])

    @property
    def action_high_a(self) -> Doubles:
        """(A,) highest meaningful action."""
        return np.array([n.high for n in self.action])

    def check_action(self, action_a: np.ndarray[Any, Any]) -> Floats:
        """Returns the action as (A,) float32; raises SpecMismatch on another shape or on NaN and infinity."""
        action = np.asarray(action_a, np.float32)
        if action.shape != (len(self.action),):
            raise SpecMismatch(
                f"{self.robot_type} takes actions of {len(self.action)} numbers, got shape {action.shape}; "
                f"expected {', '.join(n.name for n in self.action)}"
            )
        if not np.isfinite(action).all():
            bad = ", ".join(n.name for n, v in zip(self.action, action, strict=True) if not np.isfinite(v))
            raise SpecMismatch(f"the action is not finite in {bad}; check what produced it")
        return action

    def check_observation(self, observation: Observation) -> None:
        """Raises SpecMismatch where pictures or state do not have the declared shapes."""
        for camera in self.cameras:
            picture = observation.images.get(camera.name)
            shape = None if picture is None else picture.shape
            if shape != (camera.height, camera.width, 3):
                raise SpecMismatch(
                    f"camera {camera.name} shall give ({camera.height}, {camera.width}, 3), got {shape}; "
                    "record it at one size, or map another camera to this name"
                )
        if observation.state.shape != (len(self.state),):
            raise SpecMismatch(
                f"{self.robot_type} has a state of {len(self.state)} numbers, got shape {observation.state.shape}"
            )

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready dict; `from_json` is its inverse."""
        return dataclasses.asdict(self)

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> RobotSpec:
        """Rebuilds a spec that `to_json` wrote."""
        return RobotSpec(
            robot_type=data["robot_type"],
            fps=int(data["fps"]),
            cameras=tuple(CameraSpec(**c) for c in data["cameras"]),
            state=tuple(NumberSpec(**n) for n in data["state"]),
            action=tuple(NumberSpec(**n) for n in data["action"]),
        )
