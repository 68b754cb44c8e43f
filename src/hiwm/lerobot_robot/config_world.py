"""What `--robot.*` may say of a world. LeRobot finds the robot itself by these names: `WorldRobot` in `world.py`."""

from __future__ import annotations

from dataclasses import dataclass

from lerobot.robots.config import RobotConfig

from hiwm.envs.lerobot_env import OWN_STEPS
from hiwm.envs.making import Place
from hiwm.evaluation.ending import HELD_STEPS

ROBOT_TYPE = "hiwm_world"
POLICY_STEPS = OWN_STEPS
"""Imported here, so that `lerobot-rollout` can load hiwm's own policies."""


@RobotConfig.register_subclass(ROBOT_TYPE)
@dataclass(kw_only=True)
class WorldRobotConfig(RobotConfig):  # type: ignore[no-untyped-call]
    """A world (a folder or a shipped name) or a simulated task; `connect` begins in the first of the scenes.

    scenes: as in `push_t/eval/0..9`. next_scene: whether the next scene begins by itself when success has been held for
    `hold_steps` steps or time is up; otherwise the robot stays where it is, as one of metal would.
    """

    world: str | None = None
    sim: str | None = None
    scenes: str | None = None
    hold_steps: int = HELD_STEPS
    max_steps: int | None = None
    next_scene: bool = False
    look: str = "plain"

    def place(self) -> Place:
        """What is opened."""
        return Place(self.world, self.sim, self.scenes, None, self.max_steps, self.hold_steps, self.look)
