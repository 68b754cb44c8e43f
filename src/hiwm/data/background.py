"""The usual picture of a camera: what stands at each pixel most of the time, without what moves."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hiwm.data.windows import Windows
from hiwm.types import Picture

SAMPLES = 240
CANDIDATES = 2048
COARSE = 16
"""Frames are told apart on a grid of so many cells a side."""
SHADES = 16
"""Colours are told apart by so many shades per channel."""


def usual_picture(pictures_nhwc: NDArray[np.uint8], index_m: NDArray[np.int64]) -> Picture:
    """(H, W, 3): per pixel the mean of the colours that fall into the most frequent shade there.

    From up to 240 of the frames `index_m`, as different ones as possible: of a task that always ends alike, most frames
    show its end. A median would mix the colours of a place that shows several things for a third of the time each.
    """
    index = index_m[np.unique(np.linspace(0, len(index_m) - 1, CANDIDATES).round().astype(int))]
    index = index[_different(pictures_nhwc[index], SAMPLES)]
    sample = pictures_nhwc[index].reshape(len(index), -1, 3)
    shade = (sample // (256 // SHADES)).astype(np.int32)
    code_np = (shade[..., 0] * SHADES + shade[..., 1]) * SHADES + shade[..., 2]
    usual = np.stack([_mean_of_mode(code_np[:, p], sample[:, p]) for p in range(sample.shape[1])])
    return usual.reshape(pictures_nhwc.shape[1:]).round().astype(np.uint8)


def _different(pictures_nhwc: NDArray[np.uint8], wanted: int) -> NDArray[np.int64]:
    """Which pictures to take so that each is far from all taken before it."""
    count, height, width = pictures_nhwc.shape[:3]
    rows, columns = (np.arange(COARSE) * side // COARSE for side in (height, width))
    coarse = np.add.reduceat(np.add.reduceat(pictures_nhwc.astype(np.float32), rows, 1), columns, 2).reshape(count, -1)
    chosen, far = [0], np.full(count, np.inf)
    for _ in range(min(wanted, count) - 1):
        far = np.minimum(far, ((coarse - coarse[chosen[-1]]) ** 2).sum(1))
        chosen.append(int(far.argmax()))
    return np.array(chosen)


def usual_pictures(windows: Windows) -> NDArray[np.uint8]:
    """(H, W, C) the usual pictures of all cameras, which have one size, stacked as channels."""
    everywhere = np.arange(len(windows))
    cameras = [usual_picture(frames.pictures_nhwc, everywhere) for frames in windows.frames.values()]
    return np.concatenate(cameras, axis=-1)


def _mean_of_mode(codes_n: NDArray[np.int32], colours_n3: NDArray[np.uint8]) -> NDArray[np.float64]:
    values, counts = np.unique(codes_n, return_counts=True)
    return np.asarray(colours_n3[codes_n == values[counts.argmax()]].mean(0), np.float64)
