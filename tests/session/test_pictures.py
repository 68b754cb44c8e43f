"""Pictures come back to the last bit, are stored once along a path, and hostile ones raise one error."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import pytest

from hiwm.errors import BadInput
from hiwm.session.pictures import Packed, PictureStore, pack_picture, unpack_picture
from hiwm.types import Picture

RNG = np.random.default_rng(0)
PICTURE: Picture = RNG.integers(0, 255, (16, 20, 3), np.uint8)
OTHER: Picture = RNG.integers(0, 255, (16, 20, 3), np.uint8)


class Shelf:
    """Stands for the file: packed pictures and key by node."""

    def __init__(self) -> None:
        self.nodes: dict[int, tuple[list[Packed], int | None]] = {}
        self.store = PictureStore(self.nodes.__getitem__)

    def add(self, node: int, parent: int | None, key: int | None, *pictures: Picture, own: int = 1) -> list[Packed]:
        packed = self.store.pack(node, parent, key, pictures, own)
        self.nodes[node] = (packed, key)
        return packed

    def read(self, node: int) -> list[Picture]:
        return [held.picture for held in PictureStore(self.nodes.__getitem__).of(node)]


@pytest.mark.parametrize("base", [None, OTHER, PICTURE, OTHER[:8]])
def test_one_picture(base: Picture | None) -> None:
    packed = pack_picture(PICTURE, base)
    assert np.array_equal(unpack_picture(packed, base), PICTURE)


def test_a_path_stores_each_picture_once() -> None:
    shelf = Shelf()
    shown = [RNG.integers(0, 255, (16, 20, 3), np.uint8) for _ in range(6)]
    shelf.add(0, None, None, shown[0])
    for n in range(1, 6):
        packed = shelf.add(n, n - 1, 0 if n < 4 else None if n == 4 else 4, shown[n], shown[n - 1], own=1)
        assert [len(one) for one in packed] == [4, 2]
        assert packed[1] == [n - 1, 0]
    for n in range(1, 6):
        assert np.array_equal(shelf.read(n)[0], shown[n])
        assert np.array_equal(shelf.read(n)[1], shown[n - 1])


def test_a_picture_that_stands_still_is_stored_again_only_where_others_differ_from_it() -> None:
    shelf = Shelf()
    assert [len(one) for one in shelf.add(0, None, None, PICTURE)] == [4]
    assert shelf.add(1, 0, 0, PICTURE.copy()) == [[0, 0]]
    assert shelf.add(2, 1, 0, PICTURE) == [[0, 0]]
    assert [len(one) for one in shelf.add(3, 2, None, PICTURE)] == [4]
    assert [one[2] for one in shelf.add(4, 3, 3, OTHER)] == [1]
    assert np.array_equal(shelf.read(4)[0], OTHER)
    assert np.array_equal(shelf.read(2)[0], PICTURE)


WHOLE = pack_picture(PICTURE, None)
DIFFERENCE = pack_picture(PICTURE, OTHER)
BOMB = zlib.compress(bytes(50_000_000))


@pytest.mark.parametrize(
    "packed",
    [
        [16, 20, 0, WHOLE[3][:-8]],
        [16, 20, 0, b""],
        [16, 20, 0, b"no zlib"],
        [16, 20, 0, "text"],
        [16, 21, 0, WHOLE[3]],
        [15, 20, 0, WHOLE[3]],
        [16, 20, 0, BOMB],
        [16, 20, 2, WHOLE[3]],
        [16, 20, "0", WHOLE[3]],
        DIFFERENCE,
        [0, 20, 0, WHOLE[3]],
        [-16, 20, 0, WHOLE[3]],
        [10**6, 10**6, 0, BOMB],
        [16.0, 20, 0, WHOLE[3]],
        [0, 0],
        [0, 1],
        [-1, 0],
        [7, 0],
        ["0", 0],
        [0],
        5,
        None,
    ],
)
def test_hostile_pictures_raise_one_error(packed: Any) -> None:
    with pytest.raises(BadInput):
        PictureStore({0: ([packed], None)}.__getitem__).of(0)


def test_references_that_lead_nowhere_raise_one_error() -> None:
    for packed in ([1, 0], [2, 0], [0, 5]):
        shelf = {0: ([WHOLE, [0, 0]], None), 1: ([packed], 0), 2: ([[0, 1]], 0)}
        with pytest.raises(BadInput):
            PictureStore(shelf.__getitem__).of(1)
    with pytest.raises(BadInput):
        PictureStore({0: ([[0, 0]], None), 1: ([DIFFERENCE], 0)}.__getitem__).of(1)
