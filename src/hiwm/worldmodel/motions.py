"""The second part of a training: how codes and robot states move, on the codes of all frames, read once.

A rollout of codes costs a thousandth of a rollout of pictures, so every training step is a rollout.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from hiwm.data.windows import Indices
from hiwm.worldmodel.config import TrainingConfig
from hiwm.worldmodel.motion import MotionNet
from hiwm.worldmodel.net import Context, WorldNet
from hiwm.worldmodel.pictures import Shots

READ_BATCH = 64
POINT_SPREAD = 0.3
"""Image points are compared in units of the picture, not each in units of how far it ever goes."""
LEAST_SPREAD = 0.02
HARD_SHARE = 0.7
"""Share of rollouts that are drawn in proportion to how hard they are."""
HARDEST = 0.98
"""The rollouts beyond this quantile count alike: what cannot be learned shall not take all."""


@dataclass(frozen=True, eq=False)
class Track:
    """All N frames of a dataset, episode after episode: codes, and states and actions, scaled.

    starts: first frames of rollouts. hard: (N,) how much there is to learn from a rollout that starts there: at first
    how far things move in it, once it was drawn how far off they were. Things that stay where a hand thought to take
    them do not move, and are hard. noise: (code,) standard deviations of what is wrong with a code as it is read where
    a scene begins, in all its moments alike; codes are without it.
    """

    codes_nd: Tensor
    states_ns: Tensor
    actions_na: Tensor
    starts: Indices
    hard_n: NDArray[np.float64]
    noise_d: Tensor

    def draw(self, count: int, rng: np.random.Generator) -> Indices:
        """First frames of some rollouts: some of all alike, most of hard ones."""
        hard = self.hard_n[self.starts] + 1e-9
        hard = hard.clip(max=np.quantile(hard, HARDEST))
        weights = (1 - HARD_SHARE) / len(hard) + HARD_SHARE * hard / hard.sum()
        return rng.choice(self.starts, count, p=weights / weights.sum())

    def found(self, start_b: Indices, off_b: Tensor) -> None:
        """Keeps how far off rollouts were."""
        self.hard_n[start_b] = off_b.double().cpu().numpy()


def moved(codes_nd: Tensor, placed: int, steps: int) -> NDArray[np.float64]:
    """(N,) how far things move in so many steps from each frame on. placed: see NetworkConfig.

    Where an episode ends, so do its rollouts, and what this says beyond is not asked for.
    """
    places = codes_nd[:, :placed]
    far = (places.roll(-steps, 0) - places).abs().mean(1).double()
    return np.asarray(far.cpu().numpy())


@torch.no_grad()
def read_all(net: WorldNet, shots: Callable[[Indices], Shots], count: int) -> Tensor:
    """(N, code) of all frames."""
    codes = []
    for start in range(0, count, READ_BATCH):
        some = shots(np.arange(start, min(start + READ_BATCH, count)))
        codes.append(net.reader(some.pictures_bchw, some.usual_bchw))
    return torch.cat(codes)


@torch.no_grad()
def fit_scales(
    motion: MotionNet, codes_nd: Tensor, placed: int, first_e: Indices, sizes_d: Tensor | None = None
) -> None:
    """Sets what the motion network is scaled by. placed: see NetworkConfig. first_e: where episodes begin. sizes: of
    numbers that an eye reads, see Eye.
    """
    spread = codes_nd.std(0).clamp(min=LEAST_SPREAD)
    spread[:placed] = POINT_SPREAD if sizes_d is None else POINT_SPREAD / sizes_d
    steps = codes_nd.diff(dim=0)
    within = torch.ones(len(steps), dtype=torch.bool, device=codes_nd.device)
    within[torch.from_numpy(first_e[1:] - 1)] = False
    motion.centre.copy_(codes_nd.mean(0))
    motion.spread.copy_(spread)
    motion.stride.copy_(steps[within].std(0).clamp(min=1e-4))


def motion_loss(
    net: WorldNet, track: Track, start_b: Indices, config: TrainingConfig, draw: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """(loss of the codes, loss of the robot states) of rollouts in single steps that go on from their own results, and
    of the first step from any share of noise; and (B,) how far off things were in each.
    """
    past, motion, steps = net.reader.config.past, net.motion, config.own_steps
    index = torch.from_numpy(start_b)[:, None] + torch.arange(1 - past, 1)
    codes = track.codes_nd[index]
    codes = codes + config.code_noise * motion.spread * torch.randn(codes.shape, generator=draw, device=draw.device)
    level = torch.rand((len(codes), 1, 1), generator=draw, device=draw.device)
    codes = codes + level * track.noise_d * torch.randn(codes[:, :1].shape, generator=draw, device=draw.device)
    context = Context(codes, track.states_ns[index], track.actions_na[index])
    code_loss = _flow_loss(net, context, track, index[:, -1] + 1, draw)
    state_loss, off = torch.zeros((), device=codes.device), torch.zeros(len(codes), device=codes.device)
    for k in range(steps):
        noise = torch.randn(codes[:, -1].shape, generator=draw, device=draw.device)
        code, state = net.move(context, noise, 1)
        after = index[:, -1] + k + 1
        gap = motion.moves * (code - track.codes_nd[after])
        code_loss = code_loss + _gap_loss(gap / motion.spread) / steps
        off = off + gap[:, : net.reader.config.placed].detach().abs().mean(1) / steps
        state_loss = state_loss + F.smooth_l1_loss(state, track.states_ns[after], beta=0.02) / steps
        context = context.pushed(code, state, track.actions_na[after])
    return code_loss, state_loss, off


def _flow_loss(net: WorldNet, context: Context, track: Track, after: Tensor, draw: torch.Generator) -> Tensor:
    """How far off the clean change is that the motion network says behind a change under noise."""
    motion, last = net.motion, context.codes_bkd[:, -1]
    change = (track.codes_nd[after] - last) / motion.stride
    share = torch.rand((len(last), 1), generator=draw, device=draw.device)
    noisy = (1 - share) * change + share * torch.randn(change.shape, generator=draw, device=draw.device)
    moment = net.moment(context, track.states_ns[after])
    return _gap_loss(motion.moves * (motion(moment, noisy, share) - change) * motion.stride / motion.spread)


def _gap_loss(gap: Tensor) -> Tensor:
    return F.smooth_l1_loss(gap, torch.zeros_like(gap), beta=0.1)
