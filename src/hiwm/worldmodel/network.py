"""The picture networks: a reader that says what a picture shows in few numbers, and a painter that shows them.

What is read is a code: image points and a few features. A painter that knows nothing but a code and the robot state can
only paint what it has seen painted: objects stay whole, however long a rollout goes on. Pictures are folded 4 x 4 into
channels (as pixel-unshuffle does); norms work per position, so that what is painted on crops is painted on whole
pictures alike.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hiwm.worldmodel.config import NetworkConfig

FREQUENCIES = 4
SHARPNESS = 8.0
"""Of the softmax over a map: flat maps all have their mean in the middle, and hardly learn."""
OBJECT = 0.2
"""Difference from the usual picture (-1..1) from which a pixel counts as object or robot."""

SPRITE_RADIUS = 0.4
"""Half the side of a sprite at first, where half the side of the picture is 1."""
TEXTURE_RATE = 20.0
"""Textures learn so much faster than other weights."""
SHOWS = 3.0
"""Logit of how much of the sprites shows, at first."""


def waves(x: Tensor) -> Tensor:
    """(..., K) numbers about -1..1 to (..., K (1 + 2 FREQUENCIES)) with sines and cosines of rising frequency."""
    angles = x[..., None] * (math.pi * 2.0 ** torch.arange(FREQUENCIES, device=x.device))
    return torch.cat([x[..., None], angles.sin(), angles.cos()], -1).flatten(-2)


def make_silent(layer: nn.Linear | nn.Conv2d) -> None:
    """Sets a layer to give zeros at first, so that training starts from what it is added to."""
    with torch.no_grad():
        for tensor in layer.parameters():
            tensor.zero_()


def folded(pictures_bchw: Tensor, fold: int, kind: torch.dtype) -> Tensor:
    """(B, C, H, W) to (B, C fold^2, H / fold, W / fold), in the memory order that convolutions like."""
    small = F.pixel_unshuffle(pictures_bchw, fold).to(kind)
    return small.contiguous(memory_format=torch.channels_last)


def position_grid(height: int, width: int, fold: int) -> Tensor:
    """(2, height / fold, width / fold) x and y of the folded positions, -1..1."""
    y = torch.linspace(-1, 1, height // fold)
    x = torch.linspace(-1, 1, width // fold)
    return torch.stack(torch.meshgrid(x, y, indexing="xy"))


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
    """A residual block; its middle is scaled and shifted by a condition where there is one."""

    def __init__(self, channels: int, embed: int | None = None) -> None:
        super().__init__()
        self.norm_in = ChannelNorm(channels)
        self.conv_in = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv_out = nn.Conv2d(channels, channels, 3, padding=1)
        make_silent(self.conv_out)
        self.norm_out = ChannelNorm(channels) if embed else None
        self.modulate = nn.Linear(embed, 2 * channels) if embed else None
        if self.modulate is not None:
            make_silent(self.modulate)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """(B, C, H, W) and (B, E) to (B, C, H, W)."""
        h = self.conv_in(F.silu(self.norm_in(x)))
        if self.modulate is not None and self.norm_out is not None:
            scale, shift = self.modulate(condition)[:, :, None, None].chunk(2, 1)
            h = self.norm_out(h) * (1 + scale) + shift
        change: Tensor = self.conv_out(F.silu(h))
        return x + change


class Reader(nn.Module):
    """What a picture shows, as a code: image points (x and y, -1..1) and features (-1..1)."""

    def __init__(self, config: NetworkConfig, channels: int, height: int, width: int) -> None:
        super().__init__()
        self.config = config
        c0, c1, c2 = config.read_widths
        self.enter, self.fine = nn.Conv2d(2 * channels * config.fold**2, c0, 3, padding=1), Block(c0)
        self.down_1 = nn.Conv2d(c0, c1, 3, stride=2, padding=1)
        self.middle = nn.Sequential(Block(c1), Block(c1))
        self.down_2 = nn.Conv2d(c1, c2, 3, stride=2, padding=1)
        self.coarse = nn.Sequential(Block(c2), Block(c2), Block(c2))
        self.lift, self.join = nn.Conv2d(c2, 4 * c1, 1), Block(c1)
        self.heat = nn.Conv2d(c1, 4 * config.points, 1)
        self.squeeze = nn.Conv2d(c2, 16, 1)
        cells = height // (4 * config.fold) * (width // (4 * config.fold))
        self.deep = nn.Sequential(
            nn.Linear(3 * config.points + 16 * cells, 256), nn.SiLU(), nn.Linear(256, config.features)
        )

    def forward(self, pictures_bchw: Tensor, usual_bchw: Tensor) -> Tensor:
        """(B, code) from whole pictures -1..1 and the usual picture beside them."""
        gap = pictures_bchw - usual_bchw
        kind = self.enter.weight.dtype
        fine = self.fine(self.enter(folded(torch.cat([pictures_bchw, gap], 1), self.config.fold, kind)))
        middle = self.middle(self.down_1(fine))
        coarse = self.coarse(self.down_2(middle))
        joined = self.join(middle + F.pixel_shuffle(self.lift(coarse), 2))
        heat = SHARPNESS * F.pixel_shuffle(self.heat(joined), 2).float()
        places, spread = _places(heat + self._unusual(gap))
        seen = torch.cat([places, spread, self.squeeze(coarse).float().flatten(1)], 1)
        features = self.deep(seen.to(kind)).float().tanh()
        return torch.cat([places, features], 1)

    def _unusual(self, gap_bchw: Tensor) -> Tensor:
        """(B, 1, H / fold, W / fold) logits: low where nothing differs from the usual picture; points lie on things."""
        differs = (gap_bchw.abs().amax(1, keepdim=True) - OBJECT) * 10
        return 1.5 * F.logsigmoid(F.max_pool2d(differs.clamp(-6, 4), self.config.fold))


def _places(heat_bphw: Tensor) -> tuple[Tensor, Tensor]:
    """Mean place (B, 2P) and variance (B, P) of each map's softmax.

    Source: spatial softmax, Levine et al., "End-to-end training of deep visuomotor policies" (2016).
    """
    grid = position_grid(heat_bphw.shape[2], heat_bphw.shape[3], 1).flatten(1).T.to(heat_bphw.device)
    share = heat_bphw.flatten(2).softmax(2)
    mean = share @ grid
    return mean.flatten(1), (share @ grid**2 - mean**2).sum(2)


class Sprites(nn.Module):
    """Textures that are laid on a picture, each at a place and a turn that are learned functions of some numbers.

    What keeps its shape is painted by moving it, at any turn alike, and a reader learns from it exactly where it is.
    """

    def __init__(self, count: int, numbers: int, channels: int, size: int) -> None:
        super().__init__()
        self.count = count
        self.straight = nn.Linear(numbers, 4 * count)
        self.bent = nn.Sequential(nn.Linear(numbers, 128), nn.SiLU(), nn.Linear(128, 4 * count))
        self.log_radius = nn.Parameter(torch.full((count,), math.log(SPRITE_RADIUS)))
        self.colour = nn.Parameter(torch.zeros(count, channels, size, size))
        self.cover = nn.Parameter(torch.full((count, 1, size, size), -4.0 / TEXTURE_RATE))
        with torch.no_grad():
            self.straight.bias.reshape(count, 4)[:, 2:] = torch.tensor([1.0, 0.0])

    def forward(self, numbers_bn: Tensor, picture_bchw: Tensor, grid_b2hw: Tensor) -> tuple[Tensor, Tensor]:
        """(the picture with the sprites on it, how much of it each covers (B, count, H, W)). grid: of the pixels."""
        at = self.seen_from(numbers_bn, grid_b2hw.flatten(2)).transpose(0, 1)
        at = at.reshape(*at.shape[:2], *grid_b2hw.shape[2:], 2)
        batch, size = len(numbers_bn), self.colour.shape[-1]
        texture = torch.cat([TEXTURE_RATE * self.colour, (TEXTURE_RATE * self.cover).sigmoid()], 1).float()
        drawn = [
            F.grid_sample(t.expand(batch, -1, size, size), a, align_corners=False)
            for t, a in zip(texture, at, strict=True)
        ]
        for one in drawn:
            picture_bchw = picture_bchw + one[:, -1:] * (one[:, :-1] - picture_bchw)
        return picture_bchw, torch.cat([one[:, -1:] for one in drawn], 1)

    def seen_from(self, numbers_bn: Tensor, points_b2k: Tensor) -> Tensor:
        """(B, count, K, 2) where points of the picture lie on each sprite; those within -1..1 are on it."""
        kind = self.straight.weight.dtype
        frames = (self.straight(numbers_bn.to(kind)) + self.bent(numbers_bn.to(kind))).float()
        place, turn = frames.reshape(-1, self.count, 4, 1).split(2, 2)
        turn = F.normalize(turn, dim=2, eps=1e-3)
        away = (points_b2k[:, None] - place) / self.log_radius.float().exp()[:, None, None]
        cos, sin = turn[:, :, 0], turn[:, :, 1]
        x, y = away[:, :, 0], away[:, :, 1]
        return torch.stack([cos * x + sin * y, cos * y - sin * x], -1)


def pixel_grid(grid_b2hw: Tensor, fold: int) -> Tensor:
    """(B, 2, H, W) x and y of all pixels from those of the folded positions."""
    step = torch.stack(
        [grid_b2hw[:, 0, 0, 1] - grid_b2hw[:, 0, 0, 0], grid_b2hw[:, 1, 1, 0] - grid_b2hw[:, 1, 0, 0]], 1
    )
    part = (torch.arange(fold, device=grid_b2hw.device) - (fold - 1) / 2) / fold
    x, y = torch.meshgrid(part, part, indexing="xy")
    high, wide = grid_b2hw.shape[2:]
    whole = grid_b2hw.repeat_interleave(fold, 2).repeat_interleave(fold, 3)
    return whole + step[:, :, None, None] * torch.stack([x, y]).repeat(1, high, wide)


class Painter(nn.Module):
    """The picture of a code and a robot state: sprites, and a U-Net over them and maps of the image points."""

    def __init__(self, config: NetworkConfig, channels: int, state: int, placed: int = 0) -> None:
        """placed: how many points an eye reads; from two on, the first image points are theirs."""
        super().__init__()
        self.config, self.placed = config, placed if placed > 1 else 0
        c0, c1, c2 = config.paint_widths
        n0, n1, n2 = config.paint_blocks
        self.condition = nn.Sequential(
            nn.Linear((config.code + state) * (1 + 2 * FREQUENCIES), config.embed), nn.SiLU(),
            nn.Linear(config.embed, config.embed), nn.SiLU(),
        )  # fmt: skip
        self.robot_points = nn.Sequential(nn.Linear(state, 64), nn.SiLU(), nn.Linear(64, 2 * config.robot_points))
        radii = [torch.linspace(-3, -1.5, config.points), torch.linspace(-3, -1, config.robot_points)]
        self.log_radius = nn.Parameter(torch.cat(radii))
        points = config.points + config.robot_points
        if config.eye:
            last = nn.Linear(64, 2 * config.points)
            self.code_points = nn.Sequential(nn.Linear(config.eye, 64), nn.SiLU(), last)
            if self.placed:
                self.code_places = nn.Linear(config.eye, 2 * self.placed)
                with torch.no_grad():
                    last.weight[: 2 * self.placed], last.bias[: 2 * self.placed] = 0, 0
        self.sprites = Sprites(config.sprites, config.code, channels, config.sprite_size)
        self.robot_sprites = None
        if config.robot_sprites:
            self.robot_sprites = Sprites(config.robot_sprites, state, channels, config.sprite_size)
        pixels = (2 * channels + config.sprites + config.robot_sprites) * config.fold**2
        self.enter = nn.Conv2d(pixels + 2 + 3 * points, c0, 3, padding=1)
        self.fine_in = self._blocks(c0, 1)
        self.down_1 = nn.Conv2d(c0, c1, 3, stride=2, padding=1)
        self.middle_in = self._blocks(c1, n1)
        self.down_2 = nn.Conv2d(c1, c2, 3, stride=2, padding=1)
        self.coarse = self._blocks(c2, n2)
        self.up_2 = nn.Conv2d(c2, 4 * c1, 1)
        self.middle_out = self._blocks(c1, n1)
        self.up_1 = nn.Conv2d(c1, 4 * c0, 1)
        self.fine_out = self._blocks(c0, n0)
        self.norm = ChannelNorm(c0)
        self.paint = nn.Conv2d(c0, (channels + 1) * config.fold**2, 3, padding=1)
        make_silent(self.paint)

    def _blocks(self, channels: int, count: int) -> nn.ModuleList:
        return nn.ModuleList([Block(channels, self.config.embed) for _ in range(count)])

    def forward(self, code_bd: Tensor, state_bs: Tensor, usual_bchw: Tensor, grid_b2hw: Tensor) -> Tensor:
        """(B, C, H, W) pictures about -1..1, of the place that `usual` and `grid` are cut from.

        state: scaled. usual: what mostly stands there. grid: x and y of each folded position, -1..1.
        """
        return self.both(code_bd, state_bs, usual_bchw, grid_b2hw)[0]

    def both(self, code_bd: Tensor, state_bs: Tensor, usual_bchw: Tensor, grid_b2hw: Tensor) -> tuple[Tensor, Tensor]:
        """What `forward` gives, and the sprites alone on the usual picture."""
        kind = self.enter.weight.dtype
        condition = self.condition(waves(torch.cat([code_bd, state_bs], 1)).to(kind))
        pixels, of_robot = pixel_grid(grid_b2hw, self.config.fold), []
        laid, covers = self.sprites(code_bd, usual_bchw, pixels)
        if self.robot_sprites is not None:
            laid, robot = self.robot_sprites(state_bs, laid, pixels)
            of_robot = [F.pixel_unshuffle(robot, self.config.fold)]
        small = F.pixel_unshuffle(torch.cat([usual_bchw, laid, covers], 1), self.config.fold)
        maps = torch.cat([small, grid_b2hw, self._maps(code_bd, state_bs, grid_b2hw), *of_robot], 1)
        h = self._unet(maps.to(kind).contiguous(memory_format=torch.channels_last), condition)
        painted = F.pixel_shuffle(self.paint(F.silu(self.norm(h))).float(), self.config.fold)
        shows = (SHOWS + painted[:, -1:]).sigmoid()
        return usual_bchw + shows * (laid - usual_bchw) + painted[:, :-1], laid

    def of_robot(self, state_bs: Tensor) -> Tensor:
        """(B, 2 robot_points) image points x, y of a robot state."""
        points: Tensor = self.robot_points(state_bs.to(self.log_radius.dtype))
        return points.float()

    def _of_code(self, code_bd: Tensor) -> Tensor:
        """(B, 2 points) image points x, y of a code."""
        if not self.config.eye:
            return code_bd[:, : 2 * self.config.points]
        points: Tensor = self.code_points(code_bd.to(self.log_radius.dtype)).float()
        if not self.placed:
            return points
        first = 2 * self.placed
        return torch.cat([points[:, :first] + self.of_objects(code_bd).flatten(1), points[:, first:]], 1)

    def of_objects(self, code_bd: Tensor) -> Tensor:
        """(B, placed, 2) about where in the picture the points stand that an eye reads; placed may be 0."""
        if not self.placed:
            return code_bd.new_zeros(len(code_bd), 0, 2)
        places: Tensor = self.code_places(code_bd.to(self.log_radius.dtype))
        return places.float().reshape(len(code_bd), -1, 2)

    def _maps(self, code_bd: Tensor, state_bs: Tensor, grid_b2hw: Tensor) -> Tensor:
        """(B, 3 points, h, w): bumps at the points, and the offsets from them, which tell where the points are."""
        numbers = torch.cat([self._of_code(code_bd), self.of_robot(state_bs)], 1)
        places = numbers.reshape(len(numbers), -1, 2)
        gap = grid_b2hw[:, None] - places[..., None, None]
        radius = self.log_radius.float().exp()[None, :, None, None]
        bumps = torch.exp(-(gap**2).sum(2) / (2 * radius**2))
        return torch.cat([bumps, gap.flatten(1, 2)], 1)

    def _unet(self, x: Tensor, condition: Tensor) -> Tensor:
        h = fine = self._through(self.fine_in, self.enter(x), condition)
        h = middle = self._through(self.middle_in, self.down_1(h), condition)
        h = self._through(self.coarse, self.down_2(h), condition)
        h = self._through(self.middle_out, middle + F.pixel_shuffle(self.up_2(h), 2), condition)
        return self._through(self.fine_out, fine + F.pixel_shuffle(self.up_1(h), 2), condition)

    @staticmethod
    def _through(blocks: nn.ModuleList, h: Tensor, condition: Tensor) -> Tensor:
        for block in blocks:
            h = block(h, condition)
        return h
