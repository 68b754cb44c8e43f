"""A scripted operator: a task's planner that works from what is read in the pictures, and waits where that is unclear.

It takes up the hands where they are told to be, so that nothing jerks when the controls change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from hiwm.interfaces import Policy
from hiwm.operators.eyes import Eyes, Glance
from hiwm.rollout import Node
from hiwm.spec import RobotSpec
from hiwm.types import Floats, Observation

AGREE_M = 0.012
"""Two glances at a thing at rest differ by less, mostly; more, and the operator looks once more."""
MOST_WAITS = 3
"""Steps that it waits for two glances to agree; then the last one has to do."""
MOST_LEAD = 0.15
"""How far a command may stand from the measured pose to be gone on from, as a share of each number's range.

Grippers are gone on with as they were told: a closed one measures open by what it holds.
"""


class Planner(Policy, Protocol):
    """Chooses actions from observations that carry what the eyes read as `truth`; one skill after another."""

    def looks_now(self, memory: Any) -> bool:
        """Whether the next action depends on what is seen, since no skill is under way."""
        ...

    def finished(self, memory: Any) -> bool:
        """Whether nothing is left to do."""
        ...


@dataclass(frozen=True, eq=False)
class Hands:
    """An operator at work, as a value.

    plan: the planner's memory. command: (A,) the last action, None where it is not known. glance: the last one that
    showed the object whole. waited: steps since it wanted to look. blind: steps since the object was last seen whole.
    """

    plan: Any
    command: Floats | None
    glance: Glance | None = None
    waited: int = 0
    blind: int = 0


class ScriptedOperator:
    """Steers any number of sessions, each with its own Hands."""

    def __init__(self, name: str, spec: RobotSpec, planner: Planner, eyes: Eyes) -> None:
        self.name, self.planner, self.eyes = name, planner, eyes
        self._range_a = spec.action_high_a - spec.action_low_a
        self._grips_a = np.array(["gripper" in number.name for number in spec.action])

    def take_over(self, node: Node, before: Node | None, seed: int) -> Hands:
        """Takes the controls at a node; `before`: the node before it, for a second glance."""
        command = self._bumpless(node)
        pose = node.observation.state if command is None else command
        seen = replace(node.observation, truth=None, state=pose if self._absolute(node) else node.observation.state)
        [plan] = self.planner.watch(self.planner.start([seed]), [seen])
        glances = self.eyes.read([before.observation]) if before is not None else []
        return Hands(plan, command, next((glance for glance in glances if glance.whole), None))

    def sees(self, seen: Observation) -> bool:
        """Whether it sees the object whole."""
        [glance] = self.eyes.read([seen])
        return glance.whole

    def act(self, hands: Sequence[Hands], seen: Sequence[Observation]) -> tuple[list[Hands], list[Floats]]:
        """The next action (A,) of each; where it cannot tell yet what it sees, that is the last one again."""
        after: list[Hands] = [*hands]
        going, truths = [], []
        for i, (one, glance) in enumerate(zip(hands, self.eyes.read(seen), strict=True)):
            after[i], clear = self._looked(one, glance)
            if clear is not None:
                going.append(i)
                truths.append(replace(seen[i], truth=clear.truth_k))
        if going:
            plans, actions = self.planner.act([after[i].plan for i in going], truths)
            for i, plan, action in zip(going, plans, actions, strict=True):
                after[i] = replace(after[i], plan=plan, command=action, waited=0)
        return after, [one.command for one in after if one.command is not None]

    def rests(self, hands: Hands) -> bool:
        """Whether no skill is under way, so that the controls can change without leaving something half done."""
        return self.planner.looks_now(hands.plan)

    def finished(self, hands: Hands) -> bool:
        """Whether nothing is left to do."""
        return self.planner.finished(hands.plan)

    def _looked(self, hands: Hands, glance: Glance) -> tuple[Hands, Glance | None]:
        """The hands after a glance, and what to act on; None to wait. Within a skill nothing is decided."""
        last = hands.glance
        hands = replace(hands, glance=glance, blind=0) if glance.whole else replace(hands, blind=hands.blind + 1)
        if hands.command is None or not self.planner.looks_now(hands.plan):
            return hands, glance
        waiting = replace(hands, waited=hands.waited + 1)
        if not glance.whole:
            return waiting, None
        if last is not None and self.eyes.apart_m(last, glance) <= AGREE_M:
            return hands, self.eyes.between(last, glance)
        return (hands, glance) if hands.waited >= MOST_WAITS else (waiting, None)

    def _bumpless(self, node: Node) -> Floats | None:
        """What the hands were told last, as far as they are near it; else where they are.

        Where action and state are different numbers, only the last action is known.
        """
        state, action = node.observation.state, node.action
        if not self._absolute(node):
            return action
        if action is None:
            return state
        near = MOST_LEAD * self._range_a
        return np.asarray(np.where(self._grips_a, action, state + np.clip(action - state, -near, near)), np.float32)

    def _absolute(self, node: Node) -> bool:
        """Whether actions are target poses: the same numbers as the state."""
        return len(self._range_a) == len(node.observation.state)
