"""openpi's protocol both ways: openpi's own client against our server, our client against it, and what goes wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from openpi_client import msgpack_numpy
from openpi_client.websocket_client_policy import WebsocketClientPolicy
from websockets.sync.server import ServerConnection

from hiwm.errors import BadInput, SpecMismatch, StageFailed
from hiwm.policies.loading import load_policy
from hiwm.policies.openpi_wire import pack, unpack
from hiwm.policies.remote import RemotePolicy
from hiwm.policies.remote_server import serving, serving_with
from tests.dot_world import DOT_SPEC
from tests.policies.made import seen


@pytest.fixture(scope="module")
def port(policy: Path) -> Iterator[int]:
    with serving(load_policy(str(policy), DOT_SPEC), DOT_SPEC) as port:
        yield port


def _message() -> dict[str, Any]:
    observation = seen()
    return {**observation.images, "observation.state": observation.state, "prompt": "go"}


def test_openpis_client_gets_a_chunk(port: int) -> None:
    client = WebsocketClientPolicy("127.0.0.1", port)
    assert client.get_server_metadata()["robot"] == "toy"
    chunk = client.infer(_message())["actions"]
    assert chunk.shape == (8, 2)
    assert chunk.dtype == np.float32


def test_openpis_client_is_told_what_is_missing(port: int) -> None:
    client = WebsocketClientPolicy("127.0.0.1", port)
    with pytest.raises(RuntimeError, match=r"observation\.images\.top"):
        client.infer({"observation.state": np.zeros(3, np.float32)})
    assert len(client.infer(_message())["actions"]) == 8  # and the connection lives


def test_our_client_follows_a_chunk_and_asks_again(port: int) -> None:
    policy = load_policy(f"ws://127.0.0.1:{port}", DOT_SPEC, task_prompt="go")
    memories, ahead = policy.start([1, 2]), []
    for _ in range(9):
        memories, actions = policy.act(memories, [seen(0), seen(1)])
        ahead.append(len(memories[0].ahead_ta))
    assert ahead == [7, 6, 5, 4, 3, 2, 1, 0, 7]
    assert len(actions) == 2
    assert [len(m.ahead_ta) for m in policy.watch(memories, [seen(0), seen(1)])] == [0, 0]


def test_nobody_there_is_one_line() -> None:
    with pytest.raises(BadInput, match=r"no policy answers at ws://127\.0\.0\.1:9"):
        load_policy("ws://127.0.0.1:9", DOT_SPEC)


@pytest.mark.parametrize(
    ("answer", "error", "complaint"),
    [
        ("it broke\nbadly", StageFailed, "failed: badly"),
        (pack({"actions": np.zeros((4, 1))}), SpecMismatch, r"expected a chunk of finite actions \(T, 2\)"),
        (pack({"other": 1}), SpecMismatch, "expected a chunk"),
        (b"\xc1", BadInput, "expected a message of openpi's protocol"),
    ],
)
def test_bad_answers_are_one_line(answer: str | bytes, error: type[Exception], complaint: str) -> None:
    def talk(connection: ServerConnection) -> None:
        connection.send(pack({}))
        for _ in connection:
            connection.send(answer)

    with serving_with(talk) as port:
        policy = RemotePolicy(f"ws://127.0.0.1:{port}", DOT_SPEC)
        with pytest.raises(error, match=complaint):
            policy.act(policy.start([1]), [seen()])


def test_messages_are_those_of_openpi() -> None:
    message = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.float64(2.5), "c": "text", "d": [1, 2]}
    ours, theirs = pack(message), msgpack_numpy.packb(message)
    assert ours == theirs
    np.testing.assert_array_equal(unpack(theirs)["a"], message["a"])
    assert unpack(theirs)["b"] == 2.5


def test_objects_do_not_travel() -> None:
    with pytest.raises(TypeError, match="cannot send"):
        pack({"a": np.array([object()])})
    sneaky = msgpack_numpy.packb({b"__ndarray__": True, b"data": b"", b"dtype": "O", b"shape": (0,)})
    with pytest.raises(BadInput, match="an array of object"):
        unpack(sneaky)
