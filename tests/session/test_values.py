"""Values come back as they were, and no bytes whatever do more than raise one error."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgpack
import numpy as np
import pytest

from hiwm.errors import BadInput
from hiwm.session.values import PictureList, Sealed, decode, encode, register, register_folded, size_bytes
from hiwm.types import Driver, Observation, Scene


@dataclass(frozen=True)
class Memory:
    recent: tuple[Any, ...]
    plan: Any
    seed: int = 0


class Mood(StrEnum):
    GOOD = "good"


@dataclass(frozen=True)
class Link:
    number: int
    before: Link | None


def numbers_of(link: Link | None) -> list[int]:
    numbers = []
    while link is not None:
        numbers.append(link.number)
        link = link.before
    return numbers


def link_of(numbers: list[int]) -> Link:
    link = None
    for number in reversed(numbers):
        link = Link(number, link)
    assert link is not None
    return link


register(Memory, Mood)
register_folded(Link, numbers_of, link_of)

PICTURE = np.random.default_rng(0).integers(0, 255, (24, 30, 3), np.uint8)


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        -7,
        2**64 - 1,
        2**128,
        -(2**70),
        0.1,
        float("inf"),
        "ä\0",
        b"\x00\xff",
        [1, (2, [3, ()])],
        {"a": (1,), "": {"b": None}},
        Scene("toy", "train", 3),
        Driver.PERSON,
        Mood.GOOD,
        Memory((1, "a"), {"x": Mood.GOOD}, 2**90),
    ],
)
def test_values_come_back(value: object) -> None:
    again = decode(encode(value))
    assert again == value
    assert type(again) is type(value)


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype=np.float32).reshape(2, 3),
        np.zeros((0, 4)),
        np.array(3.5),
        np.array([True, False]),
        np.arange(10, dtype=np.int64)[::2],
        np.float64(0.1),
        np.bool_(True),
        np.uint8(7),
        np.array([np.nan, -0.0]),
        np.asfortranarray(np.arange(6).reshape(2, 3)),
        PICTURE,
        PICTURE[:, ::2],
    ],
)
def test_arrays_come_back_with_type_and_shape(array: Any) -> None:
    again = decode(encode((array,)))[0]
    assert (again.dtype, again.shape, type(again)) == (array.dtype, array.shape, type(array))
    assert again.tobytes() == array.tobytes()
    if isinstance(again, np.ndarray):
        assert again.flags.writeable
        assert not np.shares_memory(again, array)


def test_pictures_are_taken_out_once() -> None:
    seen = Observation({"top": PICTURE, "again": PICTURE.copy()}, np.zeros(3, np.float32))
    taken = PictureList()
    data = encode((seen, Memory((PICTURE,), 255 - PICTURE)), taken)
    assert len(taken.pictures) == 2
    assert len(data) < 1000
    again, memory = decode(data, pictures=taken.pictures)
    assert again.images["top"] is memory.recent[0]
    assert np.array_equal(memory.plan, 255 - PICTURE)


def test_a_linked_list_is_folded() -> None:
    link = link_of(list(range(5000)))
    again = decode(encode(link))
    assert numbers_of(again) == numbers_of(link)
    assert size_bytes(link) > 5000


def test_unknown_classes_stay_sealed_and_are_written_as_they_were() -> None:
    value = Memory((Mood.GOOD, link_of([1, 2])), (PICTURE, {"seed": 3}))
    data = encode(value)
    sealed = decode(data, known={}, sealed=True)
    assert isinstance(sealed, Sealed)
    assert sealed.name == "Memory"
    assert encode(sealed) == data
    with pytest.raises(BadInput, match="this program does not know"):
        decode(data, known={})


@pytest.mark.parametrize(
    "value", [{1: "a"}, {1, 2}, object(), np.array(["a"]), np.array([None]), 1j, Link, Memory((lambda: 0,), None)]
)
def test_what_cannot_be_stored_is_refused(value: object) -> None:
    with pytest.raises(BadInput):
        encode(value)


def test_too_deep_is_refused_on_both_ways() -> None:
    deep: Any = 0
    for _ in range(100):
        deep = (deep,)
    with pytest.raises(BadInput, match="levels"):
        encode(deep)
    data = encode(0)
    for _ in range(100):
        data = msgpack.packb(msgpack.ExtType(1, b"\x91" + data))
    with pytest.raises(BadInput):
        decode(data)
    with pytest.raises(BadInput):
        decode(b"\x91" * 100_000)


def test_only_frozen_classes_with_names_of_their_own_are_registered() -> None:
    @dataclass
    class Loose:
        x: int

    @dataclass(frozen=True)
    class Scene:
        x: int

    for cls in (Loose, Scene, int):
        with pytest.raises(BadInput):
            register(cls)


@pytest.mark.parametrize(
    ("code", "inner"),
    [
        (2, ["|O", [1], b"12345678"]),
        (2, ["<f4", [3], b"1234"]),
        (2, ["<f4", [-1], b"1234"]),
        (2, ["<f4", [2**31, 2**31, 0], b""]),
        (2, ["f4,f4", [1], b"12345678"]),
        (2, ["<f4", [1], "1234"]),
        (2, 5),
        (3, ["<f4", b""]),
        (4, ["Scene", {"task": "a"}]),
        (4, ["Scene", {"task": "a", "split": "b", "number": 1, "more": 2}]),
        (4, ["Driver", {}]),
        (4, ["Nobody", {}]),
        (4, [["Scene"], {}]),
        (4, ["Link", {"number": 1, "before": None}]),
        (5, ["Driver", "nobody"]),
        (5, ["Scene", "a"]),
        (5, ["Driver", {"a": 1}]),
        (6, 0),
        (6, -1),
        (6, "0"),
        (8, ["Link", 7]),
        (8, ["Memory", []]),
        (77, 0),
    ],
)
def test_hostile_extensions_raise_one_error(code: int, inner: object) -> None:
    with pytest.raises(BadInput):
        decode(msgpack.packb(msgpack.ExtType(code, msgpack.packb(inner))))


def test_random_bytes_and_damaged_values_raise_nothing_else() -> None:
    rng = np.random.default_rng(0)
    whole = encode(Memory((PICTURE[:2, :2], Driver.PERSON, 2**80), {"a": [1.5, None, b"x"]}))
    refused = 0
    for n in range(4000):
        data = bytearray(rng.bytes(int(rng.integers(1, 60))) if n % 2 else whole)
        for place in rng.integers(0, len(data), 2):
            data[place] = int(rng.integers(256))
        try:
            decode(bytes(data), sealed=bool(n % 3))
        except BadInput:
            refused += 1
    assert refused > 1000
