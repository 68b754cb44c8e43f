"""Where a session stands after its events and nodes: phase, head, takeover, labels. Pure, rebuilt from rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hiwm.session.phases import NEXT, Command, Label, Phase
from hiwm.session.rows import EventRow, NodeRow


@dataclass(frozen=True)
class Standing:
    """phase. head: the node that the next one comes after, None before the first. takeover: while somebody steers, the
    event that began it. single_steps: steps that were asked for while holding and have not come yet.
    """

    phase: Phase = Phase.WATCHING
    head: int | None = None
    takeover: int | None = None
    single_steps: int = 0

    def after_nodes(self, rows: Sequence[NodeRow]) -> Standing:
        """The newest node is the head."""
        if not rows:
            return self
        return replace(self, head=rows[-1].id, single_steps=max(0, self.single_steps - len(rows)))

    def after_event(self, event: EventRow) -> Standing:
        """What a command changes; other events change nothing."""
        if event.kind not in list(Command):
            return self
        command = Command(event.kind)
        phase = NEXT[self.phase, command]
        moved = command in (Command.REWIND, Command.BRANCH)
        takeover = event.id if command is Command.TAKE_OVER else self.takeover
        waiting = self.single_steps + 1 if command is Command.SINGLE_STEP else self.single_steps
        return Standing(
            phase=phase,
            head=event.node if moved else self.head,
            takeover=takeover if phase is Phase.STEERING else None,
            single_steps=waiting if phase is Phase.HOLDING and not moved else 0,
        )


def standing_of(rows: Sequence[NodeRow], events: Sequence[EventRow]) -> Standing:
    """Replays both in the order in which they happened; raises ValueError where that cannot have been."""
    standing, done = Standing(), 0
    for event in events:
        if not done <= event.after + 1 <= len(rows) or (event.node is not None and event.node > event.after):
            raise ValueError(f"event {event.id} cannot have come after node {event.after}")
        standing, done = standing.after_nodes(rows[done : event.after + 1]), event.after + 1
        try:
            standing = standing.after_event(event)
        except KeyError as error:
            raise ValueError(f"event {event.id}, {event.kind}, cannot have come while {standing.phase}") from error
    return standing.after_nodes(rows[done:])


def standing_marks(events: Sequence[EventRow]) -> list[EventRow]:
    """The labels that were not undone, oldest first."""
    marks: dict[int, EventRow] = {}
    for event in events:
        if event.kind == Command.MARK:
            marks[event.id] = event
        elif event.kind == Command.UNDO:
            marks.pop(event.data.get("undoes", -1), None)
    return list(marks.values())


def labels_of(events: Sequence[EventRow]) -> dict[int, Label]:
    """The label of each labelled node: the last one that was not undone."""
    return {mark.node: Label(mark.data["label"]) for mark in standing_marks(events) if mark.node is not None}
