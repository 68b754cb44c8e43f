"""Success tables: a policy's rate with its interval, how long successes take, and what failures are like."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from hiwm.evaluation.intervals import bootstrap_interval, wilson_interval
from hiwm.evaluation.trials import Trial, of_policy, policies_of


@dataclass(frozen=True)
class Rate:
    """A policy's success in n trials.

    interval_95: Wilson's; a bootstrap over scenes where some were tried repeatedly. steps: median over successes.
    progress: mean at the end.
    """

    policy: str
    n: int
    successes: int
    rate: float
    interval_95: tuple[float, float]
    steps: float | None
    progress: float | None
    failures: dict[str, int]

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready dict."""
        return asdict(self)


def success_rate(trials: Sequence[Trial], policy: str) -> Rate:
    """One policy's rate; raises BadInput without trials."""
    own = of_policy(trials, policy)
    won = sum(trial.success for trial in own)
    steps = [trial.steps for trial in own if trial.success and trial.steps is not None]
    progress = [trial.progress for trial in own if trial.progress is not None]
    kinds = Counter(trial.failure or "unknown" for trial in own if not trial.success)
    return Rate(
        policy=policy,
        n=len(own),
        successes=won,
        rate=won / len(own),
        interval_95=_interval(own),
        steps=float(np.median(steps)) if steps else None,
        progress=float(np.mean(progress)) if progress else None,
        failures=dict(kinds.most_common()),
    )


def _interval(trials: Sequence[Trial]) -> tuple[float, float]:
    """Trials in one scene are alike, so scenes are drawn, unless all of them went the same way."""
    wins: dict[str, list[bool]] = defaultdict(list)
    for trial in trials:
        wins[trial.scene].append(trial.success)
    won = sum(trial.success for trial in trials)
    if len(wins) == len(trials) or won in (0, len(trials)):
        return wilson_interval(won, len(trials))
    sums = np.array([sum(one) for one in wins.values()], float)
    return bootstrap_interval(sums, np.array([len(one) for one in wins.values()], float))


def success_table(trials: Sequence[Trial]) -> list[Rate]:
    """All policies' rates, in the order of their first trials."""
    return [success_rate(trials, policy) for policy in policies_of(trials)]
