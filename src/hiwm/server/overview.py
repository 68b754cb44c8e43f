"""Session files as whoever runs the collection sees them: rows, trees, corrections an hour, share that succeed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hiwm.corrections.gates import Gates, judge_corrections
from hiwm.errors import BadInput, BadSession
from hiwm.server.hub import Hub
from hiwm.server.replies import EventRow, OperatorRow, Overview, SessionRow, TreeReply, TreeRow
from hiwm.server.room_messages import event_message
from hiwm.session.corrections import Correction
from hiwm.session.file import SessionFile
from hiwm.session.phases import Label
from hiwm.session.session import Session

_NUMBER = re.compile(r"\b(?:to |is |by )?\d[\d.]*%?")
IDLE_S = 300.0
"""A gap between two steered steps from which on the operator is counted as away."""


def tree_reply(name: str, session: Session) -> TreeReply:
    """All nodes and events of a session."""
    tree = session.tree
    nodes = tuple(
        TreeRow(
            row.id,
            row.parent,
            row.step,
            tree.branch(row.id),
            row.driver,
            row.reading.progress,
            row.reading.success,
            row.reading.trust,
        )
        for row in list(tree.rows)
    )
    messages = [event_message(session, event) for event in list(session.events)]
    events = tuple(EventRow(m.seq, m.name, m.node, m.at_ms, m.operator, m.label, m.reason) for m in messages)
    labels = {str(node): label for node, label in session.labels.items()}
    return TreeReply(name, session.head, nodes, events, labels)


@dataclass(frozen=True)
class Digest:
    """What statistics need of one session.

    active_s: by operator, time from step to step while steering. rejected: why the export's gates would refuse
    corrections, a kind for each reason.
    """

    row: SessionRow
    corrections: tuple[Correction, ...]
    active_s: dict[str, float]
    rejected: tuple[str, ...]


def digest(name: str, session: Session) -> Digest:
    """Reads a session once."""
    about, corrections = session.about, session.corrections()
    active: dict[str, float] = {}
    last: dict[str, float] = {}
    for row in session.tree.rows:
        if row.takeover is not None:
            gap = row.time - last.get(row.operator, row.time)
            active[row.operator] = active.get(row.operator, 0.0) + min(max(gap, 0.0), IDLE_S)
            last[row.operator] = row.time
    labels = list(session.labels.values())
    shown = SessionRow(
        id=name,
        task=about.task,
        scene=about.scene,
        policy=about.policy.get("name", ""),
        steps=len(session.tree),
        corrections=len(corrections),
        holder=None,
        watchers=0,
        open=False,
        label=labels[-1] if labels else None,
        created_ms=1e3 * about.created,
    )
    verdicts = judge_corrections(session, Gates())
    rejected = tuple(kind_of(reason) for verdict in verdicts for reason in verdict.reasons)
    return Digest(shown, tuple(corrections), active, rejected)


def kind_of(reason: str) -> str:
    """A gate's reason without its numbers and limits, so that reasons can be counted."""
    return " ".join(_NUMBER.sub("", reason.partition(",")[0].partition("(")[0]).split())


class Statistics:
    """Digests of all sessions, read again when a file has changed."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._digests: dict[str, tuple[tuple[int, int], Digest]] = {}

    def session_rows(self) -> tuple[SessionRow, ...]:
        """All sessions, newest first."""
        rows = [self._live(one.row) for one in self._read()]
        return tuple(sorted(rows, key=lambda row: -row.created_ms))

    def overview(self) -> Overview:
        """How the collection goes."""
        hub, digests = self._hub, self._read()
        corrections = [correction for one in digests for correction in one.corrections]
        active_s = sum(sum(one.active_s.values()) for one in digests)
        return Overview(
            operators=tuple(self._operators(digests)),
            sessions=self.session_rows(),
            corrections=len(corrections),
            corrections_an_hour=_an_hour(len(corrections), active_s),
            success_share=_success_share(corrections),
            inbox_waiting=len(hub.desk.waiting()),
            inbox_done=hub.desk.done(),
            gate_rejections=dict(Counter(kind for one in digests for kind in one.rejected)),
            model_alive=hub.model.alive,
            model_ms=hub.model.last_ms,
        )

    def _operators(self, digests: Sequence[Digest]) -> Iterable[OperatorRow]:
        online = {seat.user.name: seat for seat in list(self._hub.seats.values()) if seat.connected}
        names = {c.operator for one in digests for c in one.corrections} | online.keys()
        for name in sorted(names - {""}):
            own = [c for one in digests for c in one.corrections if c.operator == name]
            seat = online.get(name)
            yield OperatorRow(
                user=name,
                online=seat is not None,
                session=None if seat is None else seat.session,
                corrections=len(own),
                corrections_an_hour=_an_hour(len(own), sum(one.active_s.get(name, 0.0) for one in digests)),
                success_share=_success_share(own),
            )

    def _read(self) -> list[Digest]:
        found = []
        for name, path in self._hub.library.all().items():
            try:
                stamp = _stamp(path)
                if name not in self._digests or self._digests[name][0] != stamp:
                    self._digests[name] = (stamp, self._digest(name, path))
                found.append(self._digests[name][1])
            except (BadSession, BadInput, FileNotFoundError):
                continue  # a file that is being made, or that hiwm session verify says more about
        return found

    def _digest(self, name: str, path: Path) -> Digest:
        room = self._hub.rooms.get(name)
        if room is not None:
            return digest(name, room.session)
        file = SessionFile.open(path, read_only=True, sealed=True)
        try:
            return digest(name, Session(file))
        finally:
            file.close()

    def _live(self, row: SessionRow) -> SessionRow:
        room = self._hub.rooms.get(row.id)
        if room is None:
            return row
        return replace(row, open=True, holder=room.turn.held.user or None, watchers=len(room.audience.seats))


def _stamp(path: Path) -> tuple[int, int]:
    """Changes when the file or its journal does."""
    journal = path.with_name(path.name + "-wal")
    size = journal.stat().st_size if journal.exists() else 0
    return path.stat().st_mtime_ns + size, path.stat().st_size


def _an_hour(count: int, active_s: float) -> float | None:
    return 3600 * count / active_s if active_s > 0 else None


def _success_share(corrections: Sequence[Correction]) -> float | None:
    labelled = [c for c in corrections if c.outcome in (Label.SUCCESS, Label.FAILURE)]
    return sum(c.outcome is Label.SUCCESS for c in labelled) / len(labelled) if labelled else None
