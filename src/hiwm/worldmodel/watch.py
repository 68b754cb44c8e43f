"""Watches a training: rollouts beside the truth on clips that are kept out of it, as a motion-aware figure and
pictures.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from hiwm.data.windows import Indices, Windows
from hiwm.worldmodel.clips import ClipMaker, Clips, as_pixels
from hiwm.worldmodel.net import Context, Place, WorldNet
from hiwm.worldmodel.pictures import unusual

MOMENTS = (1, 10, 25, 50, 64)


@dataclass(frozen=True)
class Watched:
    """PSNR in dB over the pixels that differ from the usual picture now or at the start, by step, mean over clips.

    still: the same for repeating the first picture. score: mean of all steps, what the best checkpoint is chosen by.
    """

    psnr_by_step: dict[int, float]
    still_by_step: dict[int, float]
    score: float
    still_score: float

    def line(self) -> str:
        """One line for the terminal."""
        steps = "  ".join(f"{k}: {v:.1f} ({self.still_by_step[k]:.1f})" for k, v in self.psnr_by_step.items())
        return f"PSNR where things move at step {steps}  mean {self.score:.2f} ({self.still_score:.2f} standing still)"


def moving_clips(windows: Windows, maker: ClipMaker, starts: Indices, steps: int, wanted: int) -> Clips:
    """Of clips at `starts` (each of `steps` frames from there), the `wanted` ones in which most pixels change."""
    rng = np.random.default_rng(0)
    candidates = rng.choice(starts, min(len(starts), 4 * wanted), replace=False)
    batches = [windows.batch(np.array([i])) for i in candidates]
    change = [
        np.abs(np.diff(next(iter(b.images.values()))[0, [0, -1]].astype(np.int16), axis=0)).mean() for b in batches
    ]
    best = candidates[np.argsort(change)[::-1][:wanted]]
    return maker.make(windows.batch(np.sort(best)))


@torch.no_grad()
def watch_pictures(net: WorldNet, clips: Clips, past: int, picture: Path) -> float:
    """PSNR in dB of what is read and painted again, over objects and robot; writes truth above painted as a PNG."""
    steps = clips.pictures_btchw.shape[1] - past
    psnr, shown = [], {}
    for k in (k for k in MOMENTS if k <= steps):
        truth, usual = clips.pictures_btchw[:, past + k - 1], clips.background_bchw
        state = clips.states_bts[:, past + k - 1]
        made = net.painter(net.reader(truth, usual), state, usual, clips.grid_b2hw).clamp(-1, 1)
        psnr.append(masked_psnr(made, truth, unusual(truth, usual)))
        shown[k] = (truth, made)
    _save(shown, picture)
    return float(np.mean(psnr))


@torch.no_grad()
def watch(net: WorldNet, clips: Clips, past: int, picture: Path) -> Watched:
    """Rolls the clips' actions out from their first `past` pictures; writes truth above world as a PNG."""
    draw = torch.Generator(clips.pictures_btchw.device).manual_seed(0)
    place = Place(clips.background_bchw, clips.grid_b2hw)
    codes = net.read(clips.pictures_btchw[:, :past], place)
    context = Context(codes, clips.states_bts[:, :past], clips.actions_bta[:, :past])
    first = clips.pictures_btchw[:, past - 1]
    steps = clips.pictures_btchw.shape[1] - past
    psnr, still, shown = [], [], {}
    for k in range(steps):
        noise = torch.randn((len(first), net.code), generator=draw, device=draw.device)
        code, state = net.move(context, noise, 1)
        made = net.paint(code, state, place)
        context = context.pushed(code, state, clips.actions_bta[:, past + k])
        truth = clips.pictures_btchw[:, past + k]
        mask = torch.maximum(*(unusual(p, clips.background_bchw) for p in (truth, first)))
        psnr.append(masked_psnr(made, truth, mask))
        still.append(masked_psnr(first, truth, mask))
        if k + 1 in MOMENTS:
            shown[k + 1] = (truth, made)
    _save(shown, picture)
    at = [k for k in MOMENTS if k <= steps]
    return Watched(
        {k: psnr[k - 1] for k in at}, {k: still[k - 1] for k in at}, float(np.mean(psnr)), float(np.mean(still))
    )


def masked_psnr(made: Tensor, truth: Tensor, mask_b1hw: Tensor) -> float:
    """PSNR in dB of pictures -1..1 over the pixels of a mask, mean over the batch."""
    error = ((made - truth) ** 2 * mask_b1hw).sum((1, 2, 3)) / (made.shape[1] * mask_b1hw.sum((1, 2, 3)).clamp(min=1))
    return float((10 * torch.log10(4 / error.clamp(min=1e-6))).mean())


def _save(shown: dict[int, tuple[Tensor, Tensor]], path: Path, rows: int = 6) -> None:
    """A PNG of the first camera: clips as pairs of rows (truth, world), moments as columns."""
    lines = []
    for i in range(min(rows, len(next(iter(shown.values()))[0]))):
        for which in (0, 1):
            lines.append(np.concatenate([as_pixels(pair[which][i, :3]) for pair in shown.values()], axis=1))
    Image.fromarray(np.concatenate(lines, axis=0)).save(path)
