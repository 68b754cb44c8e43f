"""`hiwm export`: corrected sessions in, a LeRobot dataset out, which is built beside, proved, and put in its place."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from hiwm.corrections.compare import compare
from hiwm.corrections.dataset import Chosen, choose, columns_like, common_of, write_corrections
from hiwm.corrections.gates import Gates
from hiwm.corrections.reading import opened
from hiwm.corrections.takes import Shape
from hiwm.errors import BadInput
from hiwm.pipeline.manifest import content_hash, read_manifest, write_manifest
from hiwm.pipeline.rollout_worker import SESSIONS
from hiwm.pipeline.worker_pool import worker_pool
from hiwm.runfolder import full_disk_is_clear, recover_folder, replace_folder, require_space
from hiwm.sims.tasks import TASKS, load_task

STAGE = "export"
BYTES_PER_FRAME = 4000
"""Upper bound of what a 128-pixel picture takes in a dataset (measured: 1 300)."""


@dataclass(frozen=True)
class Order:
    """What shall be exported. sessions: a folder of corrected sessions or of rollouts, or session files.

    most_frames: no further episode is begun beyond. like: a dataset whose columns the new one shall have, so that
    LeRobot can merge both; by default it has columns of its own that say more.
    """

    sessions: tuple[Path, ...]
    shape: Shape = Shape.ATTEMPTS
    gates: Gates = field(default_factory=Gates)
    most_frames: int | None = None
    like: Path | None = None


@dataclass(frozen=True)
class ExportReport:
    """What is in the dataset. steered: frames in which an operator steered. why: how often each gate rejected."""

    episodes: int
    frames: int
    steered: int
    corrections: int
    rejected: int
    why: tuple[str, ...]


def export(order: Order, out: Path, progress: bool = True) -> ExportReport:
    """Writes the dataset, opens it again in a fresh process, compares it with the sessions, and puts it in its place.

    Raises BadInput where `out` is something else, or nothing passes the gates; BadDataset where the comparison fails:
    what was at `out` before is still there then.
    """
    out = out.absolute()
    recover_folder(out)
    if out.exists() and any(out.iterdir()) and getattr(read_manifest(out), "stage", None) != STAGE:
        raise BadInput(f"{out} exists and was not made by hiwm export; nothing was changed: give another --out")
    sessions = session_files(order.sessions)
    chosen = choose(sessions, order.shape, order.gates, order.most_frames)
    task = common_of(chosen).task
    frames = sum(one.frames for one in chosen)
    require_space(out, frames * BYTES_PER_FRAME, f"exporting {frames} frames")
    beside = out.with_name(f"{out.name}.tmp")
    shutil.rmtree(beside, ignore_errors=True)
    settings = _settings(order)
    with _bar(len(chosen), progress) as shown, full_disk_is_clear(f"exporting to {out}"):
        truth_names = load_task(task).truth_names if task in TASKS else ()
        like = None if order.like is None else columns_like(order.like)
        write_corrections(chosen, beside, settings, truth_names, like, shown)
    _prove(chosen, beside)
    report = report_of(chosen)
    inputs = {f"sessions {number}": path for number, path in enumerate(order.sessions, 1)}
    write_manifest(beside, STAGE, inputs, settings, asdict(report))
    replace_folder(beside, out)
    return report


def session_files(places: Sequence[Path]) -> list[Path]:
    """The session files that are named, or lie in the folders that are named; raises BadInput where there are none."""
    found: list[Path] = []
    for place in places:
        folder = place / SESSIONS if (place / SESSIONS).is_dir() else place
        found += [place] if place.is_file() else sorted(folder.glob("*.hiwm"))
    if not found:
        raise BadInput(f"expected session files (*.hiwm) in {', '.join(map(str, places))}, found none; check the path")
    return found


def report_of(chosen: Sequence[Chosen]) -> ExportReport:
    """Counts what was chosen."""
    takes = [take for one in chosen for take in one.takes]
    rejected = [bad for one in chosen for bad in one.rejected]
    return ExportReport(
        episodes=len(takes),
        frames=sum(take.frames for take in takes),
        steered=sum(_steered(one) for one in chosen),
        corrections=sum(len(take.takeovers) for take in takes),
        rejected=len(rejected),
        why=tuple(reason for bad in rejected for reason in bad.reasons),
    )


class Prover:
    """Compares in a process that has seen nothing of the writing."""

    def compare(self, chosen: Sequence[Chosen], folder: Path) -> int:
        """The number of frames; raises BadDataset."""
        return compare(chosen, folder)

    def close(self) -> None:
        """Holds nothing."""


def _prove(chosen: Sequence[Chosen], folder: Path) -> None:
    with worker_pool(1, Prover) as submit:
        submit("compare", chosen, folder).result()


def _steered(one: Chosen) -> int:
    with opened(one.path) as session:
        return sum(session.tree.row(node).takeover is not None for take in one.takes for node in take.nodes[1:])


def _settings(order: Order) -> dict[str, Any]:
    return {
        "shape": str(order.shape),
        "gates": asdict(order.gates),
        "most_frames": order.most_frames,
        "like": None if order.like is None else content_hash(order.like),
    }


@contextmanager
def _bar(sessions: int, show: bool) -> Iterator[Any]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not show) as bar:
        row = bar.add_task("exporting sessions", total=sessions)
        yield partial(bar.advance, row)
