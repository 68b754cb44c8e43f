"""Whether a world judges the ends of episodes as the simulator does: successes, failures, near misses, and the actions
of successes replayed on a displaced object.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hiwm.bench.world_films import noise_seed, stepped, trust_of
from hiwm.bench.world_intervals import clustered_figure, share
from hiwm.bench.world_parts import BATCH, Bench
from hiwm.bench.world_trials import Trial, draw_trials
from hiwm.types import Reading

NEAR_SHARE = 0.25
"""Of the failures: those that ended with the highest progress in the simulator are the near misses."""
LEAST_DISPLACED = 0.05
"""Of the workspace. A displaced object is also at least as far away as the median of all other scenes' objects."""
DISPLACED_TRIES = 3
"""Other scenes that are tried for a success's actions; where the simulator says success in all, it is left out."""
NO_JUDGE = "the world does not judge success"


@dataclass(frozen=True, eq=False)
class Judged:
    """What the world reads at each step of a trial."""

    trial: Trial
    readings: tuple[Reading, ...]

    @property
    def success(self) -> bool:
        """The same rule as in the simulator: success at the end."""
        return bool(self.readings[-1].success)

    @property
    def agrees(self) -> bool:
        """Whether the simulator says the same."""
        return self.success == self.trial.success


@dataclass(frozen=True, eq=False)
class Displaced:
    """The actions of `source`, a success, from the start of another scene; `trial` holds both. apart: workspaces."""

    source: Trial
    trial: Trial
    apart: float


def success_figures(bench: Bench) -> dict[str, Any]:
    """Balanced accuracy over all episodes, shares by outcome, of near misses and of displaced objects, and all of them.

    The world starts from an episode's first picture and takes its actions to the end.
    """
    episodes = bench.plan.episodes
    with bench.bar(f"playing {bench.task.name}", episodes) as advance:
        trials = draw_trials(bench.task, bench.dynamics, episodes, advance)
    displaced = displaced_trials(bench, trials)
    judged = judge(bench, trials, "judging episodes")
    if any(one.readings[-1].success is None for one in judged):
        return {"left_out": NO_JUDGE}
    moved = judge(bench, [one.trial for one in displaced], "judging displaced objects")
    near = near_misses(judged)
    outcomes = [(np.array([one.trial.success]), np.array([one.success])) for one in judged]
    return {
        "rule": "the task is done at the last picture",
        "balanced_accuracy": clustered_figure(balanced_accuracy, outcomes),
        "successes_judged_successes": share([one.success for one in judged if one.trial.success]),
        "failures_judged_failures": share([not one.success for one in judged if not one.trial.success]),
        "near_misses_judged_failures": share([not one.success for one in near]),
        "least_progress_of_near_misses": min((_progress(one) for one in near), default=None),
        "displaced_judged_failures": share([not one.success for one in moved]),
        "displaced_median": float(np.median([one.apart for one in displaced])) if displaced else None,
        "episodes": [_row(one) | {"near_miss": one in near} for one in judged],
        "displaced": [_displaced_row(one, made) for one, made in zip(displaced, moved, strict=True)],
    }


def balanced_accuracy(success_n: NDArray[np.bool_], judged_n: NDArray[np.bool_]) -> float | None:
    """Mean of the shares of successes and of failures that are judged so; None without one of them."""
    if success_n.all() or not success_n.any():
        return None
    return float((judged_n[success_n].mean() + (~judged_n[~success_n]).mean()) / 2)


def near_misses(judged: Sequence[Judged]) -> list[Judged]:
    """The quarter of the failures that ended nearest to success by the simulator's progress; none without progress."""
    failed = [one for one in judged if not one.trial.success and one.trial.end.progress is not None]
    return sorted(failed, key=_progress, reverse=True)[: int(np.ceil(NEAR_SHARE * len(failed)))]


def judge(bench: Bench, trials: Sequence[Trial], what: str) -> list[Judged]:
    """Plays trials in the world, those of like length in one batch."""
    order = sorted(range(len(trials)), key=lambda i: len(trials[i].actions))
    readings: list[list[Reading]] = [[] for _ in trials]
    with bench.bar(what, len(trials)) as advance:
        for start in range(0, len(order), BATCH):
            batch = order[start : start + BATCH]
            seeds = [noise_seed(trials[i].scene, trials[i].kind, bench.plan.seed) for i in batch]
            states = [bench.world.state_of(trials[i].first, seed) for i, seed in zip(batch, seeds, strict=True)]
            for step in stepped(bench.world, states, [trials[i].actions for i in batch]):
                for k, _, reading in step:
                    readings[batch[k]].append(reading)
            for _ in batch:
                advance()
    return [Judged(trial, tuple(read)) for trial, read in zip(trials, readings, strict=True)]


def displaced_trials(bench: Bench, trials: Sequence[Trial]) -> list[Displaced]:
    """Each success's actions from another scene's start, where the simulator then fails; at most one a success.

    Another scene is an object displaced, with everything else as real as it was; its object is at least
    LEAST_DISPLACED away, and not nearer than most.
    """
    found: list[Displaced] = []
    successes = [trial for trial in trials if trial.success]
    with bench.bar("displacing objects", len(successes)) as advance:
        for k, source in enumerate(successes):
            others = _far_starts(bench, source, trials, np.random.default_rng([bench.plan.seed, k]))
            tried = (Displaced(source, _replayed(bench, source, other), apart) for other, apart in others)
            failed = next((one for one in tried if not one.trial.success), None)
            if failed is not None:
                found.append(failed)
            advance()
    return found


def _far_starts(
    bench: Bench, source: Trial, trials: Sequence[Trial], rng: np.random.Generator
) -> list[tuple[Trial, float]]:
    """A few trials, at random among those whose object starts far from this one's, and how far, in workspaces."""
    truth = np.stack([trial.first.require_truth() for trial in trials])
    own = np.repeat(source.first.require_truth()[None], len(truth), 0)
    apart = bench.ruler.apart(own, truth) / bench.ruler.workspace
    others = [i for i, trial in enumerate(trials) if trial is not source]
    if not others:
        return []
    margin = max(LEAST_DISPLACED, float(np.median(apart[others])))
    far = rng.permutation([i for i in others if apart[i] >= margin])
    return [(trials[i], float(apart[i])) for i in far[:DISPLACED_TRIES].astype(int)]


def _replayed(bench: Bench, source: Trial, start: Trial) -> Trial:
    """One trial's actions from another's start, in the simulator."""
    *_, last = stepped(bench.dynamics, [start.state], [source.actions])
    _, _, reading = last[0]
    return Trial(source.kind, start.scene, start.state, start.first, source.actions, reading)


def _progress(one: Judged) -> float:
    return one.trial.end.progress or 0.0


def _row(one: Judged) -> dict[str, Any]:
    trial, end, trust_t = one.trial, one.readings[-1], trust_of(one.readings)
    trust = None if trust_t is None else {"mean": float(trust_t.mean()), "least": float(trust_t.min())}
    return {
        "scene": trial.scene.id,
        "kind": str(trial.kind),
        "steps": len(trial.actions),
        "success": trial.success,
        "progress": trial.end.progress,
        "judged_success": one.success,
        "judged_progress": end.progress,
        "trust": trust,
        "trust_by_step": None if trust_t is None else [round(float(trust), 3) for trust in trust_t],
    }


def _displaced_row(one: Displaced, judged: Judged) -> dict[str, Any]:
    return _row(judged) | {"actions_of": one.source.scene.id, "apart": one.apart}
