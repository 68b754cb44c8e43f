"""The model worker: steps in batches, decides ahead without changing what is decided, refuses with a sentence."""

from __future__ import annotations

import socket
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from hiwm.pipeline.model_worker import Foresight, Worker, serve
from hiwm.rollout import Node, advance, first_nodes
from hiwm.server.model_wire import pack, receive
from hiwm.types import Driver, Floats, Scene
from tests.server.toy_models import DotDynamics, Wanderer, dot

SCENE = Scene("toy", "console", 3)


@pytest.fixture
def worker() -> Worker:
    return Worker(dot({}))


def item(token: int, new: int, action: Sequence[float] | None = None, node: Node | None = None) -> dict[str, Any]:
    given = None if action is None else np.asarray(action, np.float32)
    return {"token": token, "new_token": new, "action": given, "node": node}


def test_steps_are_those_of_the_rollout(worker: Worker) -> None:
    first = worker.answer({"id": 1, "kind": "first", "scene": SCENE.id, "token": 1})
    assert (first["prompt"], first["node"].step) == ("bring the dot to the goal", 0)
    [expected] = first_nodes(Wanderer(), DotDynamics(), [SCENE])
    for step in range(1, 6):
        worker.look_ahead()
        [made] = worker.answer({"id": 2, "kind": "advance", "items": [item(step, step + 1)]})["nodes"]
        [expected] = advance(Wanderer(), DotDynamics(), [expected])
        assert made.action.tolist() == np.asarray(expected.action).tolist()
        assert made.memory == expected.memory
        assert np.array_equal(made.state.dot, expected.state.dot)


def test_people_and_policy_are_stepped_in_one_batch(worker: Worker) -> None:
    for token in (1, 2):
        worker.answer({"id": 1, "kind": "first", "scene": SCENE.id, "token": token})
    answer = worker.answer({"id": 2, "kind": "advance", "items": [item(1, 3, [0.5, 0.5]), item(2, 4)]})
    assert [node.driver for node in answer["nodes"]] == [Driver.PERSON, Driver.POLICY]


def test_nodes_that_are_not_held_are_asked_for(worker: Worker) -> None:
    [node] = first_nodes(Wanderer(), DotDynamics(), [SCENE])
    assert worker.answer({"id": 1, "kind": "advance", "items": [item(7, 8)]}) == {"id": 1, "missing": [7]}
    answer = worker.answer({"id": 2, "kind": "advance", "items": [item(7, 8, node=node)]})
    assert answer["nodes"][0].step == 1
    assert "nodes" in worker.answer({"id": 3, "kind": "advance", "items": [item(8, 9)]})


@pytest.mark.parametrize(
    ("request_", "complaint"),
    [
        ({"kind": "first", "scene": "nowhere", "token": 1}, "expected a scene"),
        ({"kind": "advance", "items": [item(1, 2, [0.0, 1.0])]}, "the model failed on this step"),
        ({"kind": "picture", "picture": np.zeros((4, 4, 3), np.uint8), "scenes": "a/b", "token": 1}, "learned world"),
    ],
)
def test_what_cannot_be_done_is_refused_with_a_sentence(
    worker: Worker, request_: dict[str, Any], complaint: str
) -> None:
    worker.answer({"id": 1, "kind": "first", "scene": SCENE.id, "token": 1})
    assert complaint in worker.answer({"id": 2, **request_})["error"]


def test_looking_ahead_decides_once() -> None:
    class Counted(Wanderer):
        decisions = 0

        def act(self, memories: Sequence[Any], observations: Sequence[Any]) -> tuple[list[Any], list[Floats]]:
            self.decisions += len(memories)
            return super().act(memories, observations)

    policy = Counted()
    foresight = Foresight(policy)
    [memory] = foresight.start([4])
    foresight.look_ahead([memory], [None])  # type: ignore[list-item]
    assert foresight.knows(memory)
    foresight.act([memory], [None])  # type: ignore[list-item]
    assert policy.decisions == 1
    foresight.act([memory], [None])  # type: ignore[list-item]
    assert policy.decisions == 2  # a decision is used once; the next one is made anew, and is the same


def test_the_worker_ends_with_the_server(worker: Worker) -> None:
    ours, theirs = socket.socketpair()
    thread = threading.Thread(target=serve, args=(theirs, worker), daemon=True)
    thread.start()
    ready = receive(ours)
    assert ready is not None
    assert ready["about"]["policy"]["name"] == "wanderer"
    ours.sendall(pack({"id": 1, "kind": "first", "scene": SCENE.id, "token": 1}))
    answer = receive(ours)
    assert answer is not None
    assert answer["node"].step == 0
    ours.close()
    thread.join(5)
    assert not thread.is_alive()
    theirs.close()
