"""A scripted operator at one session: rewinds, takes over, steers, hands back, labels, and begins from another place.

All of it goes through the session's commands, as a person's work does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hiwm.operators.habits import Habits, distrusted, gone_wrong, progress_of, recovered, succeeded
from hiwm.operators.scripted import Hands, ScriptedOperator
from hiwm.rollout import Node
from hiwm.session.phases import Command, Label, Phase
from hiwm.session.session import Session
from hiwm.types import Driver, Reading

DEVICE = "script"
LOOK_BACK = 5
"""Steps by which an operator rewinds further, where it does not see the object whole."""


@dataclass(frozen=True)
class Start:
    """Where a correction begins: the node to rewind to, why, and the seed of the operator's hand."""

    node: int
    reason: str
    seed: int


class Desk:
    """One session, and the operator's place in it. `begin`, then `node`, `record` and `decide` until it is `done`."""

    def __init__(self, session: Session, operator: ScriptedOperator, habits: Habits, starts: Sequence[Start]) -> None:
        self.session, self.operator, self.habits = session, operator, habits
        self.hands: Hands | None = None
        self.steered = 0
        self._starts, self._next = tuple(starts), 0
        self._attempt: list[Reading] = []
        self._since = 0
        self._takeovers = 0
        self._progress: float | None = None

    @property
    def done(self) -> bool:
        """Whether no correction is under way."""
        return self.session.phase in (Phase.HOLDING, Phase.DONE)

    @property
    def left(self) -> int:
        """Corrections that were not begun."""
        return len(self._starts) - self._next

    @property
    def node(self) -> Node:
        """Where the session stands."""
        return self.session.node(self.session.head)

    def begin(self) -> None:
        """Rewinds to the next start, or as far before it as is needed to see the object whole, and takes over there."""
        start = self._starts[self._next]
        self._next += 1
        place = self._seen_from(start.node)
        self.session.command(Command.REWIND, node=place, operator=self.operator.name)
        self._attempt = [self.session.tree.row(node).reading for node in self.session.path(place)]
        self._takeovers, self._since = 0, 0
        self._first = len(self._attempt)
        self._seed = start.seed
        self._take_over(start.reason)

    def record(self, node: Node) -> None:
        """Keeps the step that was taken from `node`."""
        steering = self.hands is not None
        if steering:
            self.session.record(node, driver=Driver.SCRIPT, operator=self.operator.name, device=DEVICE)
        else:
            self.session.record(node)
        self._attempt.append(node.reading)
        self._since += 1
        self.steered += steering

    def decide(self) -> None:
        """Looks at where this has led: goes on, hands back, takes over again, or labels the attempt and stops."""
        if succeeded(self._attempt, self.habits):
            self._stop(Label.SUCCESS)
        elif distrusted(self._attempt, self.habits) or self._blind:
            self._stop(Label.UNSURE)
        elif len(self._attempt) - self._first >= self.habits.steps:
            self._stop(Label.FAILURE)
        elif self.hands is None:
            self._watch()
        elif self._enough(self.hands):
            self._hand_back()

    @property
    def _blind(self) -> bool:
        return self.hands is not None and self.hands.blind >= self.habits.blind

    def _seen_from(self, node: int) -> int:
        """The last place up to a node from which the object is seen whole; the node itself where there is none."""
        places = self.session.path(node)[::-LOOK_BACK]
        return next((place for place in places if self.operator.sees(self.session.node(place).observation)), node)

    def _enough(self, hands: Hands) -> bool:
        """Whether the policy may have the controls back: only between two skills, or when time is up."""
        if self._since >= self.habits.steered:
            return True
        rests = self.operator.rests(hands)
        return rests and (self.operator.finished(hands) or recovered(self._progress, self._attempt, self.habits))

    def _watch(self) -> None:
        """The policy drives; the operator helps again, so many times."""
        wrong = gone_wrong(self._attempt[-self._since - 1 :], self.habits)
        if wrong is None:
            return
        if self._takeovers >= self.habits.takeovers:
            self._stop(Label.FAILURE)
        else:
            self._take_over(str(wrong))

    def _take_over(self, reason: str) -> None:
        self.session.command(Command.TAKE_OVER, reason=reason, operator=self.operator.name, device=DEVICE)
        parent = self.session.tree.parent(self.session.head)
        before = None if parent is None else self.session.node(parent)
        self.hands = self.operator.take_over(self.node, before, self._seed + self._takeovers)
        self._progress = progress_of(self._attempt)
        self._takeovers += 1
        self._since = 0

    def _hand_back(self) -> None:
        self.session.command(Command.HAND_BACK, operator=self.operator.name)
        self.hands, self._since = None, 0

    def _stop(self, label: Label) -> None:
        self.session.command(Command.MARK, label=label, operator=self.operator.name)
        self.session.command(Command.HOLD, operator=self.operator.name)
        self.hands = None
