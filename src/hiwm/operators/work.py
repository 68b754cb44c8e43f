"""Many sessions worked on together: operators steer some, the policy drives the others, all in one batch of steps."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence

from hiwm.interfaces import Dynamics, Policy
from hiwm.operators.desk import Desk
from hiwm.operators.habits import Habits
from hiwm.operators.scripted import ScriptedOperator
from hiwm.rollout import advance
from hiwm.types import Floats

EXPECTED = Habits().steered
"""Steps that a correction under way is expected to take: as many as an operator steers at a time, at most."""


class Budget:
    """How many steps may be steered in all; None for any number.

    A correction is not begun where those under way may use it up.
    """

    def __init__(self, steps: int | None, spent: int = 0) -> None:
        self.steps, self.spent = steps, spent
        self._under_way: dict[int, int] = {}

    def allows(self) -> bool:
        """Whether another correction may begin."""
        if self.steps is None:
            return True
        # Not by their mean so far: those that are given up soon end first.
        return self.spent + sum(max(EXPECTED, steered) for steered in self._under_way.values()) < self.steps

    def follow(self, desk: Desk, before: int) -> None:
        """What the correction that is under way at a desk has taken so far; `before`: steered there until it began."""
        self._under_way[id(desk)] = desk.steered - before

    def settle(self, desk: Desk) -> None:
        """It has ended."""
        self.spent += self._under_way.pop(id(desk))


def work(
    desks: Iterator[Desk],
    operator: ScriptedOperator,
    policy: Policy,
    dynamics: Dynamics,
    batch: int,
    budget: Budget,
    leave: Callable[[Desk], None],
) -> None:
    """Works until all corrections of all desks are made, or the budget is used up.

    desks: taken one after the other, as places become free; at most `batch` are worked on together. leave: is called
    with each desk at which nothing is left to do, or may be begun.
    """
    at: dict[int, tuple[Desk, int]] = {}
    waiting: deque[Desk] = deque()
    more = True
    while more or waiting or at:
        while len(at) < batch and (waiting or more):
            if at and not budget.allows():
                break  # those under way may take fewer steps than is expected of them
            desk = waiting.popleft() if waiting else next(desks, None)
            if desk is None:
                more = False
            elif desk.left and budget.allows():
                desk.begin()
                at[id(desk)] = (desk, desk.steered)
                budget.follow(desk, desk.steered)
            else:
                leave(desk)
                more = more and budget.allows()
        if at:
            _step([desk for desk, _ in at.values()], operator, policy, dynamics)
        for desk, before in list(at.values()):
            budget.follow(desk, before)
            if desk.done:
                budget.settle(desk)
                del at[id(desk)]
                waiting.append(desk)


def _step(desks: Sequence[Desk], operator: ScriptedOperator, policy: Policy, dynamics: Dynamics) -> None:
    nodes = [desk.node for desk in desks]
    actions: list[Floats | None] = [None] * len(desks)
    steering = [(i, desk, desk.hands) for i, desk in enumerate(desks) if desk.hands is not None]
    if steering:
        hands, chosen = operator.act([hand for *_, hand in steering], [nodes[i].observation for i, *_ in steering])
        for (i, desk, _), new, action in zip(steering, hands, chosen, strict=True):
            desk.hands, actions[i] = new, action
    for desk, node in zip(desks, advance(policy, dynamics, nodes, actions), strict=True):
        desk.record(node)
        desk.decide()
