"""Success tables: a policy's rate with its interval, how long successes take, and what failures are like."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from hiwm.evaluation.intervals import wilson_interval
from hiwm.evaluation.trials import Trial, of_policy, policies_of


@dataclass(frozen=True)
class Rate:
    """A policy's success. interval_95: Wilson's. steps: median over successes. progress: mean at the end."""

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
        interval_95=wilson_interval(won, len(own)),
        steps=float(np.median(steps)) if steps else None,
        progress=float(np.mean(progress)) if progress else None,
        failures=dict(kinds.most_common()),
    )


def success_table(trials: Sequence[Trial]) -> list[Rate]:
    """All policies' rates, in the order of their first trials."""
    return [success_rate(trials, policy) for policy in policies_of(trials)]
