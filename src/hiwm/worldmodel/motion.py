"""The networks that move: the robot state, and the code of what the robot acts upon.

The code moves by flow matching: along a straight line from noise to the change of the code, with the clean change
predicted, in 1 to 4 Euler steps. Source: Lipman et al., "Flow matching for generative modeling" (2023), in the
parametrisation that predicts the data.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hiwm.worldmodel.config import NetworkConfig
from hiwm.worldmodel.eye import EyePoint, Space
from hiwm.worldmodel.network import make_silent

NEAR = 0.1
"""How far from a place things are told apart, where half the side of the picture is 1."""
REACHES = (0.2, 1.0)
"""The same in space, finely and roughly, in units of Eye.in_space."""
TOUCHES = (0.1, 0.3)
"""How near a hand is to what it carries along, in the same units."""


@dataclass(frozen=True, eq=False)
class Moment:
    """What a step of the code is taken from.

    codes: of the last K pictures. states, actions: of those K steps, scaled, the last action being the one to take.
    next_state: the robot's after it. robot, next_robot: image points of the last state and the next. near, next_near:
    the same as they are seen from the sprites. places: of the points that an eye reads, P = 0 for fewer than two.
    """

    codes_bkd: Tensor
    states_bks: Tensor
    actions_bka: Tensor
    next_state_bs: Tensor
    robot_br: Tensor
    next_robot_br: Tensor
    near_bn: Tensor
    next_near_bn: Tensor
    places_bp2: Tensor


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


class MotionNet(nn.Module):
    """The clean change of the code from a noisy one, and what the robot does meanwhile.

    Its own scales travel with the weights: `centre` and `spread` of codes, and `stride`, the spread of their changes in
    one step. moves: 0 for numbers that stay as they are throughout an episode, else 1.
    """

    centre: Tensor
    spread: Tensor
    stride: Tensor
    moves: Tensor

    def __init__(
        self,
        config: NetworkConfig,
        state: int,
        action: int,
        points: tuple[EyePoint, ...] = (),
        space: Space | None = None,
    ) -> None:
        """space: where points and hands are; None where hands are not seen from points."""
        super().__init__()
        code, robot, width = config.code, 2 * config.robot_points, config.motion_width
        for name, value in (("centre", torch.zeros(code)), ("spread", torch.ones(code)), ("stride", torch.ones(code))):
            self.register_buffer(name, value)
        still = [k for point in points if not point.moves for k in point.numbers]
        self.register_buffer("moves", torch.ones(code).index_fill(0, torch.tensor(still, dtype=torch.long), 0), False)
        self.hands = None if space is None else HandsFromPoints(space)
        self.mixer = None
        if len(points) > 1:
            seen = 2 * robot if self.hands is None else self.hands.numbers
            self.mixer = PointMixer(config, state, action, points, seen)
            return
        near = config.sprites * robot
        from_points = 0 if self.hands is None else self.hands.numbers * len(points)
        numbers = config.past * (code + state + action) + state + 2 * robot + 2 * near + from_points + code + 1
        self.enter = nn.Linear(numbers, width)
        self.blocks = nn.ModuleList([_Residual(width) for _ in range(config.motion_blocks)])
        self.norm = nn.LayerNorm(width)
        self.last = nn.Linear(width, code)
        make_silent(self.last)

    def forward(self, moment: Moment, noisy_bd: Tensor, noise_b1: Tensor) -> Tensor:
        """(B, code) changes in units of `stride`. noise: share of noise in `noisy`, 1 for only noise."""
        codes = (moment.codes_bkd - self.centre) / self.spread
        if self.mixer is not None:
            mixed: Tensor = self.mixer(moment, codes, self._robot_from_points(moment), noisy_bd, noise_b1)
            return mixed
        state = moment.states_bks[:, -1]
        # Differences are small beside what they are differences of, and say most: they are given large.
        numbers = [
            codes[:, -1], (10 * codes.diff(dim=1)).flatten(1), moment.states_bks.flatten(1),
            moment.actions_bka.flatten(1), 5 * (moment.next_state_bs - state), moment.robot_br,
            5 * (moment.next_robot_br - moment.robot_br), moment.near_bn, 5 * (moment.next_near_bn - moment.near_bn),
            *([] if self.hands is None else [self._robot_from_points(moment).flatten(1)]), noisy_bd, noise_b1,
        ]  # fmt: skip
        h = self.enter(torch.cat(numbers, 1).to(self.enter.weight.dtype))
        for block in self.blocks:
            h = block(h)
        change: Tensor = self.last(self.norm(h))
        return change.float()

    def _robot_from_points(self, moment: Moment) -> Tensor:
        """(B, P, seen) the robot as it is seen from the points, and how that changes."""
        if self.hands is None:
            away, next_away = (_away(moment.places_bp2, r) for r in (moment.robot_br, moment.next_robot_br))
            return torch.cat([away, 5 * (next_away - away)], 2)
        seen: Tensor = self.hands(moment.codes_bkd[:, -1], moment.states_bks[:, -1], moment.next_state_bs)
        return seen

    def sample(self, moment: Moment, noise_bd: Tensor, steps: int) -> Tensor:
        """The next code (B, code), from standard normal noise."""
        times = torch.linspace(1, 0, steps + 1, device=noise_bd.device)
        x = noise_bd
        for now, after in itertools.pairwise(times):
            clean = self(moment, x, now.expand(len(x), 1))
            x = (1 - after) * clean + after * (x - (1 - now) * clean) / now
        return moment.codes_bkd[:, -1] + self.moves * self.stride * x


class PointMixer(nn.Module):
    """How many points move, as those of a rope or a cloth: each sees itself, the robot from where it is, and in turns
    the others.

    Weights are shared between points but for those that mix them. Source: Tolstikhin et al., "MLP-Mixer" (2021), points
    for patches.
    """

    columns: Tensor

    def __init__(
        self,
        config: NetworkConfig,
        state: int,
        action: int,
        points: tuple[EyePoint, ...],
        seen: int,
    ) -> None:
        """seen: how many numbers each point sees of the robot."""
        super().__init__()
        self.most, width = max(len(point.numbers) for point in points), config.mixer_width
        # A point with fewer numbers than others is filled up with one that is always 0, behind the code.
        columns = [[*point.numbers, *[config.code] * (self.most - len(point.numbers))] for point in points]
        self.register_buffer("columns", torch.tensor(columns), persistent=False)
        self.enter = nn.Linear((config.past + 1) * self.most + seen, width)
        self.enter_all = nn.Linear(config.past * (state + action) + state + 1, width)
        self.which = nn.Parameter(0.02 * torch.randn(len(points), width))
        self.blocks = nn.ModuleList([_Mixed(len(points), width) for _ in range(config.mixer_blocks)])
        self.norm, self.last = nn.LayerNorm(width), nn.Linear(width, self.most)
        make_silent(self.last)

    def forward(
        self, moment: Moment, codes_bkd: Tensor, seen_bpn: Tensor, noisy_bd: Tensor, noise_b1: Tensor
    ) -> Tensor:
        """(B, code) as MotionNet gives it. codes: scaled. seen: the robot, from each point."""
        state, kind = moment.states_bks[:, -1], self.last.weight.dtype
        own = [self._of_points(numbers) for numbers in (codes_bkd[:, -1], *(10 * codes_bkd.diff(dim=1)).unbind(1))]
        of_each = [*own, self._of_points(noisy_bd), seen_bpn]
        of_all = [
            moment.states_bks.flatten(1), moment.actions_bka.flatten(1), 5 * (moment.next_state_bs - state), noise_b1
        ]  # fmt: skip
        h = self.enter(torch.cat(of_each, 2).to(kind)) + self.enter_all(torch.cat(of_all, 1).to(kind))[:, None]
        h = h + self.which.to(kind)
        for block in self.blocks:
            h = block(h)
        changes = self.last(self.norm(h)).float()
        code = torch.zeros(len(changes), codes_bkd.shape[-1] + 1, device=changes.device)
        return code.index_copy(1, self.columns.flatten(), changes.flatten(1))[:, :-1]

    def _of_points(self, code_bd: Tensor) -> Tensor:
        """(B, points, most) the numbers of each point."""
        return F.pad(code_bd, (0, 1))[:, self.columns]


def _away(places_bp2: Tensor, robot_br: Tensor) -> Tensor:
    """(B, P, 2 R) the robot's image points as seen from places; far ones all alike."""
    gap = robot_br.reshape(len(robot_br), 1, -1, 2) - places_bp2[:, :, None]
    near: Tensor = 2 * (gap / (2 * NEAR)).tanh().flatten(2)
    return near


class HandsFromPoints(nn.Module):
    """Where hands are as seen from points in space, to the millimetre close by, roughly further away; how that
    changes; and how they would carry a point along, as far as it is near enough to be held. An object that turns sees
    them from its own side.

    What an image point that was learned for painting says of a hand is too coarse to tell a grasp from a miss.
    """

    def __init__(self, space: Space) -> None:
        super().__init__()
        # No buffers: these would be rounded with the weights, and places by a millimetre.
        self.places = [torch.from_numpy(part) for part in (*space.points, *space.hands)]
        self.turned = space.turned
        self.numbers = (2 * len(REACHES) + len(TOUCHES)) * len(space.hands[1])

    def forward(self, code_bd: Tensor, state_bs: Tensor, next_state_bs: Tensor) -> Tensor:
        """(B, P, numbers) from codes and scaled states, the last and the next."""
        points, points_at, hands, hands_at = (part.to(code_bd.device) for part in self.places)
        with torch.autocast(code_bd.device.type, enabled=False):
            at_bp13 = F.linear(code_bd.float(), points, points_at).reshape(len(code_bd), -1, 1, 3)
            hand_b1h3, next_b1h3 = (
                F.linear(state.float(), hands, hands_at).reshape(len(code_bd), 1, -1, 3)
                for state in (state_bs, next_state_bs)
            )
        gap, next_gap = (self._from_its_side(hands - at_bp13, code_bd) for hands in (hand_b1h3, next_b1h3))
        away = [2 * (gap / reach).tanh() for reach in REACHES]
        way = [2 * (next_gap / reach).tanh() - now for reach, now in zip(REACHES, away, strict=True)]
        far = gap.square().sum(-1, keepdim=True)
        carried = [(-far / (2 * touch**2)).exp() * (next_gap - gap) for touch in TOUCHES]
        return torch.cat([part.flatten(2) for part in (*away, *(5 * w for w in way), *(5 * c for c in carried))], 2)

    def _from_its_side(self, gap_bph3: Tensor, code_bd: Tensor) -> Tensor:
        """The same, in the axes of points that turn."""
        if not self.turned:
            return gap_bph3
        turned = gap_bph3.clone()
        for point, sine, cosine in self.turned:
            sin, cos = code_bd[:, sine, None].float(), code_bd[:, cosine, None].float()
            x, y = gap_bph3[:, point, :, 0], gap_bph3[:, point, :, 1]
            turned[:, point, :, :2] = torch.stack([cos * x + sin * y, cos * y - sin * x], 2)
        return turned


class _Mixed(nn.Module):
    """Each channel over all points, then each point over all channels."""

    def __init__(self, points: int, width: int) -> None:
        super().__init__()
        self.across, self.along = _hidden(points), _hidden(width)
        self.norm_across, self.norm_along = nn.LayerNorm(width), nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, P, width) to the same."""
        x = x + self.across(self.norm_across(x).transpose(1, 2)).transpose(1, 2)
        y: Tensor = x + self.along(self.norm_along(x))
        return y


def _hidden(width: int) -> nn.Sequential:
    """Two layers that give nothing at first."""
    last = nn.Linear(2 * width, width)
    make_silent(last)
    return nn.Sequential(nn.Linear(width, 2 * width), nn.SiLU(), last)


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.into, self.out = nn.LayerNorm(width), nn.Linear(width, width), nn.Linear(width, width)
        make_silent(self.out)

    def forward(self, x: Tensor) -> Tensor:
        change: Tensor = self.out(F.silu(self.into(F.silu(self.norm(x)))))
        return x + change
