"""The usual picture of a camera: what stands at each pixel most of the time, without what moves."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hiwm.data.windows import Windows
from hiwm.types import Picture

SAMPLES = 240
SHADES = 16
"""Colours are told apart by so many shades per channel."""


def usual_picture(pictures_nhwc: NDArray[np.uint8], index_m: NDArray[np.int64]) -> Picture:
    """(H, W, 3): per pixel the mean of the colours that fall into the most frequent shade there.

    From up to 240 of the frames `index_m`, spread evenly. A median would mix the colours of a place that shows several
    things for a third of the time each.
    """
    index = index_m[np.unique(np.linspace(0, len(index_m) - 1, SAMPLES).round().astype(int))]
    sample = pictures_nhwc[index].reshape(len(index), -1, 3)
    shade = (sample // (256 // SHADES)).astype(np.int32)
    code_np = (shade[..., 0] * SHADES + shade[..., 1]) * SHADES + shade[..., 2]
    usual = np.stack([_mean_of_mode(code_np[:, p], sample[:, p]) for p in range(sample.shape[1])])
    return usual.reshape(pictures_nhwc.shape[1:]).round().astype(np.uint8)


def usual_pictures(windows: Windows) -> NDArray[np.uint8]:
    """(H, W, C) the usual pictures of all cameras, which have one size, stacked as channels."""
    everywhere = np.arange(len(windows))
    cameras = [usual_picture(frames.pictures_nhwc, everywhere) for frames in windows.frames.values()]
    return np.concatenate(cameras, axis=-1)


def _mean_of_mode(codes_n: NDArray[np.int32], colours_n3: NDArray[np.uint8]) -> NDArray[np.float64]:
    values, counts = np.unique(codes_n, return_counts=True)
    return np.asarray(colours_n3[codes_n == values[counts.argmax()]].mean(0), np.float64)
