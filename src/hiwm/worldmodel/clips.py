"""From windows of a dataset to tensors, and from tensors to pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hiwm.data.windows import Batch
from hiwm.worldmodel.network import position_grid
from hiwm.worldmodel.scaling import NumberScale


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
    """Makes clips of one dataset."""

    def __init__(self, usual_hwc: NDArray[np.uint8], states: NumberScale, actions: NumberScale, fold: int) -> None:
        self.states, self.actions = states, actions
        self.usual_chw = as_pictures(usual_hwc)
        self.grid_2hw = position_grid(usual_hwc.shape[0], usual_hwc.shape[1], fold)

    def make(self, batch: Batch) -> Clips:
        """The windows of a batch as they are."""
        count = len(batch.index_b)
        return Clips(
            pictures_btchw=as_pictures(stacked(batch)),
            states_bts=torch.from_numpy(self.states.forward(batch.state_bts)),
            actions_bta=torch.from_numpy(self.actions.forward(batch.action_bta)),
            background_bchw=self.usual_chw.expand(count, -1, -1, -1),
            grid_b2hw=self.grid_2hw.expand(count, -1, -1, -1),
        )


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
