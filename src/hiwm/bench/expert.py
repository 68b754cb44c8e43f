"""How often, how fast and at what cost a task's scripted expert succeeds on unseen scenes."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track

from hiwm.evaluation.intervals import wilson_interval
from hiwm.rollout import run
from hiwm.sims.task import SimTask
from hiwm.types import Kind, Scene


@dataclass(frozen=True)
class Outcome:
    """What remains of an episode: success at its end (hands home), steps, mistakes made, and CPU seconds."""

    success: bool
    steps: int
    lapses: frozenset[str]
    cpu_s: float


def bench_expert(task: SimTask, episodes: int = 100, first: int = 0) -> dict[str, Any]:
    """Rolls the expert out in the evaluation scenes `first` .. `first + episodes - 1`, without and with mistakes.

    CPU seconds include pictures.
    """
    scenes = [Scene(task.name, "eval", first + k) for k in range(episodes)]
    clean = _outcomes(task, Kind.DEMO, scenes)
    won = sum(outcome.success for outcome in clean)
    return {
        "task": task.name,
        "scenes": [scenes[0].id, scenes[-1].id],
        "episodes": episodes,
        "success": won / episodes,
        "success_interval_95": wilson_interval(won, episodes),
        "steps_mean": float(np.mean([outcome.steps for outcome in clean])),
        "steps_max": max(outcome.steps for outcome in clean),
        "cpu_s_per_episode": float(np.mean([outcome.cpu_s for outcome in clean])),
        "with_mistakes": _mistakes(_outcomes(task, Kind.FAILURE, scenes)),
    }


def _outcomes(task: SimTask, kind: Kind, scenes: list[Scene]) -> list[Outcome]:
    """One scene at a time; pictures are drawn, and forgotten."""
    script, dynamics, outcomes = task.script(kind), task.open(), []
    for scene in track(scenes, f"{task.name} {kind}", console=Console(stderr=True), transient=True):
        began = time.process_time()
        path = run(script, dynamics, [scene], task.max_steps, lambda path: script.finished(path[-1].memory))[0]
        lapses = frozenset(node.memory.lapse for node in path) - {""}
        cpu_s = time.process_time() - began
        outcomes.append(Outcome(bool(path[-1].reading.success), path[-1].step, lapses, cpu_s))
    dynamics.close()
    return outcomes


def _mistakes(outcomes: list[Outcome]) -> dict[str, Any]:
    """Of episodes with mistakes: how many end failed, how many are made good, and which mistakes were made."""
    return {
        "ended_failed": float(np.mean([not o.success for o in outcomes])),
        "made_good": float(np.mean([bool(o.lapses) and o.success for o in outcomes])),
        "without_mistake": float(np.mean([not o.lapses for o in outcomes])),
        "episodes_with": dict(sorted(Counter(name for o in outcomes for name in o.lapses).items())),
    }
