"""How well a world knows where it is wrong: its trust at each step of the clips against what the estimator reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from hiwm.bench.world_clips import Ruler
from hiwm.bench.world_figures import ClipFigures
from hiwm.bench.world_intervals import Columns, clustered_figure
from hiwm.types import Doubles

TOLERANCE = 0.05
"""Of the workspace: an object that is read nearer than this to where it really is counts as right."""
BINS = 10
NO_TRUST = "the world gives no trust"


def trust_figures(measured: Mapping[str, Sequence[ClipFigures]], ruler: Ruler) -> dict[str, Any]:
    """AUROC, calibration error and reliability of the trust at all steps of the world's clips, by kind of episodes.

    A step is right where the object is seen whole and its error is below TOLERANCE. Intervals are over clips.
    """
    by_kind = {kind: [_columns(clip, ruler) for clip in clips if _told(clip)] for kind, clips in measured.items()}
    clips = [clip for some in by_kind.values() for clip in some]
    if not clips:
        return {"left_out": NO_TRUST}
    trust_n, right_n = (np.concatenate(column) for column in zip(*clips, strict=True))
    bins = reliability(trust_n, right_n)
    return {
        "tolerance": TOLERANCE,
        "right": clustered_figure(lambda trust, right: float(right.mean()), clips),
        "auroc": clustered_figure(auroc, clips),
        "auroc_by_kind": {str(kind): clustered_figure(auroc, some) for kind, some in by_kind.items()},
        "expected_calibration_error": calibration_error(bins),
        "bins": bins,
    }


def auroc(trust_n: Doubles, right_n: NDArray[np.bool_]) -> float | None:
    """Share of pairs of a right and a wrong step in which the right one is trusted more; ties count half.

    None where all are right, or none. Area under the ROC curve by ranks (Hanley and McNeil 1982).
    """
    right, wrong = int(right_n.sum()), int((~right_n).sum())
    if not right or not wrong:
        return None
    return float((rankdata(trust_n)[right_n].sum() - right * (right + 1) / 2) / (right * wrong))


def reliability(trust_n: Doubles, right_n: NDArray[np.bool_]) -> list[dict[str, Any]]:
    """Ten bins of equal width: where they begin and end, steps in them, mean trust, and the share that was right."""
    edges = np.linspace(0, 1, BINS + 1)
    which_n = np.clip((trust_n * BINS).astype(int), 0, BINS - 1)
    rows: list[dict[str, Any]] = []
    for k in range(BINS):
        inside = which_n == k
        known = bool(inside.any())
        rows.append(
            {
                "from": float(edges[k]),
                "to": float(edges[k + 1]),
                "n": int(inside.sum()),
                "trust": float(trust_n[inside].mean()) if known else None,
                "right": float(right_n[inside].mean()) if known else None,
            }
        )
    return rows


def calibration_error(bins: Sequence[Mapping[str, Any]]) -> float:
    """Mean gap between trust and share over the bins, weighed by their steps (ECE; Naeini et al. 2015)."""
    gaps = [row["n"] * abs(row["trust"] - row["right"]) for row in bins if row["n"]]
    return float(sum(gaps) / sum(row["n"] for row in bins))


def _told(clip: ClipFigures) -> bool:
    return clip.trust_t is not None


def _columns(clip: ClipFigures, ruler: Ruler) -> Columns:
    """Trust and rightness of a clip's steps."""
    assert clip.trust_t is not None
    return clip.trust_t, (clip.whole_t > 0) & (clip.read_t < TOLERANCE * ruler.workspace)
