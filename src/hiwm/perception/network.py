"""The estimator's network: a small convolutional hourglass whose maps are read as places, not only as averages."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hiwm.errors import BadInput

SHARPNESS = 8.0
"""Of the softmax over a map: flat maps all have their mean in the middle, and hardly learn."""


@dataclass(frozen=True)
class EstimatorConfig:
    """Sizes of the network.

    fold: pixels are folded fold x fold into channels. widths: channels at 1/fold, 1/(2 fold), 1/(4 fold) of the
    picture. points: how many maps are read as places. hidden: width of the layers behind them.
    """

    fold: int = 4
    widths: tuple[int, int, int] = (32, 64, 128)
    points: int = 48
    hidden: int = 256

    def require_fits(self, height: int, width: int) -> None:
        """Raises BadInput unless a picture divides into the coarsest grid and the sizes are sensible."""
        unit = self.fold * 4
        if not (1 <= self.fold <= 16 and min(self.widths) > 0 and max(self.widths) <= 1024):
            raise BadInput(f"expected folds of 1..16 and widths of 1..1024, got {self.fold} and {self.widths}")
        if not (1 <= self.points <= 1024 and 1 <= self.hidden <= 4096):
            raise BadInput(f"expected 1..1024 points and 1..4096 hidden, got {self.points} and {self.hidden}")
        if height < unit or width < unit or height % unit or width % unit:
            raise BadInput(f"expected pictures whose sides divide by {unit}, got {height} x {width}; give --size")


class Block(nn.Module):
    """Two convolutions around a shortcut."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first, self.second = _conv(channels, channels), nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Same shape in and out."""
        return F.silu(x + self.norm(self.second(self.first(x))))


class EstimatorNet(nn.Module):
    """(B, C, H, W) pictures -1..1 to numbers (B, M) and a score (B,) that is high where the object is seen whole."""

    def __init__(self, config: EstimatorConfig, channels: int, height: int, width: int, numbers: int) -> None:
        super().__init__()
        config.require_fits(height, width)
        c0, c1, c2 = config.widths
        self.fold = config.fold
        self.fine = nn.Sequential(_conv(channels * config.fold**2, c0), Block(c0))
        self.middle = nn.Sequential(_conv(c0, c1, stride=2), Block(c1), Block(c1))
        self.coarse = nn.Sequential(_conv(c1, c2, stride=2), Block(c2), Block(c2))
        self.lift, self.join = nn.Conv2d(c2, 4 * c1, 1), Block(c1)
        self.heat = nn.Conv2d(c1, 4 * config.points, 1)
        self.squeeze = nn.Conv2d(c2, 16, 1)
        cells = height // (4 * config.fold) * (width // (4 * config.fold))
        features = 3 * config.points + 16 * cells
        self.deep = nn.Sequential(
            nn.Linear(features, config.hidden), nn.SiLU(), nn.Linear(config.hidden, config.hidden), nn.SiLU()
        )
        self.numbers = nn.Linear(config.hidden + 2 * config.points, numbers)
        self.whole = nn.Sequential(nn.Linear(2 * (c0 + c1), config.hidden), nn.SiLU(), nn.Linear(config.hidden, 1))

    def forward(self, pictures_bchw: Tensor) -> tuple[Tensor, Tensor]:
        """Numbers as `Targets` encodes them, and the score."""
        numbers, score, _ = self.with_places(pictures_bchw)
        return numbers, score

    def with_places(self, pictures_bchw: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The same, and (B, points, 2) where in the picture each map lies, x and y from -1 to 1."""
        folded = F.pixel_unshuffle(pictures_bchw, self.fold).contiguous(memory_format=torch.channels_last)
        fine = self.fine(folded)
        middle = self.middle(fine)
        coarse = self.coarse(middle)
        joined = self.join(middle + F.pixel_shuffle(self.lift(coarse), 2))
        places, spread = soft_argmax(SHARPNESS * F.pixel_shuffle(self.heat(joined), 2).float())
        features = torch.cat([places, spread, self.squeeze(coarse).float().flatten(1)], 1)
        numbers = self.numbers(torch.cat([self.deep(features), places], 1))
        pooled = [reduce(maps, (2, 3)) for maps in (fine, joined) for reduce in (torch.mean, torch.amax)]
        score = self.whole(torch.cat(pooled, 1)).float()[:, 0]
        return numbers.float(), score, places.unflatten(1, (2, -1)).transpose(1, 2)  # type: ignore[no-untyped-call]


def soft_argmax(heat_bphw: Tensor) -> tuple[Tensor, Tensor]:
    """Mean place of each map's softmax as (B, 2P), x then y, -1..1, and its variance (B, P).

    Source: spatial softmax, Levine et al., "End-to-end training of deep visuomotor policies" (2016).
    """
    share = heat_bphw.flatten(2).softmax(2).view_as(heat_bphw)
    height, width = heat_bphw.shape[-2:]
    y, x = (torch.linspace(-1, 1, n, device=share.device) for n in (height, width))
    over_x, over_y = share.sum(2), share.sum(3)
    mean_x, mean_y = (over_x * x).sum(2), (over_y * y).sum(2)
    spread = (over_x * x**2).sum(2) - mean_x**2 + (over_y * y**2).sum(2) - mean_y**2
    return torch.cat([mean_x, mean_y], 1), spread


def _conv(before: int, after: int, stride: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(after), nn.SiLU())
