"""The networks: a small one for the robot state, and a U-Net on folded pixels for the next pictures.

Pictures are folded 4 x 4 into channels (as pixel-unshuffle does), so that nothing is lost in an autoencoder; norms work
per position, so that a network trained on crops does the same on whole pictures.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hiwm.worldmodel.config import NetworkConfig

FREQUENCIES = 4


def waves(x: Tensor) -> Tensor:
    """(..., K) numbers about -1..1 to (..., K (1 + 2 FREQUENCIES)) with sines and cosines of rising frequency."""
    angles = x[..., None] * (math.pi * 2.0 ** torch.arange(FREQUENCIES, device=x.device))
    return torch.cat([x[..., None], angles.sin(), angles.cos()], -1).flatten(-2)


def make_silent(layer: nn.Linear | nn.Conv2d) -> None:
    """Sets a layer to give zeros at first, so that training starts from what it is added to."""
    with torch.no_grad():
        for tensor in layer.parameters():
            tensor.zero_()


class ChannelNorm(nn.Module):
    """Layer norm over the channels of each position."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same."""
        weight, bias = self.weight.to(x.dtype), self.bias.to(x.dtype)
        return F.layer_norm(x.permute(0, 2, 3, 1), (x.shape[1],), weight, bias).permute(0, 3, 1, 2)


class Block(nn.Module):
    """A residual block whose middle is scaled and shifted by the condition."""

    def __init__(self, channels: int, embed: int) -> None:
        super().__init__()
        self.norm_in = ChannelNorm(channels)
        self.conv_in = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm_out = ChannelNorm(channels)
        self.conv_out = nn.Conv2d(channels, channels, 3, padding=1)
        self.modulate = nn.Linear(embed, 2 * channels)
        make_silent(self.modulate)
        make_silent(self.conv_out)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """(B, C, H, W) and (B, E) to (B, C, H, W)."""
        scale, shift = self.modulate(condition)[:, :, None, None].chunk(2, 1)
        h = self.norm_out(self.conv_in(F.silu(self.norm_in(x))))
        change: Tensor = self.conv_out(F.silu(h * (1 + scale) + shift))
        return x + change


class StateNet(nn.Module):
    """The next robot state from the last states and actions: what a robot does with a command is hardly ever visual."""

    def __init__(self, state: int, action: int, past: int, width: int = 256) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(past * (state + action), width), nn.SiLU(),
            nn.Linear(width, width), nn.SiLU(),
        )  # fmt: skip
        self.last = nn.Linear(width, state)
        make_silent(self.last)

    def forward(self, states_bks: Tensor, actions_bka: Tensor) -> Tensor:
        """(B, K, S) and (B, K, A), scaled, to the next state (B, S), scaled."""
        numbers = torch.cat([states_bks.flatten(1), actions_bka.flatten(1)], 1).to(self.last.weight.dtype)
        change: Tensor = self.last(self.layers(numbers))
        return states_bks[:, -1] + change.float()


class PictureNet(nn.Module):
    """The clean next pictures from noisy ones, the last shown pictures, and the robot's motion."""

    def __init__(self, config: NetworkConfig, channels: int, state: int, action: int) -> None:
        super().__init__()
        self.config = config
        c0, c1, c2 = config.widths
        n0, n1, n2 = config.blocks
        folded = channels * config.fold**2
        numbers = config.past * (state + action) + (1 + 2 * FREQUENCIES) * (2 * state + action + 2)
        self.condition = nn.Sequential(
            nn.Linear(numbers, config.embed), nn.SiLU(), nn.Linear(config.embed, config.embed), nn.SiLU()
        )
        self.points = nn.Sequential(nn.Linear(2 * state, 64), nn.SiLU(), nn.Linear(64, 2 * config.points))
        self.log_radius = nn.Parameter(torch.linspace(-3.0, -1.0, config.points))
        self.enter = nn.Conv2d(folded * (config.past + 2) + 2 + 3 * config.points, c0, 3, padding=1)
        self.fine_in = self._blocks(c0, n0)
        self.down_1 = nn.Conv2d(c0, c1, 3, stride=2, padding=1)
        self.middle_in = self._blocks(c1, n1)
        self.down_2 = nn.Conv2d(c1, c2, 3, stride=2, padding=1)
        self.coarse = self._blocks(c2, n2)
        self.up_2, self.join_1 = nn.Conv2d(c2, 4 * c1, 1), nn.Conv2d(2 * c1, c1, 1)
        self.middle_out = self._blocks(c1, n1)
        self.up_1, self.join_0 = nn.Conv2d(c1, 4 * c0, 1), nn.Conv2d(2 * c0, c0, 1)
        self.fine_out = self._blocks(c0, n0 + 1)
        self.norm = ChannelNorm(c0)
        self.paint = nn.Conv2d(c0, folded + config.fold**2, 3, padding=1)
        self.flow = nn.Conv2d(c0, 3 * config.warps + 1, 3, padding=1) if config.warps else None
        make_silent(self.paint)
        if self.flow is not None:
            make_silent(self.flow)

    def _blocks(self, channels: int, count: int) -> nn.ModuleList:
        return nn.ModuleList([Block(channels, self.config.embed) for _ in range(count)])

    def forward(
        self, shown_bkchw: Tensor, states_bks: Tensor, actions_bka: Tensor, next_state_bs: Tensor,
        noisy_bchw: Tensor, noise_b: Tensor, context_noise_b: Tensor, usual_bchw: Tensor, grid_b2hw: Tensor,
    ) -> Tensor:  # fmt: skip
        """The clean next pictures (B, C, H, W), -1..1.

        shown: last K pictures. states, actions: scaled, of those K steps, the last action being the one to take.
        next_state: scaled, at the wanted picture. noisy: that picture under noise of share noise_b (1: only noise).
        context_noise: standard deviation of the noise on `shown`. usual: what mostly stands there. grid: x and y of
        each folded position, -1..1.
        """
        cfg = self.config
        moving = torch.cat([states_bks[:, -1], next_state_bs, actions_bka[:, -1]], 1)
        levels = torch.stack([noise_b, context_noise_b], 1)
        numbers = [states_bks.flatten(1), actions_bka.flatten(1), waves(moving), waves(levels)]
        kind = self.enter.weight.dtype  # pictures and grids come in full precision, and the last one is added so
        condition = self.condition(torch.cat(numbers, 1).to(kind))
        maps = self._point_maps(torch.cat([states_bks[:, -1], next_state_bs], 1), grid_b2hw)
        folded = [F.pixel_unshuffle(p, cfg.fold) for p in (shown_bkchw.flatten(1, 2), usual_bchw, noisy_bchw)]
        x = torch.cat([*folded, grid_b2hw, maps], 1).to(kind).contiguous(memory_format=torch.channels_last)
        h = self._unet(x, condition)
        painted = F.pixel_shuffle(self.paint(h).float(), cfg.fold)
        last = shown_bkchw[:, -1].float()
        kept = last if self.flow is None else self._moved(last, self.flow(h).float())
        # What stands still costs nothing to keep, and what is uncovered costs nothing to paint: the last channel says
        # where the picture is made anew, from the usual one.
        share = torch.sigmoid(painted[:, -1:] - 2)
        return kept + share * (usual_bchw + painted[:, :-1] - kept)

    def _unet(self, x: Tensor, condition: Tensor) -> Tensor:
        h = self._through(self.fine_in, self.enter(x), condition)
        fine = h
        h = self._through(self.middle_in, self.down_1(h), condition)
        middle = h
        h = self._through(self.coarse, self.down_2(h), condition)
        h = self.join_1(torch.cat([F.pixel_shuffle(self.up_2(h), 2), middle], 1))
        h = self._through(self.middle_out, h, condition)
        h = self.join_0(torch.cat([F.pixel_shuffle(self.up_1(h), 2), fine], 1))
        h = self._through(self.fine_out, h, condition)
        return F.silu(self.norm(h))

    @staticmethod
    def _through(blocks: nn.ModuleList, h: Tensor, condition: Tensor) -> Tensor:
        for block in blocks:
            h = block(h, condition)
        return h

    def _point_maps(self, states_b2s: Tensor, grid_b2hw: Tensor) -> Tensor:
        """(B, 3 P, h, w) of image points that are learned functions of the robot state, now and next.

        Bumps at the points, and the offsets from them, which tell every position where the points are.
        """
        points = self.points(states_b2s.to(self.log_radius.dtype)).float().unflatten(1, (-1, 2))
        gap = grid_b2hw[:, None] - points[..., None, None]
        bumps = torch.exp(-(gap**2).sum(2) / (2 * self.log_radius.float()).exp()[None, :, None, None])
        return torch.cat([bumps, gap.flatten(1, 2)], 1)

    def _moved(self, last_bchw: Tensor, flow: Tensor) -> Tensor:
        """The last pictures as a mixture of themselves and `warps` moved copies."""
        warps, (height, width) = self.config.warps, last_bchw.shape[-2:]
        flow = F.interpolate(flow, scale_factor=self.config.fold, mode="bilinear", align_corners=False)
        share = flow[:, 2 * warps :].softmax(1)
        y = (torch.arange(height, device=flow.device) + 0.5) / height * 2 - 1
        x = (torch.arange(width, device=flow.device) + 0.5) / width * 2 - 1
        base = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)[None]
        unit = torch.tensor([2 / width, 2 / height], device=flow.device) * 16
        moved = share[:, -1:] * last_bchw
        for k in range(warps):
            place = base + flow[:, 2 * k : 2 * k + 2].permute(0, 2, 3, 1) * unit
            copy = F.grid_sample(last_bchw, place, mode="bicubic", padding_mode="border", align_corners=False)
            moved = moved + share[:, k : k + 1] * copy
        return moved


def position_grid(height: int, width: int, fold: int) -> Tensor:
    """(2, height / fold, width / fold) x and y of the folded positions, -1..1."""
    y = torch.linspace(-1, 1, height // fold)
    x = torch.linspace(-1, 1, width // fold)
    return torch.stack(torch.meshgrid(x, y, indexing="xy"))
