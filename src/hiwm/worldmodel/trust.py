"""Trust: how likely the object is still within 5 % of the workspace of where it would really be.

It is read from what a branch went through since real pictures, by logistic regression on held-out rollouts.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hiwm.types import Doubles

RIGHT = 0.05
"""Error, as share of the picture's width, within which a picture is still right."""
FARTHEST = 0.8
"""Quantile over image points that stands for the object: most points lie elsewhere, or on a part that stays."""


@dataclass(frozen=True)
class Trace:
    """What a branch went through, all in picture widths. unlike: mean difference (0..2) of the real picture it began
    with from how it is painted; doubt: disagreement of two draws of the last step; doubts: their sum since the start;
    moved: how far image points went, summed; steps since the start.
    """

    unlike: float
    doubt: float = 0.0
    doubts: float = 0.0
    moved: float = 0.0
    steps: int = 0

    def after(self, doubt: float, moved: float) -> Trace:
        """The trace one step on."""
        return Trace(self.unlike, doubt, self.doubts + doubt, self.moved + moved, self.steps + 1)

    def numbers(self) -> Doubles:
        """(5,) what the regression sees; sums grow over orders of magnitude, so their logarithms."""
        parts = [self.unlike * 100, self.doubt * 1000, self.doubts * 100, self.moved * 10, self.steps / 10]
        return np.asarray(np.log1p(np.array(parts)), np.float64)


@dataclass(frozen=True)
class Trust:
    """A fitted regression: probability = sigmoid(weights . numbers + bias). about: what it was fitted on."""

    weights: tuple[float, ...]
    bias: float
    about: dict[str, Any] = field(default_factory=dict)

    def read(self, trace: Trace) -> float:
        """0..1; what has not taken a step shows a real picture."""
        logit = float(np.dot(self.weights, trace.numbers())) + self.bias
        return float(1 / (1 + np.exp(-logit)))

    def to_json(self) -> dict[str, Any]:
        """JSON-ready; `from_json` is its inverse."""
        return asdict(self)

    @staticmethod
    def from_json(data: dict[str, Any]) -> Trust:
        """Rebuilds what `to_json` wrote; raises ValueError where the numbers do not fit."""
        weights = tuple(float(w) for w in data["weights"])
        if len(weights) != len(Trace(0).numbers()):
            raise ValueError(f"expected {len(Trace(0).numbers())} weights of trust, got {len(weights)}")
        return Trust(weights, float(data["bias"]), dict(data["about"]))


def apart(a_bd: Tensor, b_bd: Tensor, points: int) -> Tensor:
    """(B,) how far apart the image points of two codes are, in picture widths."""
    gap = (a_bd - b_bd)[:, : 2 * points].reshape(len(a_bd), points, 2)
    return torch.quantile(gap.float().norm(dim=2) / 2, FARTHEST, dim=1)


def fitted(numbers_nk: Doubles, right_n: Doubles, steps: int = 50, ridge: float = 1e-2) -> tuple[Doubles, float]:
    """(weights, bias) of a logistic regression by Newton's method, slightly drawn to small weights."""
    x = np.concatenate([numbers_nk, np.ones((len(numbers_nk), 1))], 1)
    centre = np.r_[numbers_nk.mean(0), 0]
    scale = np.r_[numbers_nk.std(0) + 1e-6, 1]
    x = (x - centre) / scale
    w = np.zeros(x.shape[1])
    for _ in range(steps):
        p = 1 / (1 + np.exp(-x @ w))
        slope = x.T @ (p - right_n) / len(x) + ridge * np.r_[w[:-1], 0]
        curve = (x * (p * (1 - p))[:, None]).T @ x / len(x) + ridge * np.eye(len(w))
        w = w - np.linalg.solve(curve, slope)
    weights = w / scale
    return weights[:-1], float(weights[-1] - weights[:-1] @ centre[:-1])
