"""How right a judge is on frames that are kept out of its training, and its calibration on them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from hiwm.data.precision import fast_arithmetic
from hiwm.types import Floats
from hiwm.worldmodel.judge import PROGRESS, SUCCESS, JudgeNet
from hiwm.worldmodel.judge_frames import NEAR, LabelledFrames

PRIOR_FRAMES = 2
"""How many frames the belief that nothing needs calibrating weighs as much as."""


@dataclass(frozen=True)
class JudgeFigures:
    """None where the frames cannot tell.

    frames, ends: how many frames, and how many episodes whose last frame was judged. success: balanced accuracy per
    frame. near: share of near successes (progress > 0.9) judged as failures. ended_in_success: balanced accuracy at the
    last frames. progress_error: mean absolute error.
    """

    frames: int
    ends: int
    success: float | None
    near: float | None
    ended_in_success: float | None
    progress_error: float | None

    def line(self) -> str:
        """One line for the terminal."""
        shares = {"success": self.success, "near misses": self.near, "episode ends": self.ended_in_success}
        told = [f"{name} {100 * share:.1f} %" for name, share in shares.items() if share is not None]
        if self.progress_error is not None:
            told.append(f"progress off by {self.progress_error:.3f}")
        return f"{', '.join(told)} ({self.frames} frames, {self.ends} ends)"


@torch.no_grad()
def logits_of(net: JudgeNet, frames: LabelledFrames, device: torch.device, batch: int = 64) -> Floats:
    """(B, 2) logits, in pieces that fit into memory."""
    pieces = [frames.take(np.arange(k, min(k + batch, len(frames)))) for k in range(0, len(frames), batch)]
    with fast_arithmetic(device):
        logits = [net(*piece.tensors(device)).cpu().numpy() for piece in pieces]
    return np.concatenate(logits) if logits else np.zeros((0, 2), np.float32)


def figures(logits_b2: Floats, frames: LabelledFrames, end_logits_b2: Floats, ends: LabelledFrames) -> JudgeFigures:
    """Figures of logits (calibrated) for labelled frames, and for the last frames of episodes."""
    said = logits_b2[:, SUCCESS] > 0
    near = (frames.success_b < 0.5) & (frames.progress_b > NEAR)
    told = np.isfinite(frames.progress_b)
    progress = 1 / (1 + np.exp(-logits_b2[told, PROGRESS].astype(np.float64)))
    return JudgeFigures(
        frames=len(frames),
        ends=len(ends),
        success=balanced_accuracy(said, frames.success_b),
        near=float((~said[near]).mean()) if near.any() else None,
        ended_in_success=balanced_accuracy(end_logits_b2[:, SUCCESS] > 0, ends.success_b),
        progress_error=float(np.abs(progress - frames.progress_b[told]).mean()) if told.any() else None,
    )


def balanced_accuracy(said_b: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], success_b: Floats) -> float | None:
    """Mean of the shares of successes and of failures that are named so; NaN is left out, None without one of them."""
    yes, no = success_b > 0.5, success_b < 0.5
    if not yes.any() or not no.any():
        return None
    return float((said_b[yes].mean() + (~said_b[no]).mean()) / 2)


def evened(frames: LabelledFrames) -> Floats:
    """(B,) weights, 1 in sum, with which success and failure weigh the same, and so do near and other failures."""
    success, failure = frames.success_b > 0.5, frames.success_b < 0.5
    near = failure & (frames.progress_b > NEAR)
    rest = failure & ~near
    half = 0.25 if near.any() and rest.any() else 0.5
    weight = np.zeros(len(frames), np.float32)
    for group, share in ((success, 0.5), (near, half), (rest, half)):
        weight[group] = share / max(1, group.sum())
    return weight


def calibration(logit_b: Floats, success_b: Floats, weight_b: Floats) -> tuple[float, float]:
    """(scale, shift) that make sigmoid(scale * logit + shift) the probability of success, frames weighed as given.

    With `evened` weights 0 is the threshold of best balance. (1, 0) where one outcome never occurs. Source: Platt,
    "Probabilistic outputs for support vector machines" (1999); the fewer frames, the nearer it stays to (1, 0).
    """
    known = np.isfinite(success_b)
    if len(np.unique(success_b[known])) < 2:
        return 1.0, 0.0
    logit, success, weight = (torch.from_numpy(v[known].astype(np.float64)) for v in (logit_b, success_b, weight_b))
    numbers = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([numbers], max_iter=60, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimiser.zero_grad()
        told = numbers[0].exp() * logit + numbers[1]
        entropy = F.binary_cross_entropy_with_logits(told, success, weight, reduction="sum")
        value: Tensor = entropy / weight.sum() + PRIOR_FRAMES / len(logit) * (numbers**2).sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimiser.step(loss)  # type: ignore[no-untyped-call]
    log_scale, shift = numbers.detach().tolist()
    return float(np.exp(log_scale)), shift
