"""`hiwm rollout`: a policy attempts many scenes in a world or a simulator; each attempt becomes a session file.

Killed at any moment, the same command goes on with the scenes that are missing.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import as_completed
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from hiwm.errors import BadInput
from hiwm.evaluation.ending import succeeded
from hiwm.pipeline.dynamics import about_dynamics
from hiwm.pipeline.manifest import begin_stage, read_manifest, write_manifest
from hiwm.pipeline.rollout_worker import SESSIONS, WORK, Job, Rolled, Roller, Steps, about_policy, session_name
from hiwm.pipeline.scenes import errand_of
from hiwm.pipeline.worker_pool import worker_pool
from hiwm.session.file import SessionFile
from hiwm.types import Scene

STAGE = "rollout"


@dataclass(frozen=True)
class RolloutReport:
    """How the attempts of a folder ended, in the order of the scenes; `new` of them were made by this call."""

    rolled: tuple[Rolled, ...]
    new: int

    @property
    def successes(self) -> int:
        """Attempts whose last reading is success."""
        return sum(one.success for one in self.rolled)


def rollout(job: Job, batch: int = 16, workers: int = 2, progress: bool = True) -> RolloutReport:
    """Rolls a policy out in all scenes of the job, into its folder.

    batch: scenes that are stepped together. workers: processes for a simulator; a world steps its batches in this one,
    where all threads serve it. Raises BadInput where the folder holds another rollout; what was finished is kept.
    """
    if batch < 1 or workers < 0:
        raise BadInput(f"expected a batch of at least 1 and workers of at least 0, got {batch} and {workers}")
    policy = about_policy(job.policy)
    inputs = {"policy": Path(policy["name"])} if Path(policy["name"]).is_dir() else {}
    settings = {
        "policy": policy,
        "dynamics": about_dynamics(job.world, job.sim, job.look),
        "scenes": [scene.id for scene in job.scenes],
        "seed": job.seed,
        "max_steps": job.max_steps,
    }
    begin_stage(job.out, STAGE, inputs, settings)
    for folder in (SESSIONS, WORK):
        (job.out / folder).mkdir(exist_ok=True)
    missing = [scene for scene in job.scenes if not (job.out / SESSIONS / session_name(scene)).exists()]
    with _bar(job, len(missing), progress) as steps:
        for _ in _rolled(job, missing, batch, workers, steps):
            pass
    shutil.rmtree(job.out / WORK)
    report = RolloutReport(tuple(read_rolled(job.out / SESSIONS / session_name(s)) for s in job.scenes), len(missing))
    results = {"attempts": len(report.rolled), "successes": report.successes}
    write_manifest(job.out, STAGE, inputs, settings, results | {"rolled": [asdict(one) for one in report.rolled]})
    return report


def read_rolled(path: Path) -> Rolled:
    """How the first attempt in a session file ended."""
    file = SessionFile.open(path, read_only=True)
    try:
        rows = file.rows()
        last = rows[-1]
        return Rolled(file.about.scene, path.name, succeeded([last.reading]), last.step, last.reading.progress)
    finally:
        file.close()


def require_rollout(folder: Path) -> list[Path]:
    """The session files of a finished rollout, in order; raises BadInput where there is none."""
    manifest = read_manifest(folder)
    if manifest is None or not manifest.complete:
        state = "is not finished: run the same hiwm rollout again" if manifest else "holds none: make one first"
        raise BadInput(f"expected a finished hiwm rollout in {folder}, it {state}")
    return sorted((folder / SESSIONS).glob("*.hiwm"))


def _rolled(job: Job, scenes: Sequence[Scene], batch: int, workers: int, steps: Steps) -> Iterator[list[Rolled]]:
    """Batches as they are finished; all scenes of one have the same instruction and time."""
    groups: dict[tuple[str, int], list[Scene]] = {}
    for scene in scenes:
        errand = errand_of(scene)
        groups.setdefault((errand.prompt, errand.max_steps), []).append(scene)
    batches = [group[k : k + batch] for group in groups.values() for k in range(0, len(group), batch)]
    if job.world is not None or workers == 0:
        yield from _here(job, batches, steps)
        return
    with worker_pool(workers, partial(Roller, job)) as submit:
        for future in as_completed([submit("roll", part) for part in batches]):
            done: list[Rolled] = future.result()
            steps(sum(one.steps for one in done))
            yield done


def _here(job: Job, batches: Sequence[Sequence[Scene]], steps: Steps) -> Iterator[list[Rolled]]:
    roller = Roller(job)
    try:
        for part in batches:
            yield roller.roll(part, steps)
    finally:
        roller.close()


@contextmanager
def _bar(job: Job, scenes: int, show: bool) -> Iterator[Steps]:
    """A bar on stderr over control steps, at most all that there is time for."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    limit = job.max_steps or errand_of(job.scenes[0]).max_steps
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not show) as bar:
        row = bar.add_task(f"rolling out {scenes} scenes", total=scenes * limit)
        yield lambda count: bar.advance(row, count)
