"""Points among named numbers: `block_x, block_y, block_turn` is one point with a turn, `rope_3_x ... rope_3_z` another.

The measure of how far apart two readings are stands here too, since it must be the same wherever it is stated.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hiwm.types import Doubles, Floats

ANGLES = ("turn", "angle")
"""A number whose name ends so is an angle in rad."""
_AXIS = re.compile(r"(?:(.*)_)?([xyz])")


@dataclass(frozen=True)
class Point:
    """Where in a row of numbers a point's coordinates are (x, y, z as far as there), and its turn, if it has one."""

    name: str
    axes: tuple[int, ...]
    turn: int | None = None

    @property
    def numbers(self) -> tuple[int, ...]:
        """Where all of these are."""
        return (*self.axes, *(() if self.turn is None else (self.turn,)))


def is_angle(name: str) -> bool:
    """Whether a number of that name is an angle."""
    return name.endswith(ANGLES)


def find_points(names: Sequence[str]) -> tuple[Point, ...]:
    """All points that have at least x and y, in the order of their first coordinate."""
    found: dict[str, dict[str, int]] = {}
    for k, name in enumerate(names):
        if match := _AXIS.fullmatch(name):
            found.setdefault(match[1] or "", {})[match[2]] = k
    return tuple(
        Point(stem, tuple(sorted(axes.values())), _turn_of(stem, names))
        for stem, axes in found.items()
        if {"x", "y"} <= axes.keys()
    )


def distances(a_nk: Floats, b_nk: Floats, points: Sequence[Point], lever: float) -> Doubles:
    """(N,) mean distance of the points in two rows of numbers, in their unit.

    A point with a turn counts as the mean of three, `lever` away from it and 120 degrees apart, so that a wrong turn
    is an error as well.
    """
    return np.asarray(np.mean([_distance(a_nk, b_nk, point, lever) for point in points], axis=0), np.float64)


def wrapped(angle: NDArray[np.floating]) -> Doubles:
    """Angles in rad, brought into -pi..pi."""
    return np.asarray((np.asarray(angle, np.float64) + np.pi) % (2 * np.pi) - np.pi)


def _turn_of(stem: str, names: Sequence[str]) -> int | None:
    wanted = [f"{stem}_{word}" if stem else word for word in ANGLES]
    return next((k for k, name in enumerate(names) if name in wanted), None)


def _distance(a_nk: Floats, b_nk: Floats, point: Point, lever: float) -> Doubles:
    gap = a_nk[:, point.axes].astype(np.float64) - b_nk[:, point.axes]
    if point.turn is None:
        return np.asarray(np.linalg.norm(gap, axis=1))
    total = np.zeros(len(gap))
    for way in np.arange(3) * 2 * np.pi / 3:
        tip = gap.copy()
        turns = [numbers[:, point.turn].astype(np.float64) + way for numbers in (a_nk, b_nk)]
        tip[:, 0] += lever * (np.cos(turns[0]) - np.cos(turns[1]))
        tip[:, 1] += lever * (np.sin(turns[0]) - np.sin(turns[1]))
        total += np.linalg.norm(tip, axis=1) / 3
    return total
