"""How often, how fast and at what cost a task's scripted expert succeeds on unseen scenes."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import numpy as np

from hiwm.evaluation.intervals import wilson_interval
from hiwm.rollout import Path, run
from hiwm.sims.task import SimTask
from hiwm.types import Kind, Scene


def bench_expert(task: SimTask, episodes: int = 100, first: int = 0) -> dict[str, Any]:
    """Rolls the expert out in the evaluation scenes `first` .. `first + episodes - 1`, without and with mistakes.

    Success is read at the end of an episode, when the hands are home. CPU seconds include pictures.
    """
    scenes = [Scene(task.name, "eval", first + k) for k in range(episodes)]
    demo, demo_cpu_s = _episodes(task, Kind.DEMO, scenes)
    failure, _ = _episodes(task, Kind.FAILURE, scenes)
    won = sum(bool(path[-1].reading.success) for path in demo)
    steps = [path[-1].step for path in demo]
    return {
        "task": task.name,
        "scenes": [scenes[0].id, scenes[-1].id],
        "episodes": episodes,
        "success": won / episodes,
        "success_interval_95": wilson_interval(won, episodes),
        "steps_mean": float(np.mean(steps)),
        "steps_max": max(steps),
        "cpu_s_per_episode": demo_cpu_s / episodes,
        "with_mistakes": _mistakes(failure),
    }


def _episodes(task: SimTask, kind: Kind, scenes: list[Scene]) -> tuple[list[Path], float]:
    """Paths, one scene at a time, and the CPU seconds that they took."""
    script, dynamics = task.script(kind), task.open()
    began = time.process_time()
    paths = [
        run(script, dynamics, [scene], task.max_steps, lambda path: script.finished(path[-1].memory))[0]
        for scene in scenes
    ]
    spent = time.process_time() - began
    dynamics.close()
    return paths, spent


def _mistakes(paths: list[Path]) -> dict[str, Any]:
    """Of episodes with mistakes: how many end failed, how many are made good, and which mistakes were made."""
    lapses = [{node.memory.lapse for node in path} - {""} for path in paths]
    failed = [not path[-1].reading.success for path in paths]
    pairs = list(zip(lapses, failed, strict=True))
    return {
        "ended_failed": float(np.mean(failed)),
        "made_good": float(np.mean([bool(made) and not bad for made, bad in pairs])),
        "without_mistake": float(np.mean([not made for made in lapses])),
        "episodes_with": dict(sorted(Counter(name for made in lapses for name in made).items())),
    }
