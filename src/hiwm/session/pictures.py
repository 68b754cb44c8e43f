"""Pictures as small lossless bytes: each once along a path, most as the difference to one a few steps before.

zlib's run-length strategy is both the fastest and the smallest here (128 px, a world's pictures: 17 kB whole, 10 kB as
a difference over up to 8 steps, 1.5 ms; PNG takes 21 kB and 6 ms).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hiwm.errors import BadInput
from hiwm.session.cache import Recent
from hiwm.session.values import LARGEST_SIDE
from hiwm.types import Picture

_WHOLE, _DIFFERENCE = 0, 1
_CACHE_BYTES = 16 * 2**20

type Packed = list[Any]
"""[height, width, 0 whole or 1 difference, bytes] or, of a picture that an earlier node holds, [node, place there]."""
type Source = Callable[[int], tuple[list[Packed], int | None]]
"""The packed pictures of a node, and its key: the node from whose whole pictures its own differ, if any."""


@dataclass(frozen=True, eq=False)
class Held:
    """A picture, and where it is stored: at which node, and at which place there."""

    picture: Picture
    node: int
    place: int


class PictureStore:
    """The pictures of a session's nodes. A picture depends on at most one other, so any is read in a moment."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._pictures: Recent[tuple[int, int], Picture] = Recent(_CACHE_BYTES)
        self._packed: Recent[int, tuple[list[Packed], int | None]] = Recent(_CACHE_BYTES)

    def of(self, node: int) -> list[Held]:
        """All pictures of a node, in order; raises BadInput where they cannot be read."""
        packed, _ = self._read(node)
        places = [_reference(one) or (node, place) for place, one in enumerate(packed)]
        if any(origin > node for origin, _ in places):
            raise BadInput("a picture refers to a later one")
        return [Held(self._stored(*place), *place) for place in places]

    def pack(
        self, node: int, parent: int | None, key: int | None, pictures: Sequence[Picture], own: int
    ) -> list[Packed]:
        """Packs the pictures of a new node; those that its parent has are only referred to.

        own: without a key, so many of the first ones are stored here whatever the parent has: others will differ from
        them.
        """
        known = [] if parent is None else self.of(parent)
        packed = [
            _found(known, picture) if key is not None or place >= own else None
            for place, picture in enumerate(pictures)
        ]
        whole = [
            one or self._smaller(picture, key, place)
            for place, (one, picture) in enumerate(zip(packed, pictures, strict=True))
        ]
        self._packed.put(node, (whole, key), sum(len(one[-1]) for one in whole if len(one) > 2))
        for place, picture in enumerate(pictures):
            self._pictures.put((node, place), picture, picture.nbytes)
        return whole

    def _smaller(self, picture: Picture, key: int | None, place: int) -> Packed:
        """As a difference, or whole where so much has changed that the difference is the larger one."""
        base = self._base(key, place)
        packed = pack_picture(picture, base)
        if key is None or base is None or len(packed[3]) < len(self._read(key)[0][place][3]):
            return packed
        return min(packed, pack_picture(picture, None), key=lambda one: len(one[3]))

    def forget(self) -> None:
        """Drops all copies: what was packed last was not stored after all."""
        self._pictures.clear()
        self._packed.clear()

    def _read(self, node: int) -> tuple[list[Packed], int | None]:
        held = self._packed.get(node)
        if held is None:
            held = self._source(node)
            if not all(type(one) is list and len(one) in (2, 4) for one in held[0]):
                raise BadInput("expected packed pictures, got something else")
            self._packed.put(node, held, sum(len(one[3]) for one in held[0] if len(one) == 4 and type(one[3]) is bytes))
        return held

    def _stored(self, node: int, place: int) -> Picture:
        picture = self._pictures.get((node, place))
        if picture is None:
            packed, key = self._read(node)
            if not 0 <= place < len(packed) or len(packed[place]) != 4:
                raise BadInput("a picture refers to one that is not there")
            picture = unpack_picture(packed[place], self._base(key, place))
            self._pictures.put((node, place), picture, picture.nbytes)
        return picture

    def _base(self, key: int | None, place: int) -> Picture | None:
        """The key's picture at this place, if it is stored whole there."""
        if key is None:
            return None
        packed, _ = self._read(key)
        is_whole = place < len(packed) and len(packed[place]) == 4 and packed[place][2] == _WHOLE
        return self._stored(key, place) if is_whole else None


def _reference(packed: Packed) -> tuple[int, int] | None:
    if len(packed) != 2:
        return None
    if not all(type(number) is int and number >= 0 for number in packed):
        raise BadInput("a picture refers to nothing")
    return packed[0], packed[1]


def _found(known: Sequence[Held], picture: Picture) -> Packed | None:
    for held in known:
        if held.picture is picture or np.array_equal(held.picture, picture):
            return [held.node, held.place]
    return None


def pack_picture(picture: Picture, base: Picture | None) -> Packed:
    """One picture, as its difference to `base` where there is one of the same size, else to the pixels on the left."""
    height, width, _ = picture.shape
    if base is not None and base.shape == picture.shape:
        return [height, width, _DIFFERENCE, _squeezed(picture - base)]
    steps = picture.copy()
    steps[:, 1:] -= picture[:, :-1]
    return [height, width, _WHOLE, _squeezed(steps)]


def unpack_picture(packed: Packed, base: Picture | None) -> Picture:
    """The inverse; raises BadInput where it is none."""
    height, width, kind, data = packed
    if not all(type(n) is int and 0 < n <= LARGEST_SIDE for n in (height, width)) or type(data) is not bytes:
        raise BadInput("a stored picture has no size")
    values = _opened(data, height * width * 3).reshape(height, width, 3)
    if kind == _WHOLE:
        return np.add.accumulate(values, axis=1, dtype=np.uint8)
    if kind != _DIFFERENCE or base is None or base.shape != values.shape:
        raise BadInput("a stored picture lacks the one that it differs from")
    return values + base


def _squeezed(values: Picture) -> bytes:
    squeezing = zlib.compressobj(1, strategy=zlib.Z_RLE)
    return squeezing.compress(values.tobytes()) + squeezing.flush()


def _opened(data: bytes, size: int) -> Picture:
    """Never more than `size` bytes, whatever a hostile file says."""
    opening = zlib.decompressobj()
    try:
        content = opening.decompress(data, size)
        more = opening.decompress(opening.unconsumed_tail, 1)
    except zlib.error as error:
        raise BadInput(f"a stored picture is damaged ({error})") from error
    if len(content) != size or more:
        raise BadInput("a stored picture has another size than it says")
    return np.frombuffer(content, np.uint8)
