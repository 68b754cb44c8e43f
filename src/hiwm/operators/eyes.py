"""What a scripted operator sees: object poses read from the pictures alone, never the truth of a simulator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hiwm.perception.estimator import Estimator
from hiwm.perception.points import distances, is_angle, wrapped
from hiwm.types import Doubles, Floats, Observation

LEVER_M = 0.1
"""How far from an object's middle a wrong turn is felt."""


@dataclass(frozen=True, eq=False)
class Glance:
    """truth_k: (K,) the numbers that the task's planner works with, as read. whole: the object was seen whole."""

    truth_k: Floats
    whole: bool


class Eyes(Protocol):
    """Anything that reads what a planner needs from what is seen."""

    def read(self, seen: Sequence[Observation]) -> list[Glance]:
        """A glance at each of some moments."""
        ...

    def apart_m(self, one: Glance, other: Glance) -> float:
        """How far apart two glances have the object, in metres."""
        ...

    def between(self, one: Glance, other: Glance) -> Glance:
        """The mean of two glances."""
        ...


class EstimatorEyes:
    """Reads with an estimator (see hiwm.perception)."""

    def __init__(self, estimator: Estimator) -> None:
        self.estimator = estimator
        self._angle_k = np.array([is_angle(name) for name in estimator.targets.truth])

    def read(self, seen: Sequence[Observation]) -> list[Glance]:
        """One batch of the network; raises SpecMismatch where the cameras are others than it was trained on."""
        if not seen:
            return []
        read = self.estimator.read([moment.images for moment in seen])
        return [Glance(truth, bool(whole)) for truth, whole in zip(read.truth_nk, read.whole_n, strict=True)]

    def apart_m(self, one: Glance, other: Glance) -> float:
        """Mean distance of the object's points; a turn counts at LEVER_M."""
        points = self.estimator.object_points
        return float(distances(one.truth_k[None], other.truth_k[None], points, LEVER_M)[0]) if points else 0.0

    def between(self, one: Glance, other: Glance) -> Glance:
        """Angles are halved the shorter way round."""
        return Glance(_mean(one.truth_k, other.truth_k, self._angle_k), one.whole and other.whole)


def _mean(one_k: Floats, other_k: Floats, angle_k: NDArray[np.bool_]) -> Floats:
    gap: Doubles = one_k.astype(np.float64) - other_k
    gap[angle_k] = wrapped(gap[angle_k])
    return np.asarray(other_k + gap / 2, np.float32)
