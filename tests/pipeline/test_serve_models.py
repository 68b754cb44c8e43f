"""What hiwm serve loads by name: the shipped world steps, its states travel sealed, and a picture makes a scene."""

from __future__ import annotations

import numpy as np
import pytest

from hiwm.pipeline.model_worker import Worker
from hiwm.pipeline.scenes import first_observations
from hiwm.pipeline.serve_models import open_models
from hiwm.server.model_wire import LENGTH, pack, unpack
from hiwm.session.values import Sealed
from hiwm.types import Driver, Scene

SETTINGS = {"world": "push_t", "policy": "hold", "scenes": "push_t/console", "threads": 1}


@pytest.fixture(scope="module")
def worker() -> Worker:
    return Worker(open_models(SETTINGS))


def test_the_shipped_world_is_served_and_its_states_are_opaque_to_the_server(worker: Worker) -> None:
    assert worker.ready()["about"]["dynamics"]["name"] == "push_t"
    first = worker.answer({"id": 1, "kind": "first", "scene": "push_t/console/0", "token": 1})
    assert "error" not in first
    seen = unpack(pack(first)[LENGTH.size :], sealed=True)["node"]
    if not isinstance(seen.state, Sealed):  # known in this process, where the models are; not in the server
        assert type(seen.state).__name__ == "WorldState"
    item = {"token": 2, "new_token": 3, "action": None, "node": seen}
    answer = worker.answer({"id": 2, "kind": "advance", "items": [item]})
    assert answer["nodes"][0].driver is Driver.POLICY
    assert answer["nodes"][0].step == 1


def test_a_picture_becomes_a_scene_whose_robot_state_was_read(worker: Worker) -> None:
    spec = worker.models.dynamics.spec
    real = first_observations([Scene("push_t", "console", 7)], spec.cameras)["push_t/console/7"]
    request = {"id": 1, "kind": "picture", "picture": real.images[spec.cameras[0].name], "scenes": "push_t/console"}
    answer = worker.answer({**request, "token": 5})
    assert "error" not in answer
    places = [i for i, number in enumerate(spec.state) if number.unit == "m"]
    assert np.abs(answer["node"].observation.state - real.state)[places].max() < 0.03
    item = {"token": 5, "new_token": 6, "action": None, "node": None}
    assert worker.answer({"id": 2, "kind": "advance", "items": [item]})["nodes"][0].step == 1


def test_a_picture_that_shows_something_else_is_refused_with_the_reason(worker: Worker) -> None:
    camera = worker.models.dynamics.spec.cameras[0]
    noise = np.random.default_rng(0).integers(0, 255, (camera.height, camera.width, 3)).astype(np.uint8)
    answer = worker.answer({"id": 1, "kind": "picture", "picture": noise, "scenes": "push_t/console", "token": 9})
    assert "whole" in answer["error"] or "trust" in answer["error"]
