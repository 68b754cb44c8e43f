"""The judge: progress and success read from the pictures that are shown, and from the robot state.

Success may hinge on a pixel (a block within millimetres of its goal), so pictures are folded and not shrunk, norms work
per position, and the last layers see every position by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hiwm.spec import RobotSpec
from hiwm.types import Reading
from hiwm.worldmodel.network import FREQUENCIES, Block, ChannelNorm, waves

PROGRESS, SUCCESS = 0, 1
"""Rows of the judge's last layer."""


@dataclass(frozen=True)
class JudgeConfig:
    """Sizes of the judge's network.

    fold: pixels are folded fold x fold into channels. widths: channels at 1/fold, 1/(2 fold) and 1/(4 fold) of the
    picture; blocks: residual blocks at the last two. embed: of the robot state. places, kept: at the end the picture is
    at most places x places positions with `kept` channels each. hidden: width of the layer that sees them all.
    """

    fold: int = 4
    widths: tuple[int, int, int] = (40, 56, 80)
    blocks: tuple[int, int] = (2, 1)
    embed: int = 64
    places: int = 8
    kept: int = 16
    hidden: int = 128


class JudgeNet(nn.Module):
    """A small convolutional network for pictures of one size."""

    def __init__(self, config: JudgeConfig, channels: int, state: int, size: tuple[int, int]) -> None:
        super().__init__()
        self.config = config
        c0, c1, c2 = config.widths
        high, wide = (min(config.places, side // (config.fold * 4)) for side in size)
        self.condition = nn.Sequential(nn.Linear(state * (1 + 2 * FREQUENCIES), config.embed), nn.SiLU())
        self.enter = nn.Conv2d(channels * config.fold**2, c0, 3, padding=1)
        self.down_1 = nn.Conv2d(c0, c1, 3, stride=2, padding=1)
        self.middle = _blocks(c1, config.blocks[0], config.embed)
        self.down_2 = nn.Conv2d(c1, c2, 3, stride=2, padding=1)
        self.coarse = _blocks(c2, config.blocks[1], config.embed)
        self.norm = ChannelNorm(c2)
        self.reduce = nn.Conv2d(c2, config.kept, 1)
        self.places = nn.AdaptiveAvgPool2d((high, wide))
        self.join = nn.Linear(config.kept * high * wide + config.embed, config.hidden)
        self.last = nn.Linear(config.hidden, 2)

    def forward(self, pictures_bchw: Tensor, states_bs: Tensor) -> Tensor:
        """(B, 2) logits of progress and success. pictures: -1..1, cameras stacked as channels; states: scaled."""
        kind = self.enter.weight.dtype
        condition = self.condition(waves(states_bs).to(kind))
        folded = F.pixel_unshuffle(pictures_bchw, self.config.fold)
        h = self.enter(folded.to(kind).contiguous(memory_format=torch.channels_last))
        h = _through(self.middle, self.down_1(F.silu(h)), condition)
        h = _through(self.coarse, self.down_2(h), condition)
        places = self.places(self.reduce(F.silu(self.norm(h)))).flatten(1)
        seen = F.silu(self.join(torch.cat([places, condition], 1)))
        logits: Tensor = self.last(seen)
        return logits.float()

    @torch.no_grad()
    def calibrate(self, scale: float, shift: float) -> None:
        """Makes the logit of success `scale * logit + shift`, for good: the last layer takes both in."""
        self.last.weight[SUCCESS] *= scale
        self.last.bias[SUCCESS] = self.last.bias[SUCCESS] * scale + shift


@dataclass(frozen=True, eq=False)
class Judge:
    """A trained judge. knows_success: False where its data had no failures or no successes to learn from."""

    config: JudgeConfig
    net: JudgeNet
    knows_success: bool
    about: dict[str, Any]

    @torch.inference_mode()
    def read(self, pictures_bchw: Tensor, states_bs: Tensor) -> list[Reading]:
        """One reading per picture, without trust; success where failure would be less likely at even odds."""
        logits = self.net(pictures_bchw, states_bs)
        progress, success = logits[:, PROGRESS].sigmoid().tolist(), (logits[:, SUCCESS] > 0).tolist()
        known = success if self.knows_success else [None] * len(success)
        return [Reading(p, s) for p, s in zip(progress, known, strict=True)]


def make_judge_net(spec: RobotSpec, config: JudgeConfig) -> JudgeNet:
    """A fresh network for a robot whose cameras all have one size."""
    camera = spec.cameras[0]
    net = JudgeNet(config, 3 * len(spec.cameras), len(spec.state), (camera.height, camera.width))
    return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def _blocks(channels: int, count: int, embed: int) -> nn.ModuleList:
    return nn.ModuleList([Block(channels, embed) for _ in range(count)])


def _through(blocks: nn.ModuleList, h: Tensor, condition: Tensor) -> Tensor:
    for block in blocks:
        h = block(h, condition)
    return h
