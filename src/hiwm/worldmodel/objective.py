"""The training loss: one step from a noisy or self-made context, weighted to what moves, with an optional critic."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hiwm.worldmodel.clips import Clips
from hiwm.worldmodel.config import TrainingConfig
from hiwm.worldmodel.flow import STEADY_NOISE, Context, WorldNet, pushed

OBJECT = 0.2
"""Difference from the usual picture (-1..1) from which a pixel counts as object or robot."""
CHANGE = 0.1
"""Difference from the last picture from which a pixel counts as changing."""
NEAR = 6
"""So many pixels around what changes or is an object count as near it."""
FOLD = 4


@dataclass(frozen=True, eq=False)
class Step:
    """A step to be learned: its context, how noisy the context is told to be, and what comes next."""

    context: Context
    told_b: Tensor
    target_bchw: Tensor
    last_bchw: Tensor
    next_state_bs: Tensor
    background_bchw: Tensor


def teacher_step(clips: Clips, past: int, config: TrainingConfig, draw: torch.Generator) -> Step:
    """The step after the first `past` true pictures, with noise on them so that the network trusts them less."""
    context = first_context(clips, past)
    told = torch.rand(len(clips.pictures_btchw), generator=draw, device=draw.device) * config.context_noise
    noise = torch.randn(context.shown_bkchw.shape, generator=draw, device=draw.device)
    noisy = context.shown_bkchw + told[:, None, None, None, None] * noise
    return _step(clips, dataclasses.replace(context, shown_bkchw=noisy), past, told)


@torch.no_grad()
def own_step(clips: Clips, past: int, net: WorldNet, draw: torch.Generator) -> Step:
    """The last step of the clips, after the network's own one-step samples of all steps before."""
    context = first_context(clips, past)
    steps = clips.pictures_btchw.shape[1] - past - 1
    for k in range(steps):
        noise = torch.randn(clips.background_bchw.shape, generator=draw, device=draw.device)
        picture, state = net.sample(context, noise, 1)
        context = pushed(context, picture, state, clips.actions_bta[:, past + k])
    told = torch.full((len(clips.background_bchw),), STEADY_NOISE, device=draw.device)
    return _step(clips, context, past + steps, told)


def loss_of(net: WorldNet, step: Step, config: TrainingConfig, draw: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """(picture loss, state loss, the clean prediction)."""
    target = step.target_bchw
    batch = len(target)
    share = torch.rand(batch, generator=draw, device=draw.device)
    share = torch.where(
        torch.rand(batch, generator=draw, device=draw.device) < 0.5, torch.ones(batch, device=draw.device), share
    )
    along = share[:, None, None, None]
    noisy = (1 - along) * target + along * torch.randn(target.shape, generator=draw, device=draw.device)
    told_state = step.next_state_bs + 0.005 * torch.randn(step.next_state_bs.shape, generator=draw, device=draw.device)
    clean = net.clean(step.context, told_state, noisy, share, step.told_b).float()
    gap = clean - target
    picture = ((gap**2 + 0.2 * gap.abs()) * _weight(step, config)).mean()
    predicted = net.state(step.context.states_bks, step.context.actions_bka).float()
    return picture, F.smooth_l1_loss(predicted, step.next_state_bs, beta=0.02), clean


class Critic(nn.Module):
    """Tells true next pictures from painted ones, patch by patch, given the last picture: it sees every blur."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        folded = 2 * channels * FOLD**2
        self.layers = nn.Sequential(
            nn.Conv2d(folded, 64, 3, padding=1), nn.LeakyReLU(0.2),
            nn.Conv2d(64, 96, 3, stride=2, padding=1), nn.LeakyReLU(0.2),
            nn.Conv2d(96, 128, 3, padding=1), nn.LeakyReLU(0.2),
            nn.Conv2d(128, 1, 3, padding=1),
        )  # fmt: skip

    def forward(self, picture_bchw: Tensor, last_bchw: Tensor) -> Tensor:
        """(B, 1, H / 8, W / 8) scores, higher for true."""
        both = F.pixel_unshuffle(torch.cat([picture_bchw, last_bchw], 1), FOLD)
        scores: Tensor = self.layers(both.contiguous(memory_format=torch.channels_last))
        return scores.float()


def critic_loss(critic: Critic, step: Step, clean: Tensor) -> Tensor:
    """Hinge loss of the critic over patches that hold something."""
    last = step.last_bchw
    true, painted = critic(step.target_bchw, last), critic(clean.detach(), last)
    return _over_objects(F.relu(1 - true) + F.relu(1 + painted), step)


def persuasion_loss(critic: Critic, step: Step, clean: Tensor) -> Tensor:
    """What the picture network is told by the critic."""
    return _over_objects(-critic(clean, step.last_bchw), step)


def _over_objects(scores: Tensor, step: Step) -> Tensor:
    mask = F.max_pool2d(_is_object(step.target_bchw, step.background_bchw), 2 * FOLD)
    return (scores * mask).sum() / mask.sum().clamp(min=1)


def _weight(step: Step, config: TrainingConfig) -> Tensor:
    """More weight near what moves, whatever a pixel there turns out to show.

    Weighting the changed pixels alone would make a hand of which the network is one tenth sure look two thirds sure:
    what it doubts, it would paint too large, and that spreads from step to step.
    """
    changing = (step.target_bchw - step.last_bchw).abs().amax(1, keepdim=True) > CHANGE
    is_object = _is_object(step.target_bchw, step.background_bchw)
    return 1 + config.object_weight * _near(is_object) + config.change_weight * _near(changing.float())


def _near(mask_b1hw: Tensor) -> Tensor:
    return F.max_pool2d(mask_b1hw, 2 * NEAR + 1, stride=1, padding=NEAR)


def _is_object(picture_bchw: Tensor, background_bchw: Tensor) -> Tensor:
    return ((picture_bchw - background_bchw).abs().amax(1, keepdim=True) > OBJECT).float()


def first_context(clips: Clips, past: int) -> Context:
    """The context of the step after the first `past` pictures."""
    return Context(
        clips.pictures_btchw[:, :past], clips.states_bts[:, :past], clips.actions_bta[:, :past],
        clips.background_bchw, clips.grid_b2hw,
    )  # fmt: skip


def _step(clips: Clips, context: Context, at: int, told_b: Tensor) -> Step:
    """The step whose target is picture `at` of the clips."""
    return Step(
        context, told_b, clips.pictures_btchw[:, at], clips.pictures_btchw[:, at - 1], clips.states_bts[:, at],
        clips.background_bchw,
    )  # fmt: skip
