"""A scripted operator looks twice, waits where it cannot tell, and takes up the hands where they were told to be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hiwm.operators.scripted import MOST_WAITS, ScriptedOperator
from hiwm.rollout import Node, advance, first_nodes
from hiwm.sims.push_t_expert import PushTExpert
from hiwm.sims.robot import Reach
from hiwm.sims.script import ExpertDriver, Unsteadiness
from hiwm.spec import RobotSpec
from hiwm.types import Floats, Observation, Reading, Scene
from tests.fakes import TOY_SPEC, ToyDynamics
from tests.operators.toy_operator import Drift, ToyEyes, ToyPlanner, toy_operator

SCENE = Scene("toy", "train", 0)


def _two_nodes() -> tuple[Node, Node]:
    dynamics, policy = ToyDynamics(), Drift()
    first = first_nodes(policy, dynamics, [SCENE])
    return first[0], advance(policy, dynamics, first)[0]


def _way(node: Node) -> Floats:
    """The direction of the goal, as signs."""
    return np.asarray(np.sign(node.observation.require_truth() - node.observation.state[:2]), np.float32)


def _hidden(seen: Observation) -> Observation:
    return replace(seen, images={name: np.zeros_like(picture) for name, picture in seen.images.items()})


def test_it_acts_at_once_on_two_glances_that_agree() -> None:
    before, node = _two_nodes()
    operator = toy_operator()
    [hands], [action] = operator.act([operator.take_over(node, before, 0)], [node.observation])
    assert np.array_equal(np.sign(action - node.observation.state[:2]), _way(node))
    assert hands.waited == 0


def test_it_sees_no_truth() -> None:
    before, node = _two_nodes()
    lie = replace(node.observation, truth=np.zeros(2, np.float32))
    operator = toy_operator()
    _, [action] = operator.act([operator.take_over(node, before, 0)], [lie])
    assert np.array_equal(np.sign(action - node.observation.state[:2]), _way(node))


def test_with_one_glance_it_waits_and_holds_still() -> None:
    _, node = _two_nodes()
    operator = toy_operator()
    hands = operator.take_over(node, None, 0)
    [hands], [action] = operator.act([hands], [node.observation])
    assert node.action is not None
    assert np.array_equal(action, node.action)
    [hands], [action] = operator.act([hands], [node.observation])
    assert not np.array_equal(action, node.action)


def test_what_is_hidden_is_waited_for_and_counted() -> None:
    before, node = _two_nodes()
    operator = toy_operator()
    hands = operator.take_over(node, before, 0)
    for count in range(1, 8):
        [hands], _ = operator.act([hands], [_hidden(node.observation)])
        assert hands.blind == count
    [hands], _ = operator.act([hands], [node.observation])
    assert hands.blind == 0


def test_readings_that_never_agree_do_not_hold_it_for_ever() -> None:
    class Jumpy(ToyEyes):
        def apart_m(self, one: object, other: object) -> float:
            return 1.0

    before, node = _two_nodes()
    operator = ScriptedOperator("script:toy", TOY_SPEC, ToyPlanner(), Jumpy())
    hands, waits = operator.take_over(node, before, 0), 0
    while operator.rests(hands):
        [hands], _ = operator.act([hands], [node.observation])
        waits += 1
    assert waits == MOST_WAITS + 1


def test_the_hands_are_taken_up_where_they_were_told_to_be() -> None:
    reach = (Reach(x=(-0.24, 0.03)), Reach(x=(-0.03, 0.24)))
    numbers = tuple(n for arm, r in zip(("left", "right"), reach, strict=True) for n in r.numbers(arm))
    spec = RobotSpec("bimanual_hands", 10, (), numbers, numbers)
    operator = ScriptedOperator("script:push_t", spec, ExpertDriver(PushTExpert(), Unsteadiness()), ToyEyes())
    state = PushTExpert().home.astype(np.float32)
    told = state.copy()
    told[[0, 6]] += [0.02, 1.0]
    node = Node(None, None, Observation({}, state), Reading(0.5, False), told)
    hands = operator.take_over(node, None, 0)
    assert hands.command is not None
    assert hands.command == pytest.approx(told)
    assert hands.plan.plan.command == pytest.approx(told)
    far = replace(node, action=state + 1)
    command = operator.take_over(far, None, 0).command
    assert command is not None
    assert command[0] - state[0] == pytest.approx(0.15 * 0.27, abs=1e-4)
    assert command[6] == state[6] + 1, "a gripper goes on as it was told"
