"""Maps robot numbers to about -1..1 and back; one object shared by training and serving."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from hiwm.types import Floats


@dataclass(frozen=True, eq=False)
class NumberScale:
    """low_k, high_k: (K,) robot units that become -1 and 1; a number that never moves maps to 0."""

    low_k: Floats
    high_k: Floats

    @staticmethod
    def fit(values_nk: Floats) -> NumberScale:
        """The range seen, but for 1 in 1000 at either end."""
        low, high = np.quantile(values_nk, [0.001, 0.999], axis=0)
        return NumberScale(low.astype(np.float32), high.astype(np.float32))

    def forward(self, values_k: Floats) -> Floats:
        """Robot units to about -1..1, over the last axis."""
        half = (self.high_k - self.low_k) / 2
        middle = (self.high_k + self.low_k) / 2
        scaled = (values_k - middle) / np.where(half > 0, half, 1)
        return np.where(half > 0, scaled, 0).astype(np.float32)

    def back(self, scaled_k: Floats) -> Floats:
        """The inverse of `forward`."""
        half = (self.high_k - self.low_k) / 2
        return (scaled_k * half + (self.high_k + self.low_k) / 2).astype(np.float32)

    def to_json(self) -> dict[str, Any]:
        """JSON-ready; `from_json` is its inverse."""
        return {"low": self.low_k.tolist(), "high": self.high_k.tolist()}

    @staticmethod
    def from_json(data: dict[str, Any]) -> NumberScale:
        """Rebuilds what `to_json` wrote."""
        return NumberScale(np.array(data["low"], np.float32), np.array(data["high"], np.float32))
