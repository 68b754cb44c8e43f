"""The numbers that an estimator reads, and how a network learns them: scaled, and angles as sine and cosine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hiwm.perception.points import Point, find_points, is_angle, wrapped
from hiwm.types import Doubles, Floats


@dataclass(frozen=True, eq=False)
class Targets:
    """K numbers by name: those of the simulator's truth, then those of the robot state.

    mean_k, scale_k: (K,) mean and standard deviation seen; a number that never moves has scale 0 and is read as its
    mean. An encoded row has M numbers: all that are no angles, then the sines, then the cosines.
    """

    truth: tuple[str, ...]
    state: tuple[str, ...]
    mean_k: Floats
    scale_k: Floats

    @staticmethod
    def fit(truth: tuple[str, ...], state: tuple[str, ...], values_nk: Floats) -> Targets:
        """From all values of a dataset."""
        values = values_nk.astype(np.float64)
        scale = values.std(axis=0)
        scale[scale < 1e-5 * np.abs(values).max(axis=0)] = 0
        return Targets(truth, state, values.mean(axis=0).astype(np.float32), scale.astype(np.float32))

    @property
    def names(self) -> tuple[str, ...]:
        """All K names."""
        return self.truth + self.state

    @property
    def width(self) -> int:
        """M."""
        return len(self.names) + int(self._angle_k.sum())

    @cached_property
    def varied(self) -> tuple[Point, ...]:
        """The truth's points that differ between frames: objects, and what each scene puts in another place."""
        return tuple(p for p in find_points(self.truth) if (self.scale_k[list(p.numbers)] > 0).any())

    @property
    def hands(self) -> tuple[Point, ...]:
        """The robot's hands: what has a place among its state, taken to be in the unit of the truth."""
        return find_points(self.state)

    @cached_property
    def _angle_k(self) -> NDArray[np.bool_]:
        return np.array([is_angle(name) for name in self.names], bool)

    def encode(self, values_nk: Floats) -> Floats:
        """(N, K) numbers to (N, M) for the network."""
        plain, angle = ~self._angle_k, self._angle_k
        scaled = (values_nk - self.mean_k) / np.where(self.scale_k > 0, self.scale_k, 1)
        scaled = np.where(self.scale_k > 0, scaled, 0)
        turns = values_nk[:, angle]
        return np.asarray(np.concatenate([scaled[:, plain], np.sin(turns), np.cos(turns)], axis=1), np.float32)

    def encoded(self, columns: Sequence[int]) -> tuple[int, ...]:
        """Where some of the K numbers are in an encoded row: first all that are no angles, then sines, then cosines."""
        plain, angles = (np.flatnonzero(which).tolist() for which in (~self._angle_k, self._angle_k))
        places = [plain.index(k) for k in columns if k in plain]
        turns = [len(plain) + angles.index(k) for k in columns if k in angles]
        return (*places, *turns, *(k + len(angles) for k in turns))

    def into(self, other: Targets) -> tuple[Floats, Floats]:
        """(M,) factors and offsets that turn a row encoded here into the same numbers encoded by `other`, of the same
        names; numbers that never move there become 0.
        """
        plain = ~self._angle_k
        moves = other.scale_k[plain] > 0
        per = np.where(moves, 1 / np.where(moves, other.scale_k[plain], 1), 0)
        turns = np.ones(2 * int(self._angle_k.sum()))
        factor = np.concatenate([self.scale_k[plain] * per, turns])
        offset = np.concatenate([(self.mean_k - other.mean_k)[plain] * per, 0 * turns])
        return factor.astype(np.float32), offset.astype(np.float32)

    def spread(self, weight_k: Floats) -> Floats:
        """(M,) the weights of the K numbers for an encoded row; an angle's counts for its sine and its cosine."""
        angle = self._angle_k
        return np.concatenate([weight_k[~angle], weight_k[angle], weight_k[angle]])

    def decode(self, encoded_nm: Floats) -> Floats:
        """The inverse of `encode`; angles come in -pi..pi."""
        plain, angles = ~self._angle_k, int(self._angle_k.sum())
        first = len(self.names) - angles
        values = np.empty((len(encoded_nm), len(self.names)), np.float32)
        values[:, plain] = encoded_nm[:, :first] * self.scale_k[plain] + self.mean_k[plain]
        values[:, ~plain] = np.arctan2(encoded_nm[:, first : first + angles], encoded_nm[:, first + angles :])
        return values

    def errors(self, read_nk: Floats, true_nk: Floats) -> Doubles:
        """(N, K) absolute differences; of angles the shorter way round."""
        gap = read_nk.astype(np.float64) - true_nk
        gap[:, self._angle_k] = wrapped(gap[:, self._angle_k])
        return np.asarray(np.abs(gap))

    def to_json(self) -> dict[str, Any]:
        """JSON-ready; `from_json` is its inverse."""
        return {
            "truth": list(self.truth),
            "state": list(self.state),
            "mean": self.mean_k.tolist(),
            "scale": self.scale_k.tolist(),
        }

    @staticmethod
    def from_json(data: dict[str, Any]) -> Targets:
        """Rebuilds what `to_json` wrote; raises ValueError where lengths disagree or a number is not finite."""
        truth, state = (tuple(str(name) for name in data[group]) for group in ("truth", "state"))
        mean, scale = (np.array(data[name], np.float32) for name in ("mean", "scale"))
        if mean.shape != scale.shape or mean.shape != (len(truth) + len(state),):
            raise ValueError(f"{len(truth) + len(state)} names, {mean.shape} means, {scale.shape} scales")
        if not np.isfinite([mean, scale]).all():
            raise ValueError("a mean or scale is not finite")
        return Targets(truth, state, mean, scale)
