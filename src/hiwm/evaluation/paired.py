"""Differences between two policies in the same scenes, with an interval and an exact test."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.stats import binomtest

from hiwm.errors import BadInput
from hiwm.evaluation.intervals import DRAWS, bootstrap_interval, wilson_interval
from hiwm.evaluation.trials import Trial, of_policy


@dataclass(frozen=True)
class Difference:
    """Success of `policy` less that of `against`, in their common trials.

    value, interval_95: as shares. p: exact McNemar. n: pairs. only_policy, only_against: pairs that only one won.
    """

    policy: str
    against: str
    value: float
    interval_95: tuple[float, float]
    p: float
    n: int
    scenes: int
    only_policy: int
    only_against: int

    @property
    def verdict(self) -> str:
        """`better`, `worse`, or `unclear` where the interval reaches zero."""
        low, high = self.interval_95
        return "better" if low > 0 else "worse" if high < 0 else "unclear"

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready dict."""
        return asdict(self) | {"verdict": self.verdict}


def paired_difference(trials: Sequence[Trial], policy: str, against: str, draws: int = DRAWS) -> Difference:
    """Compares two policies over the scenes (and trial numbers) that both were tried in; raises BadInput without any.

    The interval is the 95 % percentile bootstrap over whole scenes. Where all scenes differ by the same, a bootstrap
    knows of no spread; the interval is then Newcombe's from the two Wilson intervals (1998, method 10 without the
    correlation, so rather too wide).
    """
    first = {trial.start: trial.success for trial in of_policy(trials, policy)}
    second = {trial.start: trial.success for trial in of_policy(trials, against)}
    both = [start for start in first if start in second]
    if not both:
        raise BadInput(f"{policy} and {against} have no scene in common; evaluate both on the same --scenes")
    by_scene: dict[str, list[int]] = defaultdict(list)
    for start in both:
        by_scene[start[0]].append(int(first[start]) - int(second[start]))
    sums_n = np.array([sum(gaps) for gaps in by_scene.values()], float)
    counts_n = np.array([len(gaps) for gaps in by_scene.values()], float)
    only_policy = sum(first[start] and not second[start] for start in both)
    only_against = sum(second[start] and not first[start] for start in both)
    if np.ptp(sums_n / counts_n) > 0:
        interval = bootstrap_interval(sums_n, counts_n, draws)
    else:
        interval = _newcombe(sum(first[s] for s in both), sum(second[s] for s in both), len(both))
    return Difference(
        policy, against, float(sums_n.sum() / counts_n.sum()), interval, mcnemar_p(only_policy, only_against),
        len(both), len(by_scene), only_policy, only_against,
    )  # fmt: skip


def mcnemar_p(only_first: int, only_second: int) -> float:
    """Two-sided exact McNemar test from the discordant pairs; 1 without any."""
    discordant = only_first + only_second
    return float(binomtest(only_first, discordant, 0.5).pvalue) if discordant else 1.0


def _newcombe(won_first: int, won_second: int, n: int) -> tuple[float, float]:
    (low_1, high_1), (low_2, high_2) = wilson_interval(won_first, n), wilson_interval(won_second, n)
    rate_1, rate_2 = won_first / n, won_second / n
    gap = rate_1 - rate_2
    below = float(np.hypot(rate_1 - low_1, high_2 - rate_2))
    above = float(np.hypot(high_1 - rate_1, rate_2 - low_2))
    return max(-1.0, gap - below), min(1.0, gap + above)
