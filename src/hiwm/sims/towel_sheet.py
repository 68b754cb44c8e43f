"""What the expert of Fold Towel makes of what it sees: how the towel lies, and which corners its hands hold."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hiwm.sims import towel_mesh as mesh
from hiwm.sims.fold_towel import LOOKOUTS
from hiwm.types import Doubles

type Flags = NDArray[np.bool_]

HALF_M = mesh.WIDTH_M / 2
FOLDED_M = 0.022
"""Largest distance of a lookout from its mirror partner in a fold that is left alone; success asks for 0.03."""
RUMPLED_M, CRUMPLED_M = 0.010, 0.035
"""Distance of a lookout from its place in a flat far half: beyond the first the fold is undone and made again, beyond
the second the far corners are pulled apart before."""
STRETCHED_M = 0.96 * mesh.WIDTH_M
"""A side of the towel this long is straight."""
TANGLED_M = 0.04
"""Largest distance of a lookout that no hand can hold from its mirror partner in a fold that only needs a nudge."""
RIM_M = 0.255
"""A corner farther than this from the middle, along x or y, is hard to grasp."""
HELD_M = 0.013
"""A corner this near to closed fingers is held."""
OVER_M = 0.015
"""A hand this near to its corner, seen from above, can go straight down."""

_REST = mesh.REST.reshape(mesh.SIDE, mesh.SIDE, 3)[np.ix_(LOOKOUTS, LOOKOUTS)][..., :2]


@dataclass(frozen=True, eq=False)
class Sheet:
    """The towel as the expert sees it: (5, 5, 3) lookouts, near row first."""

    grid: Doubles

    @cached_property
    def pose(self) -> tuple[Doubles, Doubles]:
        """Rotation (2, 2) and shift (2,) that lay a flat towel best on the far half; Kabsch's method."""
        flat, seen = _REST[2:].reshape(-1, 2), self.grid[2:, :, :2].reshape(-1, 2)
        u, _, vt = np.linalg.svd((flat - flat.mean(0)).T @ (seen - seen.mean(0)))
        turn = vt.T @ np.diag([1, np.linalg.det(vt.T @ u.T)]) @ u.T
        return turn, seen.mean(0) - turn @ flat.mean(0)

    @property
    def yaw(self) -> float:
        """Turn of the far half in rad."""
        turn, _ = self.pose
        return float(np.arctan2(turn[1, 0], turn[0, 0]))

    @property
    def onward(self) -> Doubles:
        """(2,) unit vector from the fold to the far edge."""
        return np.asarray(self.pose[0] @ np.array([0.0, 1.0]))

    def corners(self, row: int) -> Doubles:
        """(2, 3) the corners of the near (0) or far (4) edge in the order of the hands: left, right."""
        return self._by_hand(self.grid[row, [0, 4]])

    @property
    def places(self) -> Doubles:
        """(2, 2) where the far corners belong, in the order of the hands."""
        turn, shift = self.pose
        return self._by_hand(_REST[4, [0, 4]] @ turn.T + shift)

    def _by_hand(self, by_column: Doubles) -> Doubles:
        """The left hand takes the left column, unless the towel is turned about."""
        return np.asarray(by_column if abs(self.yaw) < np.pi / 2 else by_column[::-1])

    @cached_property
    def off_place(self) -> Doubles:
        """(5, 5) distance of each lookout, seen from above, from its place in a flat towel, m."""
        turn, shift = self.pose
        return np.asarray(np.linalg.norm(self.grid[..., :2] - (_REST @ turn.T + shift), axis=-1))

    @property
    def folded(self) -> bool:
        """Whether the near half lies on the far half."""
        return bool(self.gaps.max() < FOLDED_M)

    @property
    def rumpled(self) -> bool:
        """Whether what shall lie flat does not: all of an open towel, the far half of a folded one."""
        return bool(self.off_place[0 if self.opened else 2 :].max() > RUMPLED_M)

    @property
    def crumpled(self) -> bool:
        """Whether the far edge is not spread out."""
        far = self.corners(4)[:, :2]
        return bool(self.off_place[4].max() > CRUMPLED_M or np.linalg.norm(far[1] - far[0]) < STRETCHED_M)

    @property
    def taut(self) -> bool:
        """Whether the near corners are as far from the far ones as a flat towel's."""
        sides = np.linalg.norm((self.corners(0) - self.corners(4))[:, :2], axis=1)
        return bool(sides.min() > STRETCHED_M)

    @property
    def opened(self) -> bool:
        """Whether both near corners lie on the near side of the fold."""
        return bool((((self.corners(0)[:, :2] - self.places) @ self.onward) < -1.4 * HALF_M).all())

    @property
    def out_of_reach(self) -> bool:
        """Whether a near corner lies at the rim of what the hands reach or beyond."""
        return bool(np.abs(self.corners(0)[:, :2]).max() > RIM_M)

    @cached_property
    def gaps(self) -> Doubles:
        """(2, 5) distance of the lookouts of the two near rows from their mirror partners, m."""
        return np.asarray(np.linalg.norm(self.grid[:2] - self.grid[:2:-1], axis=-1))

    @property
    def tangled(self) -> bool:
        """Whether the near half does not lie spread over the far one, whatever its corners do."""
        return bool(max(self.gaps[0, 1:4].max(), self.gaps[1].max()) > TANGLED_M)


@dataclass(frozen=True, eq=False)
class Hands:
    """Measured fingertips (2, 3), in m, and whether each gripper is commanded closed (2,)."""

    tips: Doubles
    closed: Flags

    def holding(self, corners_23: Doubles) -> Flags:
        """(2,) whether each hand has its corner between its fingers."""
        return np.asarray(self.closed & (np.linalg.norm(self.tips - corners_23, axis=1) < HELD_M))

    def over(self, corners_23: Doubles) -> Flags:
        """(2,) whether each hand is open above its corner."""
        return np.asarray(~self.closed & (np.linalg.norm((self.tips - corners_23)[:, :2], axis=1) < OVER_M))
