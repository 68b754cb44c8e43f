"""Push-T on a table: a T-shaped block is pushed onto the T painted on the table, each half by its own arm."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import mujoco
import numpy as np

from hiwm.sims.arena import Parts, numbers
from hiwm.sims.looks import Colour, Look
from hiwm.sims.physics import Graspable, Holds
from hiwm.sims.robot import Reach
from hiwm.types import Doubles, Floats, Reading

UNIT_M = 0.036
HEIGHT_M = 0.016
"""Half the block's height."""
BAR = ((0.0, 0.75 * UNIT_M), (2 * UNIT_M, UNIT_M / 2))
STEM = ((0.0, -1.25 * UNIT_M), (UNIT_M / 2, 1.5 * UNIT_M))
"""The T's two boxes: centre and half sizes in the T's frame, m."""
GOAL = (0.0, 0.02, -np.pi / 4)
"""x, y in m, turn in rad."""
SUCCESS_COVERAGE = 0.85
START_M, START_TURN = 0.10, np.deg2rad(70)
"""How far from the middle of the table, and from the goal's turn, the block lies at first: m, rad."""
FAR_M = 0.25
"""Mean distance of the T's three tips from their goals at which progress is 0."""
TIPS = np.array([[2 * UNIT_M, BAR[0][1]], [-2 * UNIT_M, BAR[0][1]], [0, -2.75 * UNIT_M]])

_BLUE: Colour = (0.16, 0.40, 0.80)
_GOAL_RGB: Colour = (0.45, 0.78, 0.50)


def inside_t(points_n2: Doubles) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """(N,) whether points in the T's frame, m, lie on the T."""
    hit = np.zeros(len(points_n2), bool)
    for centre, half in (BAR, STEM):
        hit |= (np.abs(points_n2 - np.array(centre)) <= np.array(half) + 1e-9).all(1)
    return hit


def _surface() -> Doubles:
    """(N, 2) points spread evenly over the T, in its frame."""
    x, y = np.meshgrid(np.linspace(-2.2, 2.2, 67) * UNIT_M, np.linspace(-3, 1.5, 67) * UNIT_M)
    grid = np.stack([x.ravel(), y.ravel()], 1)
    return np.asarray(grid[inside_t(grid)])


SURFACE = _surface()


def turn_2d(angle_rad: float) -> Doubles:
    """(2, 2) rotation."""
    c, s = np.cos(angle_rad), np.sin(angle_rad)
    return np.array([[c, -s], [s, c]])


def place_2d(points_n2: Doubles, pose: Doubles) -> Doubles:
    """(N, 2) points of the T's frame on the table, for a pose x, y, turn."""
    return np.asarray(points_n2 @ turn_2d(pose[2]).T + pose[:2])


def coverage(pose: Doubles) -> float:
    """Share of the goal T that the block covers, as in gym-pusht's success measure; both have the same area."""
    goal = np.array(GOAL)
    return float(inside_t((place_2d(SURFACE, pose) - goal[:2]) @ turn_2d(goal[2])).mean())


def tip_distance_m(pose: Doubles) -> float:
    """Mean distance of the T's three tips from where they belong."""
    gap = place_2d(TIPS, pose) - place_2d(TIPS, np.array(GOAL))
    return float(np.linalg.norm(gap, axis=1).mean())


@dataclass
class PushT:
    """Physics of Push-T.

    Success: coverage of the goal of at least 0.85. Progress: 1 at success, else 0.99 (1 - tip distance / 0.25 m), at
    least 0. Truth: the block's x, y (m) and turn (rad), then the goal's.
    """

    name: str = "push_t"
    reach: tuple[Reach, Reach] = (Reach(x=(-0.24, 0.03)), Reach(x=(-0.03, 0.24)))
    home: Doubles = field(
        default_factory=lambda: np.array([-0.20, 0.0, 0.10, 0, 0, 0, 0, 0.20, 0.0, 0.10, 0, 0, 0, 0], float)
    )
    truth_names: tuple[str, ...] = ("block_x", "block_y", "block_turn", "goal_x", "goal_y", "goal_turn")

    def parts(self, look: Look) -> Parts:
        """The block on a free joint and the painted goal."""
        touching = 'contype="4" conaffinity="3" friction="0.6 0.005 0.0001" density="500"'
        painted = 'contype="0" conaffinity="0" mass="0"'
        bodies = (
            f'<body name="goal" pos="{GOAL[0]} {GOAL[1]} 0.0006" euler="0 0 {GOAL[2]}">'
            f"{_boxes_xml(_GOAL_RGB, 0.0006, painted)}</body>"
            f'<body name="block" pos="0 0 {HEIGHT_M}"><freejoint name="block"/>'
            f"{_boxes_xml(look.object_rgb or _BLUE, HEIGHT_M, touching)}</body>"
        )
        return Parts(bodies)

    def bind(self, model: mujoco.MjModel) -> None:
        """Finds the block's joint."""
        self._joint = model.joint("block").qposadr[0]

    def graspable(self) -> Graspable | None:
        """Hands only push."""
        return None

    def place(self, data: mujoco.MjData, rng: np.random.Generator) -> None:
        """A block within 0.10 m of the middle and 70 degrees of the goal's turn, but not already at the goal."""
        while True:
            turn = GOAL[2] + rng.uniform(-START_TURN, START_TURN)
            pose = np.array([*rng.uniform(-START_M, START_M, 2), turn])
            if tip_distance_m(pose) > 0.06:
                break
        half = pose[2] / 2
        data.qpos[self._joint : self._joint + 7] = [*pose[:2], HEIGHT_M, np.cos(half), 0, 0, np.sin(half)]

    def write_extra(self, model: mujoco.MjModel, extra: None) -> None:
        """There is none."""

    def next_extra(self, data: mujoco.MjData, extra: None) -> None:
        """There is none."""

    def pose(self, data: mujoco.MjData) -> Doubles:
        """(3,) the block's x, y, turn."""
        x, y, _, w, _, _, z = data.qpos[self._joint : self._joint + 7]
        turn = 2 * np.arctan2(z, w)
        return np.array([x, y, (turn + np.pi) % (2 * np.pi) - np.pi])

    def truth(self, data: mujoco.MjData, extra: None) -> Floats:
        """(6,) block and goal."""
        return np.array([*self.pose(data), *GOAL], np.float32)

    def read(self, data: mujoco.MjData, extra: None, holds: Holds) -> Reading:
        """Progress and success from the block's pose."""
        pose = self.pose(data)
        if coverage(pose) >= SUCCESS_COVERAGE:
            return Reading(1.0, True, 1.0)
        return Reading(float(max(0.0, 0.99 * (1 - tip_distance_m(pose) / FAR_M))), False, 1.0)


def _boxes_xml(rgb: Colour, half_height_m: float, attributes: str) -> str:
    return "".join(
        f'<geom type="box" pos="{centre[0]} {centre[1]} 0" size="{half[0]} {half[1]} {half_height_m}" '
        f'rgba="{numbers(rgb)} 1" {attributes}/>'
        for centre, half in (BAR, STEM)
    )
