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
from hiwm.worldmodel.network import make_silent


@dataclass(frozen=True, eq=False)
class Moment:
    """What a step of the code is taken from.

    codes: of the last K pictures. states, actions: of those K steps, scaled, the last action being the one to take.
    next_state: the robot's after it. robot, next_robot: image points of the last state and the next. near, next_near:
    the same as they are seen from the sprites.
    """

    codes_bkd: Tensor
    states_bks: Tensor
    actions_bka: Tensor
    next_state_bs: Tensor
    robot_br: Tensor
    next_robot_br: Tensor
    near_bn: Tensor
    next_near_bn: Tensor


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
    one step.
    """

    centre: Tensor
    spread: Tensor
    stride: Tensor

    def __init__(self, config: NetworkConfig, state: int, action: int) -> None:
        super().__init__()
        code, robot, width = config.code, 2 * config.robot_points, config.motion_width
        for name, value in (("centre", torch.zeros(code)), ("spread", torch.ones(code)), ("stride", torch.ones(code))):
            self.register_buffer(name, value)
        near = config.sprites * robot
        numbers = config.past * (code + state + action) + state + 2 * robot + 2 * near + code + 1
        self.enter = nn.Linear(numbers, width)
        self.blocks = nn.ModuleList([_Residual(width) for _ in range(config.motion_blocks)])
        self.norm = nn.LayerNorm(width)
        self.last = nn.Linear(width, code)
        make_silent(self.last)

    def forward(self, moment: Moment, noisy_bd: Tensor, noise_b1: Tensor) -> Tensor:
        """(B, code) changes in units of `stride`. noise: share of noise in `noisy`, 1 for only noise."""
        codes = (moment.codes_bkd - self.centre) / self.spread
        state = moment.states_bks[:, -1]
        # Differences are small beside what they are differences of, and say most: they are given large.
        numbers = [
            codes[:, -1], (10 * codes.diff(dim=1)).flatten(1), moment.states_bks.flatten(1),
            moment.actions_bka.flatten(1), 5 * (moment.next_state_bs - state), moment.robot_br,
            5 * (moment.next_robot_br - moment.robot_br), moment.near_bn, 5 * (moment.next_near_bn - moment.near_bn),
            noisy_bd, noise_b1,
        ]  # fmt: skip
        h = self.enter(torch.cat(numbers, 1).to(self.enter.weight.dtype))
        for block in self.blocks:
            h = block(h)
        change: Tensor = self.last(self.norm(h))
        return change.float()

    def sample(self, moment: Moment, noise_bd: Tensor, steps: int) -> Tensor:
        """The next code (B, code), from standard normal noise."""
        times = torch.linspace(1, 0, steps + 1, device=noise_bd.device)
        x = noise_bd
        for now, after in itertools.pairwise(times):
            clean = self(moment, x, now.expand(len(x), 1))
            x = (1 - after) * clean + after * (x - (1 - now) * clean) / now
        return moment.codes_bkd[:, -1] + self.stride * x


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.into, self.out = nn.LayerNorm(width), nn.Linear(width, width), nn.Linear(width, width)
        make_silent(self.out)

    def forward(self, x: Tensor) -> Tensor:
        change: Tensor = self.out(F.silu(self.into(F.silu(self.norm(x)))))
        return x + change
