"""The one primitive: mixed drivers, values that are never edited, rewinding and branching, ends of episodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from hiwm.interfaces import Stepped
from hiwm.rollout import Node, advance, first_nodes, held_success, run
from hiwm.spec import NumberSpec, RobotSpec
from hiwm.types import Driver, Floats, Observation, Reading, Scene

SCENES = [Scene("count", "train", n) for n in range(3)]
NUMBER = NumberSpec("total", "", 0.0, 100.0)


@dataclass
class Counter:
    """A dynamics that adds the action to a total; its states are read-only arrays (1,), so that editing one raises."""

    spec: RobotSpec = field(default_factory=lambda: RobotSpec("counter", 10, (), (NUMBER,), (NUMBER,)))
    batches: list[int] = field(default_factory=list)

    def reset(self, scenes: Sequence[Scene]) -> Stepped:
        return self._shown([np.array([10.0 * scene.number]) for scene in scenes])

    def step(self, states: Sequence[Floats], actions: Sequence[Floats]) -> Stepped:
        self.batches.append(len(states))
        return self._shown([state + action for state, action in zip(states, actions, strict=True)])

    def close(self) -> None:
        pass

    def _shown(self, states: Sequence[Floats]) -> Stepped:
        for state in states:
            state.flags.writeable = False
        observations = [Observation({}, state.astype(np.float32)) for state in states]
        return list(states), observations, [Reading(None, bool(state[0] % 10 >= 3)) for state in states]


@dataclass(frozen=True)
class Plan:
    """How many steps the policy took and watched."""

    acted: int = 0
    watched: int = 0


class PlusOne:
    """A policy that always adds one, and counts in its memory."""

    driver = Driver.POLICY

    def start(self, seeds: Sequence[int]) -> list[Plan]:
        return [Plan() for _ in seeds]

    def act(self, memories: Sequence[Plan], observations: Sequence[Observation]) -> tuple[list[Plan], list[Floats]]:
        assert len(memories) == len(observations)
        return [Plan(m.acted + 1, m.watched) for m in memories], [np.ones(1, np.float32) for _ in memories]

    def watch(self, memories: Sequence[Plan], observations: Sequence[Observation]) -> list[Plan]:
        assert len(memories) == len(observations)
        return [Plan(m.acted, m.watched + 1) for m in memories]


@pytest.fixture
def counter() -> Counter:
    return Counter()


def totals(nodes: Sequence[Node]) -> list[float]:
    return [float(node.state[0]) for node in nodes]


def never(path: list[Node]) -> bool:
    return False


def test_first_nodes_have_no_action_and_fresh_memories(counter: Counter) -> None:
    nodes = first_nodes(PlusOne(), counter, SCENES)
    assert totals(nodes) == [0.0, 10.0, 20.0]
    assert all((n.action, n.driver, n.step, n.memory) == (None, None, 0, Plan()) for n in nodes)


def test_without_actions_the_policy_drives_all_in_one_batch(counter: Counter) -> None:
    nodes = advance(PlusOne(), counter, first_nodes(PlusOne(), counter, SCENES))
    assert totals(nodes) == [1.0, 11.0, 21.0]
    assert {node.driver for node in nodes} == {Driver.POLICY}
    assert counter.batches == [3]


def test_person_and_policy_share_one_batch(counter: Counter) -> None:
    given = [None, np.array([5.0], np.float32), None]
    nodes = advance(PlusOne(), counter, first_nodes(PlusOne(), counter, SCENES), given)
    assert totals(nodes) == [1.0, 15.0, 21.0]
    assert [node.driver for node in nodes] == [Driver.POLICY, Driver.PERSON, Driver.POLICY]
    assert [node.memory for node in nodes] == [Plan(acted=1), Plan(watched=1), Plan(acted=1)]
    assert counter.batches == [3]


def test_the_node_holds_the_action_that_led_to_it(counter: Counter) -> None:
    (node,) = advance(PlusOne(), counter, first_nodes(PlusOne(), counter, SCENES[:1]), [np.array([7.0], np.float32)])
    assert node.action is not None
    assert node.action.tolist() == [7.0]
    assert node.step == 1


def test_a_person_may_steer_all(counter: Counter) -> None:
    given = [np.array([float(i)], np.float32) for i in range(3)]
    nodes = advance(PlusOne(), counter, first_nodes(PlusOne(), counter, SCENES), given)
    assert totals(nodes) == [0.0, 11.0, 22.0]
    assert {node.driver for node in nodes} == {Driver.PERSON}


def test_rewinding_is_acting_from_an_old_node(counter: Counter) -> None:
    (path,) = run(PlusOne(), counter, SCENES[:1], 4, never)
    before = totals(path)
    (branch,) = advance(PlusOne(), counter, [path[1]], [np.array([50.0], np.float32)])
    (again,) = advance(PlusOne(), counter, [path[1]])
    assert totals([branch]) == [51.0]
    assert totals([again]) == totals([path[2]])
    assert again.memory == path[2].memory
    assert totals(path) == before


def test_one_node_may_branch_twice_in_one_batch(counter: Counter) -> None:
    (root,) = first_nodes(PlusOne(), counter, SCENES[:1])
    left, right = advance(PlusOne(), counter, [root, root], [None, np.array([2.0], np.float32)])
    assert totals([left, right, root]) == [1.0, 2.0, 0.0]


def test_run_stops_each_path_when_it_is_done(counter: Counter) -> None:
    paths = run(PlusOne(), counter, SCENES, 9, lambda path: len(path) > 1 + path[0].state[0] / 10)
    assert [len(path) for path in paths] == [2, 3, 4]
    assert counter.batches == [3, 2, 1]


def test_run_stops_after_max_steps(counter: Counter) -> None:
    paths = run(PlusOne(), counter, SCENES, 4, never)
    assert [[node.step for node in path] for path in paths] == [[0, 1, 2, 3, 4]] * 3


def test_held_success_looks_at_the_last_steps(counter: Counter) -> None:
    (path,) = run(PlusOne(), counter, SCENES[:1], 5, never)
    assert [node.reading.success for node in path] == [False, False, False, True, True, True]
    assert held_success(path, 3)
    assert not held_success(path, 4)
    assert not held_success(path[-1:], 3)
