"""Trust: how likely the object is still within 5 % of the workspace of where it would really be.

It is read from what a branch went through since real pictures, by logistic regression on held-out rollouts.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from hiwm.types import Doubles

LEAST = 1e-3
"""What is added before a logarithm."""


@dataclass(frozen=True)
class Trace:
    """What a branch went through. unlike: mean difference (0..2) of the real picture it began with from how it is
    painted; gap: how far what is read in the last picture is from the code it was painted of; gaps: their sum since the
    start; steps since the start.
    """

    unlike: float
    gap: float = 0.0
    gaps: float = 0.0
    steps: int = 0

    def after(self, gap: float) -> Trace:
        """The trace one step on."""
        return Trace(self.unlike, gap, self.gaps + gap, self.steps + 1)

    def numbers(self, progress: float) -> Doubles:
        """(5,) what the regression sees; what grows over orders of magnitude as its logarithm."""
        mean = self.gaps / max(1, self.steps)
        grown = np.log(np.array([self.unlike, self.gap, mean, self.steps]) + [LEAST, LEAST, LEAST, 1])
        return np.append(grown, progress)


@dataclass(frozen=True)
class Trust:
    """A fitted regression: probability = sigmoid(weights . numbers + bias). about: what it was fitted on."""

    weights: tuple[float, ...]
    bias: float
    about: dict[str, Any] = field(default_factory=dict)

    def read(self, trace: Trace, progress: float | None) -> float:
        """0..1; progress as judged, None without a judge."""
        logit = float(np.dot(self.weights, trace.numbers(progress or 0.0))) + self.bias
        return float(1 / (1 + np.exp(-logit)))

    def to_json(self) -> dict[str, Any]:
        """JSON-ready; `from_json` is its inverse."""
        return asdict(self)

    @staticmethod
    def from_json(data: dict[str, Any]) -> Trust:
        """Rebuilds what `to_json` wrote; raises ValueError where the numbers do not fit."""
        weights = tuple(float(w) for w in data["weights"])
        if len(weights) != len(Trace(0).numbers(0)):
            raise ValueError(f"expected {len(Trace(0).numbers(0))} weights of trust, got {len(weights)}")
        return Trust(weights, float(data["bias"]), dict(data["about"]))


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
