"""Trials as a CSV, one line each: what `hiwm evaluate` writes, and what a user without a simulator fills in by hand.

Columns: policy, scene, trial, success; and where known steps, progress, failure. Others are passed over.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hiwm.errors import BadInput
from hiwm.runfolder import write_bytes

NEEDED = ("policy", "scene", "trial", "success")
COLUMNS = (*NEEDED, "steps", "progress", "failure")
_YES, _NO = {"1", "true", "yes", "success"}, {"0", "false", "no", "failure"}


@dataclass(frozen=True)
class Trial:
    """How one attempt of a policy in a scene went.

    trial: tells repeated attempts in one scene apart. steps: how many it took. progress: 0..1 at its end. failure: why
    it failed, in words ("" for a success, or where nobody knows).
    """

    policy: str
    scene: str
    trial: int
    success: bool
    steps: int | None = None
    progress: float | None = None
    failure: str = ""

    @property
    def start(self) -> tuple[str, int]:
        """What two policies have in common when they are compared in pairs."""
        return self.scene, self.trial


def policies_of(trials: Iterable[Trial]) -> list[str]:
    """The policies in the order of their first trial."""
    return list(dict.fromkeys(trial.policy for trial in trials))


def of_policy(trials: Sequence[Trial], policy: str) -> list[Trial]:
    """One policy's trials; raises BadInput where it has none."""
    found = [trial for trial in trials if trial.policy == policy]
    if not found:
        raise BadInput(f"no trial is of policy {policy!r}; there are trials of {', '.join(policies_of(trials))}")
    return found


def read_trials(path: Path, known: Sequence[str] | None = None) -> list[Trial]:
    """Reads a CSV of trials; raises BadInput that names file and line.

    known: the only policies that may occur; None allows any.
    """
    if not path.is_file():
        raise BadInput(f"expected a CSV of trials ({', '.join(NEEDED)}), found no file {path}")
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is no text in UTF-8; save it as CSV") from error
    rows = csv.DictReader(io.StringIO(text))
    missing = [name for name in NEEDED if name not in (rows.fieldnames or ())]
    if missing:
        raise BadInput(f"{path} has no column {', '.join(missing)}; expected {', '.join(NEEDED)} in its first line")
    trials = [_trial(row, f"{path}, line {rows.line_num}") for row in rows]
    if not trials:
        raise BadInput(f"{path} holds no trials, only a first line; add one line for each trial")
    _check(trials, path, known)
    return trials


def write_trials(path: Path, trials: Iterable[Trial]) -> None:
    """Writes a CSV of trials, whole or not at all."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(COLUMNS)
    for t in trials:
        progress = "" if t.progress is None else f"{t.progress:.4f}"
        steps = "" if t.steps is None else t.steps
        rows.writerow((t.policy, t.scene, t.trial, int(t.success), steps, progress, t.failure))
    write_bytes(path, text.getvalue().encode())


def _check(trials: Sequence[Trial], path: Path, known: Sequence[str] | None) -> None:
    seen: set[tuple[str, str, int]] = set()
    for trial in trials:
        if known is not None and trial.policy not in known:
            raise BadInput(f"{path} has trials of an unknown policy {trial.policy!r}; known: {', '.join(known)}")
        key = (trial.policy, *trial.start)
        if key in seen:
            raise BadInput(
                f"{path} has trial {trial.trial} of {trial.policy} in {trial.scene} twice; number repeated trials"
            )
        seen.add(key)


def _trial(row: Mapping[str, str | None], where: str) -> Trial:
    cells = {name: (row.get(name) or "").strip() for name in COLUMNS}
    for name in ("policy", "scene"):
        if not cells[name]:
            raise BadInput(f"{where}: expected a {name}, got nothing")
    return Trial(
        policy=cells["policy"],
        scene=cells["scene"],
        trial=_count(cells["trial"] or "0", "trial", where),
        success=_flag(cells["success"], where),
        steps=_count(cells["steps"], "steps", where) if cells["steps"] else None,
        progress=_share(cells["progress"], where) if cells["progress"] else None,
        failure=cells["failure"],
    )


def _flag(cell: str, where: str) -> bool:
    if cell.lower() not in _YES | _NO:
        raise BadInput(f"{where}: expected success as 1 or 0, got {cell!r}")
    return cell.lower() in _YES


def _count(cell: str, name: str, where: str) -> int:
    if not cell.isdecimal():
        raise BadInput(f"{where}: expected {name} as a whole number of at least 0, got {cell!r}")
    return int(cell)


def _share(cell: str, where: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        raise BadInput(f"{where}: expected progress from 0 to 1, got {cell!r}")
    return value
