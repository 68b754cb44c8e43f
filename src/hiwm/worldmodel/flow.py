"""The generative step: pictures along a straight line from noise to data (flow matching, clean-picture prediction).

x_t = (1 - t) x + t noise; the network predicts x. A sample starts at t = 1 and takes 1 to 4 Euler steps. Source: Lipman
et al., "Flow matching for generative modeling" (2023), in the parametrisation that predicts the data.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hiwm.worldmodel.clips import as_shown
from hiwm.worldmodel.network import PictureNet, StateNet

STEADY_NOISE = 0.03
"""Context noise level that the network is told of when it sees its own pictures."""


@dataclass(frozen=True, eq=False)
class Context:
    """What a step is taken from: the last K pictures, states and actions; the usual picture and the grid there."""

    shown_bkchw: Tensor
    states_bks: Tensor
    actions_bka: Tensor
    usual_bchw: Tensor
    grid_b2hw: Tensor


class WorldNet(nn.Module):
    """Both networks together."""

    def __init__(self, picture: PictureNet, state: StateNet) -> None:
        super().__init__()
        self.picture, self.state = picture, state

    def clean(self, context: Context, next_state_bs: Tensor, noisy: Tensor, noise_b: Tensor, told_b: Tensor) -> Tensor:
        """The network's clean picture for a noisy one; told: the context noise level it is told of."""
        result: Tensor = self.picture(
            context.shown_bkchw, context.states_bks, context.actions_bka, next_state_bs, noisy, noise_b, told_b,
            context.usual_bchw, context.grid_b2hw,
        )  # fmt: skip
        return result

    def sample(self, context: Context, noise_bchw: Tensor, steps: int) -> tuple[Tensor, Tensor]:
        """The next pictures as shown (B, C, H, W) and the next states (B, S)."""
        next_state = self.state(context.states_bks, context.actions_bka).float()
        batch = len(noise_bchw)
        told = torch.full((batch,), STEADY_NOISE, device=noise_bchw.device)
        times = torch.linspace(1, 0, steps + 1, device=noise_bchw.device)
        x, clean = noise_bchw, noise_bchw
        for now, after in itertools.pairwise(times):
            clean = self.clean(context, next_state, x, now.expand(batch), told).float().clamp(-1, 1)
            noise = (x - (1 - now) * clean) / now
            x = (1 - after) * clean + after * noise
        return as_shown(clean), next_state


def pushed(context: Context, picture_bchw: Tensor, state_bs: Tensor, action_ba: Tensor) -> Context:
    """The context one step on: the oldest picture, state and action leave."""
    return Context(
        torch.cat([context.shown_bkchw[:, 1:], picture_bchw[:, None]], 1),
        torch.cat([context.states_bks[:, 1:], state_bs[:, None]], 1),
        torch.cat([context.actions_bka[:, 1:], action_ba[:, None]], 1),
        context.usual_bchw,
        context.grid_b2hw,
    )
