"""Figures of one clip as shown by a world or a baseline, and what many clips say together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from hiwm.bench.picture_figures import Pictures, changed_pixels, psnr_db, ssim
from hiwm.bench.world_clips import Clip, Film, Ruler
from hiwm.perception.estimator import Estimator
from hiwm.perception.points import distances
from hiwm.types import Doubles, Picture

MOMENTS = (1, 10, 25, 50, 64)
"""Steps that are looked at singly."""


@dataclass(frozen=True, eq=False)
class ClipFigures:
    """By step: object and hand errors, whether the object is seen whole, PSNR in dB.

    read_t: object error as read from the pictures. object_t: the same, but where the object is not seen whole at least
    its displacement since the clip's first picture: what an estimator reads from a smear is what it is used to, and may
    be near the truth by chance. ssim: mean over the MOMENTS. trust_t: as the world gives it.
    The simulator's own pictures have no picture figures.
    """

    object_t: Doubles
    read_t: Doubles
    hand_t: Doubles
    whole_t: Doubles
    changed_db_t: Doubles | None = None
    full_db_t: Doubles | None = None
    ssim: float | None = None
    trust_t: Doubles | None = None


def moments_of(steps: int) -> tuple[int, ...]:
    """The MOMENTS within so many steps, and the last step."""
    return tuple(dict.fromkeys([*(k for k in MOMENTS if k < steps), steps]))


def reading_figures(film: Film, clip: Clip, estimator: Estimator, ruler: Ruler) -> ClipFigures:
    """What the estimator reads from a film, against the simulator's truth."""
    read, truth = estimator.read(film), clip.truth_tk
    error = ruler.apart(read.truth_nk, truth)
    displacement = ruler.apart(np.repeat(clip.first.observation.require_truth()[None], len(truth), 0), truth)
    return ClipFigures(
        object_t=np.where(read.whole_n, error, np.maximum(error, displacement)),
        read_t=error,
        hand_t=distances(read.state_ns, clip.state_ts, estimator.hand_points, 0.0),
        whole_t=read.whole_n.astype(np.float64),
    )


def film_figures(film: Film, clip: Clip, estimator: Estimator, ruler: Ruler) -> ClipFigures:
    """Readings, and the pictures against the simulator's."""
    read = reading_figures(film, clip, estimator, ruler)
    cameras = [camera.name for camera in estimator.cameras]
    made, true = stacked(film, cameras), stacked(clip.film, cameras)
    first = stacked([clip.first.observation.images], cameras)[0]
    at = [k - 1 for k in moments_of(len(film))]
    return replace(
        read,
        changed_db_t=psnr_db(made, true, changed_pixels(first, true)),
        full_db_t=psnr_db(made, true),
        ssim=float(np.mean([ssim(made[k], true[k]) for k in at])),
    )


def row(measured: Sequence[ClipFigures], ruler: Ruler) -> dict[str, Any]:
    """The figures of many clips, each with its 95 % interval and n; errors also in % of the workspace."""
    errors = {
        "object_error": [clip.object_t[-1] for clip in measured],
        "object_error_as_read": [clip.read_t[-1] for clip in measured],
        "hand_error": [clip.hand_t[-1] for clip in measured],
    }
    shares = {
        "seen_whole": [clip.whole_t.mean() for clip in measured],
        "psnr_changed_db": [_mean(clip.changed_db_t) for clip in measured],
        "psnr_db": [_mean(clip.full_db_t) for clip in measured],
        "ssim": [clip.ssim for clip in measured],
    }
    figures: dict[str, Any] = {name: figure(values, np.median) for name, values in errors.items()}
    for name in errors:
        figures[name]["percent_of_workspace"] = 100 * figures[name]["value"] / ruler.workspace
    for name, values in shares.items():
        known = [value for value in values if value is not None]
        if known:
            figures[name] = figure(known, np.mean)
    return figures | {"by_step": _by_step(measured)}


def figure(values: Sequence[float], middle: Callable[..., Any], draws: int = 1000) -> dict[str, Any]:
    """Median or mean of a figure over clips, its 95 % percentile bootstrap interval (Efron 1979), and n."""
    known = np.array(values, np.float64)
    known = known[np.isfinite(known)]
    if not len(known):
        return {"value": None, "interval_95": None, "n": 0}
    drawn = np.random.default_rng(0).integers(0, len(known), (draws, len(known)))
    low, high = np.quantile(middle(known[drawn], axis=1), [0.025, 0.975])
    return {"value": float(middle(known)), "interval_95": [float(low), float(high)], "n": len(known)}


def _by_step(measured: Sequence[ClipFigures]) -> dict[str, Any]:
    """Medians of the errors, and the mean PSNR where things changed, at the MOMENTS."""
    out: dict[str, Any] = {}
    for k in moments_of(len(measured[0].object_t)):
        at: dict[str, Any] = {
            "object_error": float(np.median([clip.object_t[k - 1] for clip in measured])),
            "hand_error": float(np.median([clip.hand_t[k - 1] for clip in measured])),
            "seen_whole": float(np.mean([clip.whole_t[k - 1] for clip in measured])),
        }
        changed = [clip.changed_db_t[k - 1] for clip in measured if clip.changed_db_t is not None]
        known = [value for value in changed if np.isfinite(value)]
        if known:
            at["psnr_changed_db"] = float(np.mean(known))
        out[str(k)] = at
    return out


def _mean(values_t: Doubles | None) -> float | None:
    """Mean over the steps at which there is a value; None where there is none at all."""
    if values_t is None or not np.isfinite(values_t).any():
        return None
    return float(np.nanmean(values_t))


def stacked(film: Sequence[Mapping[str, Picture]], cameras: Sequence[str]) -> Pictures:
    """(T, H, W, C) with the cameras as channels."""
    return np.stack([np.concatenate([shown[name] for name in cameras], axis=-1) for shown in film])
