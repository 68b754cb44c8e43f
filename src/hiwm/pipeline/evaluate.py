"""`hiwm evaluate`: policies attempt the same scenes, in the simulator or in a learned world; resumable, paired."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from hiwm.errors import BadInput
from hiwm.evaluation.paired import Difference, paired_difference
from hiwm.evaluation.success import Rate, success_table
from hiwm.evaluation.trials import Trial, policies_of, read_trials, write_trials
from hiwm.pipeline.dynamics import about_dynamics
from hiwm.pipeline.evaluate_worker import Batch, Evaluator, Ground
from hiwm.pipeline.manifest import begin_stage, write_manifest
from hiwm.pipeline.scenes import Errand, errand_of, parse_scenes
from hiwm.pipeline.worker_pool import worker_pool
from hiwm.runfolder import full_disk_is_clear, write_json
from hiwm.types import Scene

TRIALS, SUMMARY = "trials.csv", "summary.json"
STAGE = "evaluate"


@dataclass(frozen=True)
class Ways:
    """How is evaluated.

    workers: processes. batch: scenes stepped together. max_steps: of an attempt, None for the task's. trials: attempts
    of each policy in each scene.
    """

    workers: int = 2
    batch: int = 8
    device: str = "cpu"
    max_steps: int | None = None
    trials: int = 1

    def __post_init__(self) -> None:
        """Raises BadInput on no trials."""
        if self.trials < 1:
            raise BadInput(f"expected at least 1 as --trials, got {self.trials}")


DEFAULT = Ways()


def evaluate(
    policies: Sequence[str],
    out: Path,
    scenes: Sequence[str],
    *,
    world: str | None = None,
    sim: str | None = None,
    look: str = "plain",
    ways: Ways = DEFAULT,
) -> dict[str, Any]:
    """Every policy attempts every scene; writes trials.csv, summary.json and the manifest; returns the summary.

    policies: names or folders, or LABEL=NAME; labels are the last part of a folder. The same call again goes on with
    the trials that are missing. Differences are those to the first policy.
    """
    named = named_policies(policies)
    chosen = parse_scenes(scenes)
    ground = Ground(world, sim, look, tuple(chosen))
    settings = _settings(named, scenes, about_dynamics(world, sim, look), ways)
    folders = {label: Path(policy) for label, policy in named.items() if Path(policy).is_dir()}
    begin_stage(out, STAGE, folders, settings)
    began = time.monotonic()
    with full_disk_is_clear(f"writing {out / TRIALS}"):
        trials = _attempt_all(named, ground, out / TRIALS, ways)
        summary = summarised(trials) | {"dynamics": about_dynamics(world, sim, look)}
        write_json(out / SUMMARY, summary)
        results = {"trials": len(trials), "seconds": round(time.monotonic() - began, 1)}
        write_manifest(out, STAGE, folders, settings, results)
    return summary


def named_policies(policies: Sequence[str]) -> dict[str, str]:
    """Policy by label; raises BadInput where two have the same."""
    named: dict[str, str] = {}
    for text in policies:
        label, is_named, policy = text.partition("=")
        if not is_named:
            label, policy = Path(text).name if "/" in text and "://" not in text else text, text
        if not label or not policy:
            raise BadInput(f"expected --policy FOLDER or LABEL=FOLDER, got {text!r}")
        if label in named:
            raise BadInput(f"two policies are called {label}; tell them apart with --policy LABEL=FOLDER")
        named[label] = policy
    if not named:
        raise BadInput("expected at least one --policy")
    return named


def compared(trials: Sequence[Trial]) -> tuple[list[Rate], list[Difference]]:
    """Rates of all policies, and the differences to the first one."""
    first, *others = policies_of(trials)
    return success_table(trials), [paired_difference(trials, other, first) for other in others]


def summarised(trials: Sequence[Trial]) -> dict[str, Any]:
    """The same, JSON-ready."""
    rates, differences = compared(trials)
    return {
        "policies": [rate.to_json() for rate in rates],
        "differences": [difference.to_json() for difference in differences],
        "scenes": len({trial.scene for trial in trials}),
    }


def summary_table(rates: Sequence[Rate], differences: Sequence[Difference]) -> Table:
    """Rates with intervals, and how they differ from the first policy."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("policy", "success", "95 %", "n", "steps", "against the first", "failures"):
        table.add_column(column)
    gaps = {difference.policy: difference for difference in differences}
    for rate in rates:
        low, high = rate.interval_95
        gap = gaps.get(rate.policy)
        points = "" if gap is None else f"{_points(gap.value)} ({_points(gap.interval_95[0])} .. "
        points += "" if gap is None else f"{_points(gap.interval_95[1])})"
        kinds = ", ".join(f"{count} {kind}" for kind, count in rate.failures.items())
        steps = "-" if rate.steps is None else f"{rate.steps:.0f}"
        table.add_row(
            rate.policy, f"{rate.rate:.1%}", f"{low:.0%} .. {high:.0%}", str(rate.n), steps, points or "-", kinds or "-"
        )
    return table


def _points(share: float) -> str:
    return f"{100 * share:+.1f}"


def _settings(
    named: Mapping[str, str], scenes: Sequence[str], dynamics: Mapping[str, str], ways: Ways
) -> dict[str, Any]:
    """What decides about the trials; workers and device do not, so that another machine may go on."""
    return {
        "policies": dict(named),
        "scenes": list(scenes),
        "dynamics": dict(dynamics),
        "max_steps": ways.max_steps,
        "trials": ways.trials,
    }


def _attempt_all(named: Mapping[str, str], ground: Ground, file: Path, ways: Ways) -> list[Trial]:
    """All trials, in the order of policies and scenes; the file is whole after each batch."""
    done = {(t.policy, *t.start): t for t in (read_trials(file) if file.exists() else [])}
    order = [(label, scene.id, n) for label in named for n in range(ways.trials) for scene in ground.scenes]
    batches = [
        batch
        for label, policy in named.items()
        for n in range(ways.trials)
        for batch in _batches(label, policy, n, [s for s in ground.scenes if (label, s.id, n) not in done], ways)
    ]
    if batches:
        with _bar(len(order), len(done)) as advance:
            for found in _found(batches, ground, ways):
                done |= {(trial.policy, *trial.start): trial for trial in found}
                write_trials(file, (done[key] for key in order if key in done))
                advance(len(found), found[0].policy)
    return [done[key] for key in order]


def _batches(label: str, policy: str, trial: int, scenes: Sequence[Scene], ways: Ways) -> list[Batch]:
    """Scenes in batches of one errand, stepped together."""
    by_errand: dict[Errand, list[Scene]] = {}
    for scene in scenes:
        by_errand.setdefault(errand_of(scene), []).append(scene)
    return [
        Batch(
            label, policy, errand.prompt, trial, tuple(group[at : at + ways.batch]), ways.max_steps or errand.max_steps
        )
        for errand, group in by_errand.items()
        for at in range(0, len(group), ways.batch)
    ]


def _found(batches: Sequence[Batch], ground: Ground, ways: Ways) -> Iterator[list[Trial]]:
    """The trials of each batch as it is finished."""
    with worker_pool(ways.workers, partial(Evaluator, ground, ways.device)) as submit:
        for future in as_completed([submit("attempt", batch) for batch in batches]):
            yield future.result()


@contextmanager
def _bar(total: int, done: int) -> Iterator[Callable[[int, str], None]]:
    """A progress bar over trials on stderr: advance(trials, policy)."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("evaluating", total=total, completed=done)
        yield lambda trials, policy: progress.update(bar, advance=trials, description=f"evaluating {policy}")
