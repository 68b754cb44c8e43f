"""Figures over rows that come in clusters (the steps of a clip, the pairs of a state), with intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hiwm.evaluation.intervals import wilson_interval

type Columns = tuple[NDArray[Any], ...]
"""The rows of one cluster, as columns of one length."""


def clustered_figure(
    statistic: Callable[..., float | None], clusters: Sequence[Columns], draws: int = 1000
) -> dict[str, Any]:
    """A statistic of all rows, its 95 % percentile bootstrap interval, and the numbers of rows and of clusters.

    Whole clusters are drawn, since rows of one cluster say nearly the same (Davison and Hinkley 1997, section 3.8).
    statistic: takes the columns of all rows; None where they cannot say, as for draws that are then left out.
    """
    found = statistic(*_pooled(clusters)) if clusters else None
    rng = np.random.default_rng(0)
    drawn: list[float] = []
    for _ in range(draws if found is not None else 0):
        again = statistic(*_pooled([clusters[k] for k in rng.integers(0, len(clusters), len(clusters))]))
        if again is not None:
            drawn.append(again)
    return {
        "value": found,
        "interval_95": [float(end) for end in np.quantile(drawn, [0.025, 0.975])] if drawn else None,
        "n": sum(len(columns[0]) for columns in clusters),
        "clusters": len(clusters),
    }


def share(right: Sequence[bool]) -> dict[str, Any]:
    """The share that is true with Wilson's 95 % interval, and n."""
    if not right:
        return {"value": None, "interval_95": None, "n": 0}
    count = sum(right)
    return {"value": count / len(right), "interval_95": list(wilson_interval(count, len(right))), "n": len(right)}


def _pooled(clusters: Sequence[Columns]) -> list[NDArray[Any]]:
    return [np.concatenate(column) for column in zip(*clusters, strict=True)]
