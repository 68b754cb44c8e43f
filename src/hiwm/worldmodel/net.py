"""All networks of a world together: pictures are read once, then codes move, and every code is painted."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hiwm.worldmodel.clips import as_shown
from hiwm.worldmodel.eye import EyeReader
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

    def __init__(self, reader: Reader | EyeReader, painter: Painter, state: StateNet, motion: MotionNet) -> None:
        super().__init__()
        self.reader, self.painter, self.state, self.motion = reader, painter, state, motion

    def rounded(self, kind: torch.dtype) -> WorldNet:
        """Itself with weights as they are saved, to calculate in `kind`; an eye stays in full precision."""
        for net in self.children():
            if isinstance(net, EyeReader):
                net.to(torch.float16).float()
            else:
                net.to(torch.bfloat16).to(kind)
        return self

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
        next_state = self.state(context.states_bks, context.actions_bka).float()
        return self.motion.sample(self.moment(context, next_state), noise_bd, steps), next_state

    def moment(self, context: Context, next_state_bs: Tensor) -> Moment:
        """What the code's step is taken from, given what the robot does."""
        robot, next_robot = (self.painter.of_robot(s) for s in (context.states_bks[:, -1], next_state_bs))
        near, next_near = (self._near(context.codes_bkd[:, -1], points) for points in (robot, next_robot))
        return Moment(
            context.codes_bkd,
            context.states_bks,
            context.actions_bka,
            next_state_bs,
            robot,
            next_robot,
            near,
            next_near,
            self.painter.of_objects(context.codes_bkd[:, -1]),
        )

    def _near(self, code_bd: Tensor, robot_br: Tensor) -> Tensor:
        """The robot's image points as they are seen from the sprites; far ones all alike."""
        points = robot_br.reshape(len(robot_br), -1, 2).transpose(1, 2)
        seen: Tensor = self.painter.sprites.seen_from(code_bd, points).flatten(1)
        return 2 * (seen / 2).tanh()

    def paint(self, code_bd: Tensor, state_bs: Tensor, place: Place) -> Tensor:
        """(B, C, H, W) as shown."""
        return as_shown(self.painter(code_bd, state_bs, place.usual_bchw, place.grid_b2hw).float().clamp(-1, 1))
