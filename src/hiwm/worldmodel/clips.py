"""Training clips: from windows of a dataset to tensors, whole or cropped around what changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hiwm.data.windows import Batch
from hiwm.worldmodel.network import position_grid
from hiwm.worldmodel.scaling import NumberScale

CHANGED = 20
"""Difference of two pictures, of 255, from which a pixel counts as changed."""


@dataclass(frozen=True, eq=False)
class Clips:
    """B clips of T steps. pictures: -1..1, cameras stacked as channels. background: the usual picture there."""

    pictures_btchw: Tensor
    states_bts: Tensor
    actions_bta: Tensor
    background_bchw: Tensor
    grid_b2hw: Tensor

    def to(self, device: torch.device) -> Clips:
        """The same clips on a device."""
        return Clips(
            self.pictures_btchw.to(device), self.states_bts.to(device), self.actions_bta.to(device),
            self.background_bchw.to(device), self.grid_b2hw.to(device),
        )  # fmt: skip


def stacked(batch: Batch) -> NDArray[np.uint8]:
    """(B, T, H, W, C) with the cameras side by side as channels."""
    return np.asarray(np.concatenate(list(batch.images.values()), axis=-1), np.uint8)


class ClipMaker:
    """Makes clips of one dataset. The grid and the background are cut like the pictures."""

    def __init__(self, usual_hwc: NDArray[np.uint8], states: NumberScale, actions: NumberScale, fold: int) -> None:
        self.states, self.actions, self.fold = states, actions, fold
        self.background_hwc = usual_hwc
        self.grid_2hw = position_grid(self.background_hwc.shape[0], self.background_hwc.shape[1], fold)

    def make(self, batch: Batch, crop: int | None, rng: np.random.Generator) -> Clips:
        """Whole pictures, or squares of `crop` pixels placed where the clip changes (some anywhere)."""
        raw = stacked(batch)
        height, width = raw.shape[2:4]
        whole = crop is None or crop >= min(height, width)
        high, wide = (height, width) if crop is None or whole else (crop, crop)
        corners = [np.zeros(2, int) if whole else self._corner(clip, high, rng) for clip in raw]
        cut = np.stack([clip[:, y : y + high, x : x + wide] for clip, (y, x) in zip(raw, corners, strict=True)])
        usual = np.stack([self.background_hwc[y : y + high, x : x + wide] for y, x in corners])
        f = self.fold
        grid = [self.grid_2hw[:, y // f : (y + high) // f, x // f : (x + wide) // f] for y, x in corners]
        return Clips(
            pictures_btchw=as_pictures(cut),
            states_bts=torch.from_numpy(self.states.forward(batch.state_bts)),
            actions_bta=torch.from_numpy(self.actions.forward(batch.action_bta)),
            background_bchw=as_pictures(usual),
            grid_b2hw=torch.stack(grid),
        )

    def _corner(self, clip_thwc: NDArray[np.uint8], crop: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """Upper left corner (y, x) of a square, on the grid of the coarsest fold."""
        limit = np.array(clip_thwc.shape[1:3]) - crop
        corner: NDArray[Any] = rng.integers(0, limit + 1)
        if rng.random() < 0.85:
            difference = np.abs(clip_thwc[-1].astype(np.int16) - clip_thwc[0]).max(-1)
            changed = np.argwhere(difference > CHANGED)
            if len(changed):
                corner = changed[rng.integers(len(changed))] - crop // 2 + rng.integers(-crop // 3, crop // 3 + 1, 2)
        unit = self.fold * 4
        return np.asarray(np.clip(np.round(corner / unit).astype(int) * unit, 0, limit // unit * unit))


def as_pictures(pixels: NDArray[np.uint8]) -> Tensor:
    """(..., H, W, C) 0..255 to (..., C, H, W) -1..1."""
    moved = np.ascontiguousarray(np.moveaxis(pixels, -1, -3))
    return torch.from_numpy(moved).float() / 127.5 - 1


def as_pixels(pictures: Tensor) -> NDArray[np.uint8]:
    """(..., C, H, W) -1..1 to (..., H, W, C) 0..255, rounded."""
    pixels = ((pictures.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return np.asarray(np.moveaxis(pixels.cpu().numpy(), -3, -1), np.uint8)


def as_shown(pictures: Tensor) -> Tensor:
    """Pictures -1..1 as they are after they were stored as 8 bits."""
    return ((pictures.float() + 1) * 127.5).round().clamp(0, 255) / 127.5 - 1
