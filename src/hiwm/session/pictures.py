"""Pictures as small lossless bytes: the difference to an earlier picture, or to the pixel on the left, compressed.

zlib's run-length strategy is both the fastest and the smallest here (128 px, a world's pictures: 17 kB whole, 10 kB as
a difference over up to 8 steps, 1.5 ms; PNG takes 21 kB and 6 ms).
"""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np

from hiwm.types import Picture

LARGEST_SIDE = 8192
_WHOLE, _DIFFERENCE = 0, 1

type Packed = list[Any]
"""[height, width, 0 whole or 1 difference, bytes]"""


def pack_picture(picture: Picture, base: Picture | None) -> Packed:
    """One picture, as its difference to `base` where there is one of the same size."""
    height, width, _ = picture.shape
    if base is not None and base.shape == picture.shape:
        return [height, width, _DIFFERENCE, _squeezed(picture - base)]
    steps = picture.copy()
    steps[:, 1:] -= picture[:, :-1]
    return [height, width, _WHOLE, _squeezed(steps)]


def unpack_picture(packed: Packed, base: Picture | None) -> Picture:
    """The inverse; raises ValueError where it is none."""
    height, width, kind, data = packed
    if not all(type(n) is int and 0 < n <= LARGEST_SIDE for n in (height, width)) or type(data) is not bytes:
        raise ValueError("a picture has no size")
    size = height * width * 3
    opened = zlib.decompressobj()
    content = opened.decompress(data, size)  # never more than the picture, whatever a hostile file says
    if len(content) != size or opened.decompress(opened.unconsumed_tail, 1):
        raise ValueError("a picture has another size than it says")
    values = np.frombuffer(content, np.uint8).reshape(height, width, 3)
    if kind == _WHOLE:
        return np.add.accumulate(values, axis=1, dtype=np.uint8)
    if kind != _DIFFERENCE or base is None or base.shape != values.shape:
        raise ValueError("a picture lacks the one that it differs from")
    return values + base


def _squeezed(values: Picture) -> bytes:
    squeezing = zlib.compressobj(1, strategy=zlib.Z_RLE)
    return squeezing.compress(values.tobytes()) + squeezing.flush()
