"""What hiwm serve loads by name: the shipped world steps, and its states travel sealed."""

from __future__ import annotations

from hiwm.pipeline.model_worker import Worker
from hiwm.pipeline.serve_models import open_models
from hiwm.server.model_wire import LENGTH, pack, unpack
from hiwm.session.values import Sealed
from hiwm.types import Driver


def test_the_shipped_world_is_served_and_its_states_are_opaque_to_the_server() -> None:
    settings = {"world": "push_t", "policy": "hold", "scenes": "push_t/console", "threads": 1}
    worker = Worker(open_models(settings))
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
