"""Where the object's points stand in the picture, found from data alone: no camera is known here.

Points of the truth are sorted into cells of the table. Over all frames with a point in a cell, what differs from the
usual picture lies, more often than elsewhere, at one place of the picture; those places against the cells' middles
give an affine map.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from hiwm.types import Doubles

_CELLS = 6
_FEWEST_FRAMES = 8
_CLEAR = 0.08
"""How much more often a place must differ from the usual picture for its cell to count."""
_OFF = 0.12
"""Share of the picture's width by which a cell may lie off the map before it is left out."""


@dataclass(frozen=True, eq=False)
class PictureMap:
    """Table to picture: pixel (x, y) = matrix_23 @ (x, y, 1)."""

    matrix_23: Doubles

    def pixels(self, points_n2: Doubles) -> Doubles:
        """(N, 2) places on the table to (N, 2) pixels, x (column) then y (row)."""
        return np.asarray(points_n2 @ self.matrix_23[:, :2].T + self.matrix_23[:, 2])


def find_map(points_np2: Doubles, foreground_nhw: NDArray[np.bool_]) -> PictureMap | None:
    """The map of one camera from N frames with P points each; None where the pictures do not show one.

    foreground: where a frame differs from the usual picture.
    """
    low, high = np.quantile(points_np2.reshape(-1, 2), [0.02, 0.98], axis=0)
    if (high <= low).any():
        return None
    cell_np = np.floor((points_np2 - low) / (high - low) * _CELLS).astype(int)
    middles, pixels, weights = [], [], []
    for column in range(_CELLS):
        for row in range(_CELLS):
            inside_n = (cell_np == (column, row)).all(-1).any(-1)
            peak = _peak(foreground_nhw, inside_n)
            if peak is not None:
                middles.append(low + (np.array([column, row]) + 0.5) / _CELLS * (high - low))
                pixels.append(peak[:2])
                weights.append(peak[2])
    if len(middles) < _CELLS:
        return None
    return _fit(np.array(middles), np.array(pixels), np.array(weights), _OFF * foreground_nhw.shape[2])


def _peak(foreground_nhw: NDArray[np.bool_], inside_n: NDArray[np.bool_]) -> tuple[float, float, float] | None:
    """x, y of where the frames inside differ most from the others, and by how much; None where that is not clear."""
    if not _FEWEST_FRAMES <= inside_n.sum() <= len(inside_n) - _FEWEST_FRAMES:
        return None
    excess = foreground_nhw[inside_n].mean(0) - foreground_nhw[~inside_n].mean(0)
    excess = gaussian_filter(excess, 0.04 * foreground_nhw.shape[2])
    y, x = np.unravel_index(excess.argmax(), excess.shape)
    return (float(x), float(y), float(excess[y, x])) if excess[y, x] > _CLEAR else None


def _fit(middles_c2: Doubles, pixels_c2: Doubles, weight_c: Doubles, off_px: float) -> PictureMap | None:
    """Weighted least squares; cells far off the map are left out and it is fitted again."""
    keep = np.ones(len(weight_c), bool)
    matrix = np.zeros((2, 3))
    for _ in range(4):
        design = np.column_stack([middles_c2, np.ones(len(middles_c2))])[keep] * weight_c[keep, None]
        matrix = np.linalg.lstsq(design, pixels_c2[keep] * weight_c[keep, None], rcond=None)[0].T
        off = np.linalg.norm(PictureMap(matrix).pixels(middles_c2) - pixels_c2, axis=1)
        keep = off < max(off_px, float(np.median(off)))
        if keep.sum() < 4:
            return None
    return PictureMap(matrix)
