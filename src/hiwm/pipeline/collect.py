"""Collects a dataset from a simulated task: demonstrations, failures and edge cases, by its scripted drivers.

Every episode is simulated from a scene of its own and journaled; a part of a few episodes at a time becomes a LeRobot
dataset; at the end all parts are joined, verified, and put in place. Killed at any moment, the same command goes on.
Episodes are grouped: those of one call by kind, those of a later, extending call behind them.
"""

from __future__ import annotations

import dataclasses
import shutil
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from hiwm import __version__
from hiwm.data.features import read_sidecar, write_sidecar
from hiwm.data.writer import folder_bytes
from hiwm.errors import BadInput, HiwmError, OutOfSpace, StageFailed
from hiwm.pipeline.collect_plan import Counts, Part, Plan, Slot, WorkFolder, parts_to_write
from hiwm.pipeline.collect_worker import (
    JOURNAL_PART,
    VIDEO_PART,
    About,
    Done,
    Job,
    Joined,
    Submit,
    TaskSource,
    Worker,
    crew,
    load,
)
from hiwm.runfolder import recover_folder, replace_folder, require_space
from hiwm.spec import RobotSpec
from hiwm.types import Kind

type Watch = Callable[[str, int, int], None]
"""watch(stage, episodes on disk, episodes in all): called when either changes."""

_FULL_BYTES = 16_000_000
"""A disk with less room than this counts as full when a worker fails."""


@dataclass(frozen=True)
class CollectReport:
    """What a dataset holds and what the call that completed it took.

    successes: episodes whose last frame reads success. new_episodes: simulated by that call; episodes_per_hour: of its
    wall time, start and joining included, None where it simulated none. cpu_s: CPU seconds by stage (simulate, journal,
    import, encode, join) per new episode.
    """

    counts: Counts
    successes: Counts
    new_episodes: int
    episodes_per_hour: float | None
    bytes_per_episode: float
    cpu_s: Mapping[str, float]
    already_complete: bool = False

    def to_json(self) -> dict[str, Any]:
        """JSON-ready; `from_json` is its inverse, but for `already_complete`."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)[:-1]}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> CollectReport:
        """The report of a complete dataset, as its sidecar has it."""
        names = [field.name for field in dataclasses.fields(CollectReport)[:-1]]
        report = CollectReport(**{name: data[name] for name in names}, already_complete=True)
        counts, successes = ({kind: numbers[kind] for kind in Kind} for numbers in (report.counts, report.successes))
        return dataclasses.replace(report, counts=counts, successes=successes)


def collect(
    task: TaskSource,
    out: Path,
    demos: int,
    failures: int,
    edges: int,
    workers: int = 2,
    seed: int = 0,
    part_episodes: int = 25,
    progress: bool = True,
) -> CollectReport:
    """Makes `out` a dataset of so many episodes of each kind, or extends one that an earlier call made.

    task: its name, what makes it (`partial(load_task, name, setting)`), or itself; worker processes get a pickled copy.
    workers: processes; 0 works in this one. part_episodes: episodes written at a time. progress: shows a bar on stderr.
    Raises UnknownName, BadInput where `out` or a collection at work there is of something else, OutOfSpace, and
    StageFailed naming the scene at which a worker failed; nothing that was finished is lost by any of them.
    """
    counts = {Kind.DEMO: demos, Kind.FAILURE: failures, Kind.EDGE: edges}
    if workers < 0 or part_episodes < 1:
        raise BadInput(f"expected workers >= 0 and part_episodes >= 1, got {workers} and {part_episodes}")
    loaded = load(task)
    plan = Plan(loaded.name, seed, counts, loaded.look, loaded.mistakes)
    with episode_bar() if progress else nullcontext(_unwatched) as watch:
        return run_plan(plan, task, out.absolute(), workers, part_episodes, watch)


def _unwatched(stage: str, done: int, total: int) -> None:
    pass


def run_plan(plan: Plan, task: TaskSource, out: Path, workers: int, part_episodes: int, watch: Watch) -> CollectReport:
    """`collect`, with whoever wants to watch. out: absolute."""
    began = time.monotonic()
    _collected(out)
    work = WorkFolder.beside(out)
    with work.locked(), crew(Job(task, plan.seed, work), workers) as submit:
        recover_folder(out)
        old = _collected(out)
        about: About = _result(submit(Worker.describe), f"opening {plan.task}", work)
        have = _extendable(plan, old, about.spec, out)
        work.begin(plan, have)
        if old is not None and have == plan.counts:
            work.remove()
            return CollectReport.from_json(old["collected"])
        missing = parts_to_write(plan.counts, have, work.done_parts(), part_episodes)
        _require_room(about.raw_bytes, out, missing, part_episodes * max(workers, 1))
        spent = _write_parts(plan, work, missing, submit, max(2 * workers, 1), watch)
        watch("joining and checking", plan.total, plan.total)
        sources = ([out] if old is not None else []) + [work.part_folder(part) for part in work.done_parts()]
        joined: Joined = _result(submit(Worker.join, sources), "joining the parts", work)
        report = _report(joined, spent, time.monotonic() - began)
        figures = report.to_json() | plan.identity | _versions()
        write_sidecar(work.joined, about.spec, plan.task, collected=figures)
        replace_folder(work.joined, out)
        work.remove()
    return report


def _collected(out: Path) -> dict[str, Any] | None:
    """The sidecar of the dataset that is there, None where nothing is; raises BadInput on anything else."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return None
    sidecar = read_sidecar(out) if out.is_dir() else None
    if sidecar is None or "collected" not in sidecar:
        raise BadInput(f"{out} exists and was not made by hiwm collect; nothing was changed: give another --out")
    return sidecar


def _extendable(plan: Plan, old: dict[str, Any] | None, spec: RobotSpec, out: Path) -> Counts:
    """What the dataset has already; raises BadInput where the plan does not extend it."""
    if old is None:
        return dict.fromkeys(Kind, 0)
    have = {kind: int(old["collected"]["counts"][kind]) for kind in Kind}
    plan.require_extends(old["collected"] | {"task": old["task"]}, have, out)
    if RobotSpec.from_json(old["spec"]) != spec:
        raise BadInput(
            f"{out} was collected with another robot spec (see its meta/hiwm.json) than {plan.task} has now: cameras, "
            "state, actions or rate differ; give another --out"
        )
    return have


def _require_room(raw_bytes: int, out: Path, missing: list[Part], journaled: int) -> None:
    """Raises OutOfSpace where the new episodes cannot be journaled, written and joined with what is there."""
    episodes = sum(len(part.slots) for part in missing)
    old = folder_bytes(out) if out.exists() else 0
    need = (2 * episodes * VIDEO_PART + min(journaled, episodes) * JOURNAL_PART) * raw_bytes + old
    require_space(out, int(need), f"collecting {episodes} episodes")


@dataclass
class _Spent:
    cpu_s: Counter[str]
    new_episodes: int = 0


def _write_parts(
    plan: Plan, work: WorkFolder, missing: list[Part], submit: Submit, at_once: int, watch: Watch
) -> _Spent:
    """Simulates what is not journaled, and writes each part as soon as its last episode is there."""
    open_slots = {part: [s for s in part.slots if not work.journal_file(s).exists()] for part in missing}
    left = {part: len(slots) for part, slots in open_slots.items()}
    todo = deque((part, slot) for part in missing for slot in _work(open_slots[part]))
    done = plan.total - sum(left.values())
    pending: dict[Future[Done], tuple[Part, Slot | None]] = {}
    spent = _Spent(Counter())
    while todo or pending:
        watch("collecting", done, plan.total)
        while todo and len(pending) < at_once:
            part, slot = todo.popleft()
            future = submit(Worker.write_part, part) if slot is None else submit(Worker.make_episode, slot)
            pending[future] = (part, slot)
        for future in wait(pending, return_when=FIRST_COMPLETED).done:
            part, slot = pending.pop(future)
            spent.cpu_s.update(_result(future, _piece(plan, part, slot), work).cpu_s)
            if slot is not None:
                done, left[part], spent.new_episodes = done + 1, left[part] - 1, spent.new_episodes + 1
                if left[part] == 0:
                    todo.appendleft((part, None))
    return spent


def _work(slots: list[Slot]) -> list[Slot | None]:
    """An episode to simulate each; a part whose episodes are all journaled is only to be written (None)."""
    return list(slots) or [None]


def _piece(plan: Plan, part: Part, slot: Slot | None) -> str:
    return f"writing part {part.name}" if slot is None else f"{slot.kind} in {slot.scene(plan.task, plan.seed).id}"


def _result(future: Future[Any], what: str, work: WorkFolder) -> Any:
    """What a worker returned; its error as one line that says at what it failed."""
    error = future.exception()
    if error is None:
        return future.result()
    kept = "finished episodes are kept: run the same command again"
    if shutil.disk_usage(work.root).free < _FULL_BYTES:
        raise OutOfSpace(f"the disk is full, {what} failed; make room; {kept}") from error
    if isinstance(error, OutOfSpace):
        raise error
    if isinstance(error, BrokenProcessPool):
        raise StageFailed(f"a worker process died, perhaps for want of memory; {kept}, with fewer --workers") from error
    said = str(error) if isinstance(error, HiwmError) else f"{type(error).__name__}: {error}"
    raise StageFailed(f"{what} failed: {said} ({kept})") from error


def _report(joined: Joined, spent: _Spent, wall_s: float) -> CollectReport:
    new = spent.new_episodes
    cpu_s = spent.cpu_s + Counter(joined.cpu_s)
    return CollectReport(
        counts={kind: tally.episodes for kind, tally in joined.kinds.items()},
        successes={kind: tally.successes for kind, tally in joined.kinds.items()},
        new_episodes=new,
        episodes_per_hour=new / wall_s * 3600 if new else None,
        bytes_per_episode=joined.bytes / sum(tally.episodes for tally in joined.kinds.values()),
        cpu_s={stage: seconds / new for stage, seconds in cpu_s.items()} if new else {},
    )


def _versions() -> dict[str, str]:
    return {"hiwm": __version__, "mujoco": metadata.version("mujoco")}


@contextmanager
def episode_bar() -> Iterator[Watch]:
    """A progress bar on stderr: stage, episodes, rate and time left."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    rate = TextColumn("{task.fields[rate]}")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), rate, TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        row = bar.add_task("starting", total=None, rate="")

        def watch(stage: str, done: int, total: int) -> None:
            if bar.tasks[row].total is None:  # what was there before this call says nothing about its rate
                bar.reset(row, total=total, completed=done)
            speed = bar.tasks[row].speed
            bar.update(row, description=stage, completed=done, rate=f"{speed * 3600:.0f}/h" if speed else "")

        yield watch
