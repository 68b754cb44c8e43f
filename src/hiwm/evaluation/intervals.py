"""Intervals that stand beside every rate hiwm states."""

from __future__ import annotations

import numpy as np
from scipy.stats import binomtest

from hiwm.types import Doubles

DRAWS = 10_000


def wilson_interval(successes: int, trials: int) -> tuple[float, float]:
    """Wilson's 95 % score interval of a success rate (Wilson 1927); raises ValueError without trials."""
    interval = binomtest(successes, trials).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)


def bootstrap_interval(sums_n: Doubles, counts_n: Doubles, draws: int = DRAWS) -> tuple[float, float]:
    """95 % percentile bootstrap of a mean over N clusters, of each the sum and the count of its values."""
    clusters = len(sums_n)
    weights = np.random.default_rng(0).multinomial(clusters, np.full(clusters, 1 / clusters), size=draws)
    low, high = np.quantile((weights @ sums_n) / (weights @ counts_n), [0.025, 0.975])
    return float(low), float(high)
