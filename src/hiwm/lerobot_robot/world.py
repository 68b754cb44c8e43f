"""A Robot of LeRobot's whose body is a world: an action sent is one step of it.

So `lerobot-teleoperate`, `lerobot-record` and `lerobot-rollout` drive it as they drive a robot of metal. What LeRobot's
loops cannot do stays so: they run by the wall clock (a world that is slower than `--fps` is stepped as fast as it
goes), a paused rollout sends its last action again and again, and there is no rewind. The operators' console has them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
from lerobot.robots.robot import Robot

from hiwm.envs.episodes import Episode, Rules, begin, step_on
from hiwm.envs.shapes import CAMERAS
from hiwm.errors import BadInput, SpecMismatch
from hiwm.interfaces import Dynamics
from hiwm.lerobot_robot.config_world import ROBOT_TYPE, WorldRobotConfig
from hiwm.spec import CameraSpec, NumberSpec, RobotSpec
from hiwm.types import Floats, Scene

POSITION = ".pos"
"""LeRobot passes on to a policy only what is named so."""


class WorldRobot(Robot):
    """One episode in a world, from `connect` on; see WorldRobotConfig."""

    config_class = WorldRobotConfig
    name = ROBOT_TYPE

    def __init__(self, config: WorldRobotConfig) -> None:
        super().__init__(config)
        self.config = config
        self._dynamics: Dynamics | None = None
        self._scenes: list[Scene] = []
        self._rules = Rules(1)
        self._begun = 0
        self._episode: Episode | None = None

    @cached_property
    def spec(self) -> RobotSpec:
        """Known before `connect`, without the world's networks."""
        return self.config.place().spec()

    @property
    def cameras(self) -> dict[str, CameraSpec]:
        """Cameras by the names that they have in observations; LeRobot counts them."""
        return {_camera(camera.name): camera for camera in self.spec.cameras}

    @property
    def observation_features(self) -> dict[str, Any]:
        """`float` for each number of the state, (H, W, 3) for each camera."""
        numbers: dict[str, Any] = {_key(number): float for number in self.spec.state}
        return numbers | {name: (camera.height, camera.width, 3) for name, camera in self.cameras.items()}

    @property
    def action_features(self) -> dict[str, Any]:
        """`float` for each number of the action."""
        return {_key(number): float for number in self.spec.action}

    @property
    def is_connected(self) -> bool:
        """A scene has begun."""
        return self._episode is not None

    @property
    def is_calibrated(self) -> bool:
        """A world has nothing to calibrate."""
        return True

    def calibrate(self) -> None:
        """Nothing to do."""

    def configure(self) -> None:
        """Nothing to do."""

    def connect(self, calibrate: bool = True) -> None:
        """Opens the world and begins in the first scene; raises BadInput where that has been done."""
        if self._episode is not None:
            raise BadInput(f"{self} is connected already; disconnect it first")
        self._dynamics, self._scenes, self._rules, _ = self.config.place().open()
        self._episode = self._next_episode(self._dynamics)

    def get_observation(self) -> dict[str, Any]:
        """The state and the pictures as they are now."""
        _, episode = self._running()
        seen = episode.observation
        numbers: dict[str, Any] = {
            _key(number): float(value) for number, value in zip(self.spec.state, seen.state, strict=True)
        }
        return numbers | {_camera(camera.name): seen.images[camera.name].copy() for camera in self.spec.cameras}

    def send_action(self, action: Mapping[str, float]) -> dict[str, float]:
        """One step of 1 / fps seconds; returns the action within the ranges of the robot.

        Raises SpecMismatch where a number is missing.
        """
        dynamics, episode = self._running()
        wanted = self._action(action)
        [after] = step_on(dynamics, [episode], wanted[None], self._rules)
        ended = after.over and self.config.next_scene
        self._episode = self._next_episode(dynamics) if ended else after
        taken = np.clip(wanted, self.spec.action_low_a, self.spec.action_high_a)
        return {_key(number): float(value) for number, value in zip(self.spec.action, taken, strict=True)}

    def disconnect(self) -> None:
        """Closes the world; raises BadInput where none is open."""
        dynamics, _ = self._running()
        dynamics.close()
        self._dynamics = self._episode = None

    def _next_episode(self, dynamics: Dynamics) -> Episode:
        scene = self._scenes[self._begun % len(self._scenes)]
        self._begun += 1
        [episode] = begin(dynamics, [scene])
        return episode

    def _running(self) -> tuple[Dynamics, Episode]:
        if self._dynamics is None or self._episode is None:
            raise BadInput(f"{self} is not connected; call connect() first")
        return self._dynamics, self._episode

    def _action(self, action: Mapping[str, float]) -> Floats:
        missing = [key for key in self.action_features if key not in action]
        if missing:
            raise SpecMismatch(
                f"expected an action with {', '.join(self.action_features)}, got none of {', '.join(missing)}; "
                "use a teleoperator that gives these numbers, or hiwm bridge, which retargets two SO arms"
            )
        return np.array([action[key] for key in self.action_features], np.float32)


def _key(number: NumberSpec) -> str:
    """`left_x.pos`; names that already end so, as in data of LeRobot's own arms, stay."""
    return number.name if number.name.endswith(POSITION) else number.name + POSITION


def _camera(name: str) -> str:
    return name.removeprefix(CAMERAS).removeprefix("observation.")
