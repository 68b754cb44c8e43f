"""All networks of a world together: pictures are read once, then codes move, and every code is painted."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hiwm.worldmodel.clips import as_shown
from hiwm.worldmodel.motion import Moment, MotionNet, StateNet
from hiwm.worldmodel.network import Painter, Reader


@dataclass(frozen=True, eq=False)
class Place:
    """Where pictures are painted: the usual picture (B, C, H, W), -1..1, and x and y of its folded positions."""

    usual_bchw: Tensor
    grid_b2hw: Tensor


@dataclass(frozen=True, eq=False)
class Context:
    """What a step is taken from: codes, states and actions of the last K moments, the last action being the one to
    take. States and actions are scaled.
    """

    codes_bkd: Tensor
    states_bks: Tensor
    actions_bka: Tensor

    def pushed(self, code_bd: Tensor, state_bs: Tensor, action_ba: Tensor) -> Context:
        """The context one step on: the oldest moment leaves."""
        return Context(
            torch.cat([self.codes_bkd[:, 1:], code_bd[:, None]], 1),
            torch.cat([self.states_bks[:, 1:], state_bs[:, None]], 1),
            torch.cat([self.actions_bka[:, 1:], action_ba[:, None]], 1),
        )


class WorldNet(nn.Module):
    """Reads pictures, moves what was read, and paints it."""

    def __init__(self, reader: Reader, painter: Painter, state: StateNet, motion: MotionNet) -> None:
        super().__init__()
        self.reader, self.painter, self.state, self.motion = reader, painter, state, motion

    @property
    def code(self) -> int:
        """How many numbers a code has; so many has the noise of a step."""
        return self.reader.config.code

    def read(self, pictures_bkchw: Tensor, place: Place) -> Tensor:
        """(B, K, code) of the last K pictures, -1..1."""
        batch, past = pictures_bkchw.shape[:2]
        codes: Tensor = self.reader(pictures_bkchw.flatten(0, 1), place.usual_bchw.repeat_interleave(past, 0))
        return codes.reshape(batch, past, -1)

    def move(self, context: Context, noise_bd: Tensor, steps: int) -> tuple[Tensor, Tensor]:
        """The next codes (B, code) and states (B, S)."""
        states, actions = context.states_bks, context.actions_bka
        next_state = self.state(states, actions).float()
        moment = Moment(context.codes_bkd, states, actions, self.painter.of_robot(states[:, -1]))
        return self.motion.sample(moment, next_state, self.painter.of_robot(next_state), noise_bd, steps), next_state

    def paint(self, code_bd: Tensor, state_bs: Tensor, place: Place) -> Tensor:
        """(B, C, H, W) as shown."""
        return as_shown(self.painter(code_bd, state_bs, place.usual_bchw, place.grid_b2hw).float().clamp(-1, 1))
