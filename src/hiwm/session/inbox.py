"""Finds where an attempt began to go wrong, from its readings alone: what waits in the inbox for an operator."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np

from hiwm.session.file import SessionFile
from hiwm.session.rows import NodeRow
from hiwm.session.tree import Tree
from hiwm.types import Doubles


class Why(StrEnum):
    """What makes an attempt a failure."""

    STALL = "stall"
    FALL = "fall"
    JUDGE = "judge"
    LOW_TRUST = "low_trust"
    TIME = "time"


@dataclass(frozen=True)
class Signs:
    """What counts as going wrong. Times in seconds, progress and trust 0..1.

    success_s: an attempt has succeeded when success was read for so long at its end. smooth_s: progress and trust are
    medians over so long. gain: rises that are smaller are none. stall_s: without a rise for so long is a stall. fall:
    progress lost since the best is a fall. low_trust: below it the picture is probably wrong, and a success that is
    read after that is in doubt. before_s: how long before the beginning of the trouble an operator is put, but for a
    stall: until it began the policy did well. thumbnails: pictures in the strip.
    """

    success_s: float = 0.3
    smooth_s: float = 0.5
    gain: float = 0.02
    stall_s: float = 3.0
    fall: float = 0.1
    low_trust: float = 0.5
    before_s: float = 1.0
    thumbnails: int = 6


@dataclass(frozen=True)
class InboxItem:
    """A failure state that waits for an operator.

    session: the file's name. node: where the operator begins. began: where it began to go wrong. end: where the attempt
    ended. score: the higher, the sooner it is offered. thumbnails: nodes from `node` to `end`.
    """

    session: str
    node: int
    began: int
    end: int
    why: Why
    score: float
    thumbnails: tuple[int, ...]

    def to_json(self) -> dict[str, Any]:
        """JSON-ready; `from_json` is the inverse."""
        return asdict(self)

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> InboxItem:
        """Reads what `to_json` wrote."""
        return InboxItem(**{**data, "why": Why(data["why"]), "thumbnails": tuple(data["thumbnails"])})


def failures_of(sessions: Iterable[Path], signs: Signs | None = None) -> list[InboxItem]:
    """The failures of some attempts (session files, their first branches), each seen beside those that went well."""
    signs, attempts = signs or Signs(), []
    for path in sessions:
        file = SessionFile.open(path, read_only=True, sealed=True)
        try:
            attempts.append((path.name, file.about.spec.fps, _attempt(file)))
        finally:
            file.close()
    rises_at = usual_rise([path for _, _, path in attempts], attempts[0][1], signs) if attempts else None
    found = [(name, find_failure(path, fps, signs, rises_at)) for name, fps, path in attempts if path]
    return [replace(item, session=name) for name, item in found if item is not None]


def find_failures(file: SessionFile, end: int | None = None, signs: Signs | None = None) -> InboxItem | None:
    """The failure of the attempt that ends at a node (default: of the first branch); None where it went well."""
    path = _attempt(file, end)
    found = find_failure(path, file.about.spec.fps, signs or Signs()) if path else None
    return None if found is None else replace(found, session=file.path.name)


def _attempt(file: SessionFile, end: int | None = None) -> list[NodeRow]:
    rows = file.rows()
    if not rows:
        return []
    tree = Tree(rows)
    return [tree.row(node) for node in tree.path(tree.end(0) if end is None else end)]


def usual_rise(paths: Sequence[Sequence[NodeRow]], fps: int, signs: Signs) -> int | None:
    """The step at which progress first rises in attempts that go well, their median; None where none does."""
    rises = []
    for path in paths:
        if _succeeded(path, max(1, round(signs.success_s * fps))):
            progress = _progress(path, fps, signs)
            rises.extend(np.flatnonzero(progress > progress[0] + signs.gain)[:1].tolist())
    return int(np.median(rises)) if rises else None


def ranked(items: Iterable[InboxItem]) -> list[InboxItem]:
    """In the order in which they are offered: failures, then successes in doubt."""
    return sorted(items, key=lambda item: (item.why is Why.LOW_TRUST, -item.score, item.session, item.node))


def find_failure(path: Sequence[NodeRow], fps: int, signs: Signs, rises_at: int | None = None) -> InboxItem | None:
    """The same for a path of rows, first node first.

    rises_at: see `usual_rise`. Until a while before that, slowness is no sign of anything.
    """
    troubles = _troubles(path, fps, signs, rises_at)
    if not troubles:
        return None
    why, began = min(troubles, key=lambda trouble: trouble[1])
    start = began if why is Why.STALL else max(0, began - round(signs.before_s * fps))
    shown = np.linspace(start, len(path) - 1, signs.thumbnails).round().astype(int)
    return InboxItem(
        session="",
        node=path[start].id,
        began=path[began].id,
        end=path[-1].id,
        why=why,
        score=_score(path, start, why, fps, signs),
        thumbnails=tuple(dict.fromkeys(path[i].id for i in shown)),
    )


def _troubles(path: Sequence[NodeRow], fps: int, signs: Signs, rises_at: int | None) -> list[tuple[Why, int]]:
    """Each reason with the place on the path where it begins; none for a success that can be trusted.

    Where the policy has failed, low trust is no reason of its own: what it did wrong is what there is to correct.
    """
    if _succeeded(path, max(1, round(signs.success_s * fps))):
        return _trust_trouble(path, fps, signs)
    found = [*_judge_trouble(path), *_progress_trouble(path, fps, signs, rises_at)]
    if found:
        return found
    begun = min(rises_at or 0, len(path) - 1)
    slowest = _slowest(_progress(path, fps, signs)[begun:], round(signs.stall_s * fps))
    return [(Why.TIME, begun + slowest)]


def _succeeded(path: Sequence[NodeRow], steps: int) -> bool:
    return len(path) > 1 and all(row.reading.success for row in path[-steps:])


def _trust_trouble(path: Sequence[NodeRow], fps: int, signs: Signs) -> list[tuple[Why, int]]:
    low = np.flatnonzero(_trust(path, fps, signs) < signs.low_trust)
    return [(Why.LOW_TRUST, int(low[0]))] if len(low) else []


def _judge_trouble(path: Sequence[NodeRow]) -> list[tuple[Why, int]]:
    """The judge had said success, and says so no more."""
    done = [bool(row.reading.success) for row in path]
    return [(Why.JUDGE, len(done) - 1 - done[::-1].index(True))] if any(done) and not done[-1] else []


def _progress_trouble(path: Sequence[NodeRow], fps: int, signs: Signs, rises_at: int | None) -> list[tuple[Why, int]]:
    """From the last lasting rise on, either progress was lost again or nothing came for long."""
    progress = _progress(path, fps, signs)
    if np.isnan(progress).all():
        return []
    best = _last_rise(progress, signs.gain)
    if progress[best] - progress[best:].min() >= signs.fall:
        kept = np.flatnonzero(progress[best:] > progress[best] - signs.gain)
        return [(Why.FALL, best + int(kept[-1]))]
    if len(path) - 1 - best < round(signs.stall_s * fps):
        return []
    if rises_at is not None and progress[best] <= progress[0] + signs.gain:
        best = min(max(best, rises_at - round(signs.before_s * fps)), len(path) - 1)
    return [(Why.STALL, best)]


def _progress(path: Sequence[NodeRow], fps: int, signs: Signs) -> Doubles:
    return _smooth([row.reading.progress for row in path], signs.smooth_s * fps)


def _trust(path: Sequence[NodeRow], fps: int, signs: Signs) -> Doubles:
    return _smooth([row.reading.trust for row in path], signs.smooth_s * fps)


def _smooth(said: Sequence[float | None], steps: float) -> Doubles:
    """(T,) running median; what was said holds until the next, and the first before it; NaN where nothing ever is."""
    last = next((value for value in said if value is not None), np.nan)
    held = [last := last if value is None else value for value in said]
    side = round(steps) // 2
    padded = np.pad(np.array(held, np.float64), side, mode="edge")
    return np.asarray(np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * side + 1), axis=1))


def _last_rise(progress: Doubles, gain: float) -> int:
    """Where the best so far was last passed by more than `gain`, and went on to its top."""
    best, place = progress[0], 0
    for i, value in enumerate(progress):
        if value > best + gain:
            best, place = value, i
    while place + 1 < len(progress) and progress[place + 1] > progress[place]:
        place += 1
    return place


def _slowest(progress: Doubles, steps: int) -> int:
    """Where the stretch of so many steps begins in which progress gained least."""
    if np.isnan(progress).all() or len(progress) <= steps:
        return 0
    return int(np.argmin(progress[steps:] - progress[:-steps]))


def _score(path: Sequence[NodeRow], start: int, why: Why, fps: int, signs: Signs) -> float:
    """How much was probably left to do at the end, times how far the picture can be trusted where an operator begins.

    A success in doubt counts by the doubt.
    """
    lowest, reading = _trust(path, fps, signs).min(), path[start].reading
    sure = 1.0 if np.isnan(lowest) else float(lowest)
    if why is Why.LOW_TRUST:
        return 1 - sure
    done = (path[-1].reading.progress or 0.0) * sure
    return float((1 - done) * (1.0 if reading.trust is None else reading.trust))
