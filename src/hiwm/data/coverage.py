"""How much of what a robot can do and see is in a dataset: per number of action and state, and per place in view."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from hiwm.data import drawing
from hiwm.data.background import usual_picture
from hiwm.data.frame_cache import Frames
from hiwm.spec import NumberSpec
from hiwm.types import Doubles, Floats, Picture

BINS = 20
STILL_SHARE = 1e-3
"""A number stands still in a step when it changes by less than this share of its range."""
MOVED_LEVELS = 24
"""A pixel shows what moves when a colour is this far (of 255) from what is usual there; codecs stay below it."""
MOVED_FRAMES = 1e-3
"""A place counts as visited when that happens in this share of the frames, and at least once."""
SAMPLED_FRAMES = 2000


@dataclass(frozen=True)
class NumberCoverage:
    """What a dataset holds of one number. `low` and `high` are the range of the spec.

    bins: how many frames lie in each of 20 equal parts of that range. outside: share of frames beyond it. still: share
    of steps in which the number does not change.
    """

    name: str
    unit: str
    low: float
    high: float
    seen_low: float
    seen_high: float
    bins: tuple[int, ...]
    outside: float
    still: float

    @property
    def occupied(self) -> float:
        """Share of the bins that hold anything."""
        return sum(count > 0 for count in self.bins) / len(self.bins)


@dataclass(frozen=True, eq=False)
class PictureCoverage:
    """Where things moved in a camera. heat_hw: per pixel the share of frames that differ from the usual picture."""

    camera: str
    usual_hwc: Picture
    heat_hw: Doubles
    frames: int

    @property
    def visited(self) -> float:
        """Share of the picture area in which something was seen to move."""
        return float((self.heat_hw >= max(MOVED_FRAMES, 1 / self.frames)).mean())


def still_steps(values_nk: Floats, specs: Sequence[NumberSpec]) -> NDArray[np.bool_]:
    """(N - 1, K): True where a number does not change from one frame to the next."""
    range_k = np.array([max(spec.high - spec.low, 0.0) for spec in specs])
    still: NDArray[np.bool_] = np.abs(np.diff(values_nk, axis=0)) <= STILL_SHARE * range_k
    return still


def number_coverage(
    specs: Sequence[NumberSpec], values_nk: Floats, inner: NDArray[np.bool_]
) -> tuple[NumberCoverage, ...]:
    """Coverage of each number by N frames; what is not finite is left out.

    inner: (N - 1,), True where a frame and the next are of one episode.
    """
    still_k = still_steps(values_nk, specs)[inner].mean(axis=0) if inner.any() else np.ones(len(specs))
    return tuple(_one_number(spec, values_nk[:, k], float(still_k[k])) for k, spec in enumerate(specs))


def _one_number(spec: NumberSpec, values_n: Floats, still: float) -> NumberCoverage:
    values = values_n[np.isfinite(values_n)].astype(np.float64)
    seen = (float(values.min()), float(values.max())) if len(values) else (0.0, 0.0)
    high = spec.high if spec.high > spec.low else spec.low + 1.0
    slack = 1e-5 * (high - spec.low)  # float32 against the float64 of the spec
    outside = (values < spec.low - slack) | (values > spec.high + slack)
    bins, _ = np.histogram(np.clip(values[~outside], spec.low, high), BINS, (spec.low, high))
    share = float(outside.mean()) if len(values) else 0.0
    return NumberCoverage(spec.name, spec.unit, spec.low, spec.high, *seen, tuple(bins.tolist()), share, still)


def picture_coverage(frames: Frames, pool: NDArray[np.int64]) -> PictureCoverage:
    """Where things moved in a camera, over at most SAMPLED_FRAMES of the dataset indices in `pool` (not empty)."""
    sample = pool[np.unique(np.linspace(0, len(pool) - 1, min(SAMPLED_FRAMES, len(pool))).astype(np.int64))]
    usual = usual_picture(frames.pictures_nhwc, sample).astype(np.int16)
    moved = np.zeros(usual.shape[:2])
    for index in sample.tolist():
        moved += (np.abs(frames.pictures_nhwc[index] - usual) > MOVED_LEVELS).any(axis=-1)
    return PictureCoverage(frames.camera, usual.astype(np.uint8), moved / len(sample), len(sample))


def draw_heat(coverages: Sequence[PictureCoverage], title: str, path: Path, height: int = 320) -> None:
    """Writes a PNG: per camera the usual picture, dimmed, under the heat of what moved, with a colour scale below."""
    widths = [round(height * c.usual_hwc.shape[1] / c.usual_hwc.shape[0]) for c in coverages]
    gap = drawing.MARGIN
    total = max(sum(widths) + gap * (len(widths) + 1), 480)
    sheet = Image.new("RGB", (total, height + 3 * gap + 66), drawing.BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    drawing.text(draw, (gap, gap - 8), drawing.shorten(title, total - 2 * gap, 19), size=19)
    left, top = gap, gap + 46
    for coverage, width in zip(coverages, widths, strict=True):
        label = f"{coverage.camera}   {coverage.visited:.0%} of the area visited"
        drawing.text(draw, (left, top - 20), drawing.shorten(label, width, 13), drawing.MUTED, 13)
        drawing.paste(sheet, _heat_picture(coverage, (height, width)), (left, top, width, height))
        left += width + gap
    most = max(float(c.heat_hw.max()) for c in coverages)
    _draw_scale(sheet, top + height + gap, most)
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path)


def _heat_picture(coverage: PictureCoverage, size: tuple[int, int]) -> Picture:
    """The heat over the dimmed grey picture, (H, W, 3); square-root scale, so that rare places are seen too."""
    most = float(coverage.heat_hw.max()) or 1.0
    strength = np.sqrt(coverage.heat_hw / most)
    shape = (size[1], size[0])
    heat = np.asarray(Image.fromarray(strength.astype(np.float32)).resize(shape, Image.Resampling.BICUBIC)).clip(0, 1)
    grey = np.asarray(Image.fromarray(coverage.usual_hwc).convert("L").resize(shape, Image.Resampling.BICUBIC))
    opacity = np.clip(heat * 3, 0, 0.9)[..., None]
    mixed = (1 - opacity) * (0.55 * grey[..., None]) + opacity * drawing.heat_colours(heat.astype(np.float64))
    return np.asarray(mixed.clip(0, 255).astype(np.uint8))


def _draw_scale(sheet: Image.Image, top: int, most: float) -> None:
    width, left = min(260, sheet.width // 2), drawing.MARGIN
    colours = drawing.heat_colours(np.broadcast_to(np.linspace(0, 1, width), (10, width)))
    sheet.paste(Image.fromarray(colours.astype(np.uint8)), (left, top))
    draw = ImageDraw.Draw(sheet)
    drawing.text(draw, (left, top + 16), "never", drawing.MUTED, 13)
    label = f"{most:.0%} of the frames"
    drawing.text(draw, (left + width - drawing.text_width(label, 13), top + 16), label, drawing.MUTED, 13)
