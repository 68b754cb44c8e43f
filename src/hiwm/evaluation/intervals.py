"""Intervals that stand beside every rate hiwm states."""

from __future__ import annotations

from scipy.stats import binomtest


def wilson_interval(successes: int, trials: int) -> tuple[float, float]:
    """Wilson's 95 % score interval of a success rate (Wilson 1927); raises ValueError without trials."""
    interval = binomtest(successes, trials).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)
