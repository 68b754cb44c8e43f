"""How near pictures are to others: over the pixels that changed, and in full."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from hiwm.types import Doubles

type Pictures = NDArray[np.uint8]

CHANGED = 20
"""Difference, of 255, from which a pixel counts as changed."""
PERFECT_DB = 40.0
"""PSNR of a step is capped here (an error of 2.6 of 255), or steps without any error would decide a mean."""


def changed_pixels(first_hwc: Pictures, true_thwc: Pictures) -> NDArray[np.bool_]:
    """(T, H, W) where the true pictures have differed from the first one at this step or an earlier one.

    The earlier ones are in it so that what is left behind on the way counts as well.
    """
    differs = (np.abs(true_thwc.astype(np.int16) - first_hwc) > CHANGED).any(-1)
    return np.logical_or.accumulate(differs, axis=0)


def psnr_db(made_thwc: Pictures, true_thwc: Pictures, mask_thw: NDArray[np.bool_] | None = None) -> Doubles:
    """(T,) PSNR of each picture over a mask, at most PERFECT_DB; NaN where the mask is empty."""
    square = ((made_thwc.astype(np.float32) - true_thwc) ** 2).mean(-1)
    mask = np.ones(square.shape, bool) if mask_thw is None else mask_thw
    count = mask.sum((1, 2))
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.where(count > 0, (square * mask).sum((1, 2)) / count, np.nan)
        return np.asarray(np.minimum(10 * np.log10(255**2 / error), PERFECT_DB), np.float64)


def ssim(made_hwc: Pictures, true_hwc: Pictures) -> float:
    """Structural similarity, mean over pixels and channels; Wang et al. (2004), Gaussian window of sigma 1.5."""
    a, b = made_hwc.astype(np.float64), true_hwc.astype(np.float64)

    def local(x: Doubles) -> Doubles:
        return np.asarray(gaussian_filter(x, (1.5, 1.5, 0), truncate=3.5))

    mean_a, mean_b = local(a), local(b)
    var_a, var_b, both = local(a * a) - mean_a**2, local(b * b) - mean_b**2, local(a * b) - mean_a * mean_b
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    similar = (2 * mean_a * mean_b + c1) * (2 * both + c2) / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2))
    return float(similar.mean())
