"""The first part of a training: to read pictures into codes, and to paint them again."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from hiwm.worldmodel.config import TrainingConfig
from hiwm.worldmodel.net import WorldNet
from hiwm.worldmodel.network import OBJECT

NEAR = 4
"""So many pixels around what differs from the usual picture count as near it."""


@dataclass(frozen=True, eq=False)
class Shots:
    """B single pictures (B, C, H, W), -1..1, with their robot states, scaled, and what mostly stands there."""

    pictures_bchw: Tensor
    states_bs: Tensor
    usual_bchw: Tensor
    grid_b2hw: Tensor


def noisy_codes(net: WorldNet, shots: Shots, config: TrainingConfig, draw: torch.Generator) -> Tensor:
    """(B, code) of whole pictures under noise."""
    pictures = shots.pictures_bchw
    level = config.picture_noise * torch.rand((len(pictures), 1, 1, 1), generator=draw, device=draw.device)
    codes: Tensor = net.reader(pictures + level * _normal(pictures, draw), shots.usual_bchw)
    return codes


def picture_loss(
    net: WorldNet, code_bd: Tensor, shots: Shots, crop: int | None, config: TrainingConfig, draw: torch.Generator
) -> Tensor:
    """How far off what is painted of the pictures' codes is, weighted to objects.

    A square of `crop` pixels is painted, None for all. Noise on the code makes codes near each other look alike, so
    that a small error of the motion stays small.
    """
    network = net.reader.config
    spread = torch.full_like(code_bd[:1], config.eye_noise if network.eye else config.point_noise)
    spread[:, network.placed :] = config.feature_noise
    code = code_bd + spread * _normal(code_bd, draw)
    state = shots.states_bs + 0.005 * _normal(shots.states_bs, draw)
    part = shots if crop is None else cut(shots, crop, network.fold, draw)
    painted, laid = net.painter.both(code, state, part.usual_bchw, part.grid_b2hw)
    weight = _weight(part, config)
    return _far_off(painted, part, weight) + config.sprite_weight * _far_off(laid, part, weight)


def _far_off(made_bchw: Tensor, shots: Shots, weight_b1hw: Tensor) -> Tensor:
    gap = made_bchw - shots.pictures_bchw
    return ((gap**2 + 0.3 * gap.abs()) * weight_b1hw).mean()


def unusual(pictures_bchw: Tensor, usual_bchw: Tensor) -> Tensor:
    """(B, 1, H, W) 1 where a picture differs from the usual one: objects and robot."""
    return ((pictures_bchw - usual_bchw).abs().amax(1, keepdim=True) > OBJECT).float()


def cut(shots: Shots, crop: int, fold: int, draw: torch.Generator) -> Shots:
    """A square of each picture, around something that differs from the usual picture (one in ten anywhere)."""
    height, width = shots.pictures_bchw.shape[-2:]
    high, wide = min(crop, height), min(crop, width)
    unit = 4 * fold
    limit = torch.tensor([height - high, width - wide]) // unit
    corners = [_corner(mask[0], (high, wide), draw) for mask in unusual(shots.pictures_bchw, shots.usual_bchw)]
    starts = [torch.minimum((corner / unit).round().clamp(min=0), limit).int().tolist() for corner in corners]

    def part(maps: Tensor, unit: int, high: int, wide: int) -> Tensor:
        squares = [
            m[:, y * unit : y * unit + high, x * unit : x * unit + wide] for m, (y, x) in zip(maps, starts, strict=True)
        ]
        return torch.stack(squares)

    return Shots(
        part(shots.pictures_bchw, unit, high, wide),
        shots.states_bs,
        part(shots.usual_bchw, unit, high, wide),
        part(shots.grid_b2hw, 4, high // fold, wide // fold),
    )


def _corner(mask_hw: Tensor, size: tuple[int, int], draw: torch.Generator) -> Tensor:
    """Upper left corner (y, x) of a square; may lie outside."""

    def random(limit: int) -> int:
        return int(torch.randint(limit, (1,), generator=draw, device=draw.device))

    room = [mask_hw.shape[k] - size[k] + 1 for k in (0, 1)]
    places = mask_hw.nonzero()
    if not len(places) or random(10) == 0:
        return torch.tensor([random(room[0]), random(room[1])]).float()
    shift = torch.tensor([random(size[k]) - size[k] for k in (0, 1)])
    return (places[random(len(places))].cpu() + shift).float()


def _weight(shots: Shots, config: TrainingConfig) -> Tensor:
    """More weight near objects, whatever a pixel there turns out to show.

    Weighting their pixels alone would make a hand of which the network is one tenth sure look two thirds sure.
    """
    differs = unusual(shots.pictures_bchw, shots.usual_bchw)
    return 1 + config.object_weight * F.max_pool2d(differs, 2 * NEAR + 1, stride=1, padding=NEAR)


def _normal(like: Tensor, draw: torch.Generator) -> Tensor:
    return torch.randn(like.shape, generator=draw, device=draw.device)
