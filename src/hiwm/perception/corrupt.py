"""Spoils an object in a real picture by rule, in the ways in which worlds spoil it: negatives for "seen whole".

Every rule takes a picture (3, H, W) -1..1, a soft disc (H, W) 0..1 over a part of the object, the disc's centre in
pixels (x, y), the usual picture (3, H, W), and a generator; it returns a new picture.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

type Rule = Callable[[Tensor, Tensor, Tensor, Tensor, np.random.Generator], Tensor]

DIFFERS = 0.16
"""Difference from the usual picture, of -1..1, from which a pixel belongs to something."""
VISIBLE_PX = 1e-3
"""Share of a picture's pixels that must really change for it to be a negative."""
RADIUS = (0.06, 0.24)
"""Of the disc, as a share of the picture's width."""


def spoiled(
    picture_chw: Tensor, usual_chw: Tensor, centre: tuple[float, float], rule: Rule, rng: np.random.Generator
) -> Tensor | None:
    """The picture with what lies around `centre` spoiled; None where one would not see it."""
    width = picture_chw.shape[-1]
    place = torch.tensor(centre, dtype=torch.float32)
    disc = _disc(picture_chw.shape[-2:], place, rng.uniform(*RADIUS) * width)
    after = rule(picture_chw, disc, place, usual_chw, rng)
    changed = (after - picture_chw).abs().amax(0) > DIFFERS
    return after if float(changed.float().mean()) > VISIBLE_PX else None


def blurred(picture_chw: Tensor, sigma_px: float) -> Tensor:
    """The whole picture out of focus."""
    reach = max(1, math.ceil(2.5 * sigma_px))
    line = torch.exp(-(torch.arange(-reach, reach + 1).float() ** 2) / (2 * sigma_px**2))
    line = line / line.sum()
    padded = F.pad(picture_chw[:, None], (reach, reach, reach, reach), mode="replicate")
    return F.conv2d(F.conv2d(padded, line[None, None, :, None]), line[None, None, None])[:, 0]


def _blur(picture: Tensor, disc: Tensor, place: Tensor, usual: Tensor, rng: np.random.Generator) -> Tensor:
    return _mixed(picture, blurred(picture, rng.uniform(0.016, 0.04) * picture.shape[-1]), disc)


def _erase(picture: Tensor, disc: Tensor, place: Tensor, usual: Tensor, rng: np.random.Generator) -> Tensor:
    return _mixed(picture, usual, disc)


def _cut(picture: Tensor, disc: Tensor, place: Tensor, usual: Tensor, rng: np.random.Generator) -> Tensor:
    """Only what lies on one side of a line through the centre goes, with a hard edge."""
    x, y = _pixels(picture.shape[-2:])
    way = rng.uniform(0, 2 * math.pi)
    side = (x - place[0]) * math.cos(way) + (y - place[1]) * math.sin(way) > 0
    return _mixed(picture, usual, (disc > 0.5) & side)


def _fade(picture: Tensor, disc: Tensor, place: Tensor, usual: Tensor, rng: np.random.Generator) -> Tensor:
    return _mixed(picture, usual, disc * rng.uniform(0.35, 0.75))


def _double(picture: Tensor, disc: Tensor, place: Tensor, usual: Tensor, rng: np.random.Generator) -> Tensor:
    """A second one beside the first."""
    width, way = picture.shape[-1], rng.uniform(0, 2 * math.pi)
    far = rng.uniform(0.08, 0.3) * width
    dx, dy = round(far * math.cos(way)), round(far * math.sin(way))
    mask = _something(picture, usual) * (disc > 0.3)
    moved, moved_mask = (torch.roll(part, (dy, dx), (-2, -1)) for part in (picture, mask))
    return _mixed(picture, moved, moved_mask)


def _smear(picture: Tensor, disc: Tensor, place: Tensor, usual: Tensor, rng: np.random.Generator) -> Tensor:
    """The mean of several poses, which is what a network paints that cannot tell which one it is."""
    poses = [_posed(picture, place, rng) for _ in range(int(rng.integers(2, 6)))]
    return _mixed(picture, torch.stack(poses).mean(0), disc)


def _melt(picture: Tensor, disc: Tensor, place: Tensor, usual: Tensor, rng: np.random.Generator) -> Tensor:
    """Corners round off and thin parts go, while edges stay sharp: blurred, then decided again."""
    mask = _something(picture, usual) * disc
    soft = blurred(mask[None], rng.uniform(0.025, 0.05) * picture.shape[-1])[0]
    colour = (picture * mask).sum((-2, -1), keepdim=True) / mask.sum().clamp(min=1)
    round_off = torch.sigmoid((soft - rng.uniform(0.4, 0.6)) * 12)
    return _mixed(picture, usual + (colour - usual) * round_off, disc)


RULES: dict[str, Rule] = {
    "blur": _blur, "erase": _erase, "cut": _cut, "fade": _fade, "double": _double, "smear": _smear, "melt": _melt,
}  # fmt: skip


def _posed(picture: Tensor, place: Tensor, rng: np.random.Generator) -> Tensor:
    """The picture turned about a place by up to 50 degrees and shifted by up to 5 % of its width."""
    height, width = picture.shape[-2:]
    turn, shift = rng.uniform(-0.9, 0.9), rng.uniform(-0.05, 0.05, 2) * width
    x, y = _pixels((height, width))
    dx, dy = x - place[0] - float(shift[0]), y - place[1] - float(shift[1])
    from_x = math.cos(turn) * dx - math.sin(turn) * dy + place[0]
    from_y = math.sin(turn) * dx + math.cos(turn) * dy + place[1]
    grid = torch.stack([2 * from_x / (width - 1) - 1, 2 * from_y / (height - 1) - 1], -1)
    return F.grid_sample(picture[None], grid[None], padding_mode="border", align_corners=True)[0]


def _mixed(before: Tensor, after: Tensor, share: Tensor) -> Tensor:
    return before + (after - before) * share.float()


def _something(picture: Tensor, usual: Tensor) -> Tensor:
    return ((picture - usual).abs().amax(0) > DIFFERS).float()


def _disc(size: torch.Size, place: Tensor, radius_px: float) -> Tensor:
    x, y = _pixels(size)
    far = torch.sqrt((x - place[0]) ** 2 + (y - place[1]) ** 2)
    return torch.sigmoid((radius_px - far) / max(1.0, 0.08 * radius_px))


def _pixels(size: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    y, x = torch.meshgrid(*(torch.arange(n, dtype=torch.float32) for n in size), indexing="ij")
    return x, y
