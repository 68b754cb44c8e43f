"""The wire: every message comes back as it was, and nothing else gets in."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import pytest

from hiwm.server.codec import BadMessage, decode_down, decode_up, encode
from hiwm.server.frames import Codec, FrameHeader, FrameKind, jpeg, pack_frame, unpack_frame
from hiwm.server.messages import UP, Down, Up
from hiwm.server.typescript import lines
from hiwm.server.wire import (
    MOST_BYTES,
    Ack,
    Command,
    DeviceSpec,
    Durable,
    Event,
    Heartbeat,
    Hello,
    Input,
    Next,
    Open,
    State,
)
from hiwm.session.phases import Command as CommandName
from hiwm.session.phases import Label, Phase
from tests.server.gates import SEED, note, size

WEB = Path(__file__).parents[2] / "web" / "src" / "wire.ts"
MESSAGES: list[Up] = [
    Hello(1, "client-1", None, DeviceSpec("arm", ("x",), ("m",))),
    Open("push_t-eval-3"),
    Next(skip=True),
    Input("a", 3, 4, 5, "keys", True, (0.5, 1.0), (None, 2.0)),
    Command("a", 3, 4, CommandName.MARK, 7, Label.UNSURE, "it slipped"),
    Ack(9, 1.5),
    Heartbeat(1e12),
]


@pytest.mark.parametrize("message", MESSAGES)
def test_messages_come_back(message: Any) -> None:
    assert decode_up(encode(message)) == message


def test_messages_of_the_server_come_back() -> None:
    state = State(
        "a", Phase.HOLDING, (CommandName.RESUME,), 4, 4, 0, None, "ada", True, 2, (0.5, 1.0), "the world waits", 5
    )
    event = Event("a", 0, "mark", 3, 1e12, "ada", Label.SUCCESS)
    messages: list[Down] = [state, event, Durable("a", 4, 5)]
    for message in messages:
        assert decode_down(encode(message)) == message


def malformed(**changes: Any) -> bytes:
    """An input with other fields."""
    fields = {"type": "input", "session": "a", "epoch": 0, "seq": 1, "step_seen": 0, "device": "keys", "held": True}
    return bytes(msgpack.packb({**fields, **changes}))


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "msgpack map"),
        (b"\xc1", "msgpack map"),
        (b"\x93\x01\x02\x03", "msgpack map, got list"),
        (b"\x80", "of type hello"),
        (malformed(type="launch"), "of type hello"),
        (malformed(type=7), "of type hello"),
        (malformed(more=1), "no field 'more'"),
        (malformed(seq="1"), "whole number"),
        (malformed(seq=True), "whole number"),
        (malformed(seq=2**60), "whole number"),
        (malformed(held=1), "true or false"),
        (malformed(session="../etc/passwd"), "expected a name"),
        (malformed(session="A"), "expected a name"),
        (malformed(session="a" * 65), "expected a name"),
        (malformed(velocity=[float("nan")]), "finite"),
        (malformed(velocity=[float("inf")]), "finite"),
        (malformed(velocity=["1"]), "finite"),
        (malformed(velocity=[0.0] * 300), "at most 256"),
        (malformed(velocity=[[[[[1.0]]]]]), "deep"),
        (malformed(target={"x": 1}), "list"),
        (bytes(msgpack.packb({"type": "hello"})), "needs the field"),
        (bytes(msgpack.packb({"type": "command", "session": "a", "epoch": 0, "seq": 1, "name": "explode"})), "one of"),
        (b"\x81\xa4type\xc7\x01\x05a", "msgpack map"),
        (bytes(msgpack.packb({1: 2})), "msgpack map"),
        (b"x" * (MOST_BYTES + 1), "at most 65536 bytes"),
    ],
)
def test_what_is_malformed_is_refused_with_a_sentence(data: bytes, complaint: str) -> None:
    with pytest.raises(BadMessage) as refused:
        decode_up(data)
    assert complaint in str(refused.value)
    assert "\n" not in str(refused.value)


def fuzzed(rng: random.Random) -> bytes:
    """A message that was damaged in one of several ways."""
    data = bytearray(encode(rng.choice(MESSAGES)))
    kind = rng.randrange(5)
    if kind == 0:
        return rng.randbytes(rng.randrange(1, 80))
    if kind == 1:
        for _ in range(rng.randrange(1, 6)):
            data[rng.randrange(len(data))] = rng.randrange(256)
    elif kind == 2:
        del data[rng.randrange(len(data)) :]
    elif kind == 3:
        at = rng.randrange(len(data))
        data[at:at] = rng.randbytes(rng.randrange(1, 12))
    else:
        values = [None, 1, -1, 2.5, "", "a", [], [1], {}, {"a": 1}, True, b"x", 2**63, float("nan")]
        fields = msgpack.unpackb(bytes(data))
        fields[rng.choice([*fields, "new"])] = rng.choice(values)
        return bytes(msgpack.packb(fields))
    return bytes(data)


@pytest.mark.timeout(7200)
def test_no_damaged_message_does_more_than_be_refused() -> None:
    rng, count, longest, taken = random.Random(SEED), size(20_000, 10_000_000), 0.0, 0
    for _ in range(count):
        data = fuzzed(rng)
        started = time.perf_counter()
        try:
            message = decode_up(data)
            taken += type(message) in UP.values()
        except BadMessage:
            pass
        longest = max(longest, time.perf_counter() - started)
    note("malformed messages on the decoder", count=count, taken=taken, longest_ms=1e3 * longest)
    assert taken < count / 2


def test_frames_come_back() -> None:
    header = FrameHeader(FrameKind.LIVE, 1, 2, Codec.JPEG, 3, 4, 5, 6, 1e12, 3)
    data = pack_frame(header, b"abc")
    assert data[0] < 0x80  # which tells it from a control message
    assert unpack_frame(data) == (header, b"abc")


def test_small_pictures_are_sharp() -> None:
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[20:40, 20:40] = (220, 40, 40)
    assert jpeg(picture)[:2] == b"\xff\xd8"


def test_the_types_of_the_page_are_those_of_the_server() -> None:
    assert WEB.read_text() == "\n".join(lines()) + "\n", "run: python -m hiwm.server.typescript > web/src/wire.ts"
