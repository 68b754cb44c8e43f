"""How fast a task is collected, what an episode costs by stage, and whether that stays so as episodes add up."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from hiwm.data.writer import open_lerobot
from hiwm.errors import BadInput
from hiwm.pipeline.collect import CollectReport, collect
from hiwm.pipeline.collect_worker import TaskSource, load
from hiwm.rollout import run
from hiwm.runfolder import hiwm_home
from hiwm.sims.task import SimTask
from hiwm.types import Kind, Scene

_MIX = {"demos": 5, "failures": 2, "edges": 3}
"""Of ten episodes."""


def bench_collect(
    task: TaskSource, episodes: int, workers: int = 2, seed: int = 0, progress: bool = True
) -> dict[str, Any]:
    """Collects half of the episodes into a temporary folder of `$HIWM_HOME`, then extends that to all of them.

    Of ten episodes five are demonstrations, two failures, three edge cases. Returns JSON-able figures:
    `episodes_per_hour` of wall time with everything (start of the workers, encoding, joining, checking); `cpu_s` by
    stage and episode; `steady_episodes_per_hour`, which that CPU time allows on these cores once LeRobot is imported
    (`import`, a cost per worker); both again for `first_half` and `second_half`, which differ by noise only when the
    work does not depend on how many episodes are there already; `bytes_per_episode`; `picture_psnr_db` over RGB of the
    first episode's decoded pictures against the same scene simulated again; `success` at the last frame by kind.
    Raises BadInput unless episodes are a multiple of 20.
    """
    if episodes < 20 or episodes % 20:
        raise BadInput(f"expected a multiple of 20 episodes, so that both halves are alike, got {episodes}")
    load(task)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=hiwm_home()) as folder:
        out = Path(folder) / "dataset"
        first, second = (
            collect(task, out, **_numbers(n), workers=workers, seed=seed, progress=progress)
            for n in (episodes // 2, episodes)
        )
        psnr_db = _picture_psnr_db(out, load(task))
    hours = sum(half.new_episodes / (half.episodes_per_hour or 1) for half in (first, second))
    cpu_s = {stage: (first.cpu_s[stage] + second.cpu_s[stage]) / 2 for stage in first.cpu_s}
    return {
        "episodes": episodes,
        "workers": workers,
        "cores": os.cpu_count(),
        "episodes_per_hour": episodes / hours,
        "steady_episodes_per_hour": _steady(cpu_s, workers),
        "cpu_s": cpu_s,
        "first_half": _half(first, workers),
        "second_half": _half(second, workers),
        "bytes_per_episode": second.bytes_per_episode,
        "picture_psnr_db": psnr_db,
        "success": {str(kind): f"{second.successes[kind]}/{count}" for kind, count in second.counts.items()},
    }


def _numbers(episodes: int) -> dict[str, Any]:
    return {name: episodes * of_ten // 10 for name, of_ten in _MIX.items()}


def _picture_psnr_db(out: Path, task: SimTask) -> float:
    """Of the first camera; the dataset's first episode is a demonstration."""
    dataset: Any = open_lerobot(out)
    scene = Scene.parse(dataset[0]["scene"])
    script, dynamics = task.script(Kind.DEMO), task.open()
    path = run(script, dynamics, [scene], task.max_steps, lambda path: script.finished(path[-1].memory))[0]
    camera = dynamics.spec.cameras[0].name
    dynamics.close()
    errors = [
        np.mean((dataset[t][camera].permute(1, 2, 0).numpy() - node.observation.images[camera].astype(float)) ** 2)
        for t, node in enumerate(path[:-1])
    ]
    return float(10 * np.log10(255**2 / np.mean(errors)))


def _half(report: CollectReport, workers: int) -> dict[str, Any]:
    return {
        "episodes_per_hour": report.episodes_per_hour,
        "steady_episodes_per_hour": _steady(dict(report.cpu_s), workers),
        "cpu_s": dict(report.cpu_s),
    }


def _steady(cpu_s: dict[str, float], workers: int) -> float:
    busy = min(max(workers, 1), os.cpu_count() or 1)
    return 3600 * busy / sum(seconds for stage, seconds in cpu_s.items() if stage != "import")
