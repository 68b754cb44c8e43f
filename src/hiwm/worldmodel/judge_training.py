"""Trains the judge of a finished world, half on true frames and half on the world's own pictures.

It starts from the saved world and keeps nothing on the way: a training that was killed here begins this phase again.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from hiwm.data.labels import end_marks, require_failures
from hiwm.data.marks import Mark
from hiwm.data.precision import fast_arithmetic
from hiwm.data.windows import Indices, Windows, kept_out
from hiwm.errors import NeedsFailures, StageFailed
from hiwm.worldmodel.checkpoint import World
from hiwm.worldmodel.judge import PROGRESS, SUCCESS, Judge, JudgeConfig, make_judge_net
from hiwm.worldmodel.judge_figures import JudgeFigures, calibration, evened, figures, logits_of
from hiwm.worldmodel.judge_frames import (
    Balanced,
    FrameStore,
    LabelledFrames,
    endless_rolls,
    joined,
    rolled,
    true_frames,
)
from hiwm.worldmodel.training import Clock, Progress

type Scalars = Callable[[str, float, int], None]

STATED_FRAMES = 2048
"""How many kept-out frames the stated figures are taken on, at most."""


@dataclass(frozen=True)
class JudgeTraining:
    """How a judge is trained.

    share: of the whole training's time. own_share: of a batch, the world's own pictures, 1 to own_steps steps from a
    true frame, from the last `store` that were made, `branches` per step. noise: largest standard deviation of noise on
    pictures (-1..1); light: largest change of their brightness and contrast. progress_weight: of its loss beside
    success's.
    """

    share: float = 0.15
    batch: int = 64
    learning_rate: float = 2e-3
    weight_decay: float = 0.02
    own_share: float = 0.5
    own_steps: int = 32
    branches: int = 8
    store: int = 2048
    noise: float = 0.05
    light: float = 0.1
    progress_weight: float = 5.0
    seed: int = 0


@dataclass(frozen=True)
class Known:
    """What a dataset's labels can teach a judge. note: one line for the user where that is not everything."""

    progress: bool
    success: bool
    note: str | None = None


def known_labels(windows: Windows) -> Known:
    """Progress needs frames of which it is known; success needs episodes that end in failure, and in success."""
    source = windows.source
    if not len(_pool(windows)):
        label = f"to get one, mark episodes with: hiwm data label {source.folder}"
        return Known(False, False, f"no judge: nothing says how far the episodes of {source.folder} come; {label}")
    try:
        require_failures(source, "judging success")
    except NeedsFailures as error:
        return Known(True, False, f"the judge reads progress only: {error}")
    ends = end_marks(source)
    if Mark.SUCCESS not in ends.values():
        return Known(
            True, False,
            f"the judge reads progress only: none of the {len(ends)} known ends in {source.folder} is a success; "
            f"record some, or mark them with: hiwm data label {source.folder}",
        )  # fmt: skip
    return Known(True, True)


class JudgeTrainer:
    """One training of a judge: its network, optimiser, and the frames it sees."""

    def __init__(
        self,
        world: World,
        windows: Windows,
        config: JudgeConfig,
        training: JudgeTraining,
        device: torch.device,
        start: Judge | None = None,
    ) -> None:
        """start: a judge of the same sizes to go on from."""
        torch.manual_seed(training.seed)
        self.world, self.windows, self.training, self.device = world, windows, training, device
        self.config = dataclasses.replace(config, fold=world.network.fold)
        self.knows = known_labels(windows)
        self.net = make_judge_net(world.spec, self.config).to(device)
        if start is not None and start.config == self.config:
            self.net.load_state_dict(start.net.state_dict())
        self.optimiser = torch.optim.AdamW(
            self.net.parameters(), training.learning_rate, weight_decay=training.weight_decay
        )
        self.pool = _pool(windows)
        self.balanced = Balanced(windows.columns.progress_n[self.pool], windows.columns.success_n[self.pool])
        self.store = FrameStore(training.store)
        self.rng = np.random.default_rng(training.seed)
        self.draw = torch.Generator(device).manual_seed(training.seed)
        self.rolls = endless_rolls(
            world, windows, self.pool, training.branches, training.own_steps, device, self.rng, self.draw
        )

    def train(self, clock: Clock, say: Callable[[str], None], scalars: Scalars) -> Judge:
        """Trains until the clock has run down, calibrates on kept-out frames, and says how right the judge is there."""
        progress = Progress()
        self.net.train()
        while clock.share(progress) < 1:
            began = time.monotonic()
            losses = self._step(progress.step, clock.share(progress))
            progress.step += 1
            progress.spent_s += time.monotonic() - began
            for name, value in losses.items() if progress.step % 20 == 0 else ():
                scalars(f"judge/{name}", value, progress.step)
        return self._finished(progress, say)

    def _step(self, step: int, share: float) -> dict[str, float]:
        for group in self.optimiser.param_groups:
            group["lr"] = self.training.learning_rate * min(1.0, (step + 1) / 50) * (1 - share)
        frames = self._batch()
        pictures, states = frames.tensors(self.device)
        with fast_arithmetic(self.device):
            logits = self.net(self._varied(pictures), states)
        losses = _losses(logits, frames)
        loss = self.training.progress_weight * losses["progress"] + losses["success"]
        if not torch.isfinite(loss):
            raise StageFailed(
                f"the judge's loss is not finite at step {step}; the world without a judge is whole: run "
                "hiwm data check on the dataset, then this again with --resume"
            )
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.optimiser.step()
        return {name: value.item() for name, value in losses.items()}

    def _batch(self) -> LabelledFrames:
        """True frames and the world's own, both balanced."""
        self.store.add(next(self.rolls))
        own = round(self.training.batch * self.training.own_share)
        index = self.pool[self.balanced.draw(self.training.batch - own, self.rng)]
        true = true_frames(self.world, self.windows, index)
        return joined([true, *self.store.draw(own, self.rng)])

    def _varied(self, pictures: Tensor) -> Tensor:
        """Pictures in other light and with noise; nothing is shifted: a shift can turn a success into a failure."""
        limit = self.training.light
        sizes = torch.rand((3, len(pictures), 1, 1, 1), generator=self.draw, device=self.device)
        contrast, light, noise = limit * (2 * sizes[0] - 1), limit * (2 * sizes[1] - 1), self.training.noise * sizes[2]
        grain = torch.randn(pictures.shape, generator=self.draw, device=self.device)
        varied: Tensor = pictures * (1 + contrast) + light + noise * grain
        return varied

    def _finished(self, progress: Progress, say: Callable[[str], None]) -> Judge:
        self.net.eval()
        true, own = self._kept_out()
        if self.knows.success:
            self._calibrate(true[0], own[0])
        stated = {"true frames": self._figures(*true), "own pictures": self._figures(*own)}
        for name, seen in stated.items():
            say(f"judge on kept-out {name}: {seen.line()}")
        about = {
            "training": dataclasses.asdict(self.training),
            "steps": progress.step,
            "minutes": progress.spent_s / 60,
            "kept_out": {name: dataclasses.asdict(seen) for name, seen in stated.items()},
        }
        return Judge(self.config, self.net.cpu(), self.knows.success, about)

    def _calibrate(self, *parts: LabelledFrames) -> None:
        """Two numbers, fitted to both kinds of pictures alike."""
        both = joined(list(parts))
        weights = np.concatenate([evened(part) for part in parts])
        logits = logits_of(self.net, both, self.device)[:, SUCCESS]
        self.net.calibrate(*calibration(logits, both.success_b, weights))

    def _figures(self, frames: LabelledFrames, ends: LabelledFrames) -> JudgeFigures:
        logits = [logits_of(self.net, part, self.device) for part in (frames, ends)]
        return figures(logits[0], frames, logits[1], ends)

    def _kept_out(self) -> tuple[tuple[LabelledFrames, LabelledFrames], tuple[LabelledFrames, LabelledFrames]]:
        """(frames, last frames): true ones spread over the kept-out episodes; own ones of the last steps of each."""
        episodes, apart = self.windows.source.episodes, kept_out(self.windows)
        first, length = episodes.start_e[apart], episodes.length_e[apart]
        every = np.concatenate([np.arange(a, a + n) for a, n in zip(first, length, strict=True)])
        spread = every[np.linspace(0, len(every) - 1, min(len(every), STATED_FRAMES)).astype(int)]
        true = [true_frames(self.world, self.windows, index) for index in (spread, first + length - 1)]
        start = np.maximum(first, first + length - 1 - self.training.own_steps)
        steps = list(rolled(self.world, self.windows, start, self.training.own_steps, self.device, self.draw))
        # A branch of an episode that is shorter than the rollout ends early, and leaves the steps after that.
        long = first + length - 1 - start
        ends = [step.take(long[long >= k] == k) for k, step in enumerate(steps, 1)]
        return (true[0], true[1]), (joined(steps), joined(ends))


def _losses(logits_b2: Tensor, frames: LabelledFrames) -> dict[str, Tensor]:
    """Means over the frames of which each is known."""
    progress, success = (torch.from_numpy(v).to(logits_b2.device) for v in (frames.progress_b, frames.success_b))
    told, ended = progress.isfinite(), success.isfinite()
    gap = F.smooth_l1_loss(logits_b2[told, PROGRESS].sigmoid(), progress[told], beta=0.05, reduction="sum")
    entropy = F.binary_cross_entropy_with_logits(logits_b2[ended, SUCCESS], success[ended], reduction="sum")
    return {"progress": gap / told.sum().clamp(min=1), "success": entropy / ended.sum().clamp(min=1)}


def _pool(windows: Windows) -> Indices:
    """Frames of known progress or success, outside the kept-out episodes; none where progress is nowhere known."""
    progress, success = windows.columns.progress_n, windows.columns.success_n
    starts = windows.source.episodes.start_e
    episode = np.searchsorted(starts, np.arange(len(windows)), side="right") - 1
    inside = ~np.isin(episode, kept_out(windows))
    known = np.flatnonzero(inside & (np.isfinite(progress) | np.isfinite(success)))
    return known if np.isfinite(progress[known]).any() else known[:0]
