"""Trains a world model by the clock: resumable, watched, the best checkpoint kept by a motion-aware figure."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hiwm.data.background import usual_pictures
from hiwm.data.windows import Offsets, Windows, kept_out, random_indices
from hiwm.errors import BadDataset, BadInput, StageFailed
from hiwm.runfolder import full_disk_is_clear, read_json, write_json
from hiwm.spec import CameraSpec, RobotSpec
from hiwm.worldmodel.checkpoint import World, make_net, save_world
from hiwm.worldmodel.clips import ClipMaker, Clips
from hiwm.worldmodel.config import NetworkConfig, TrainingConfig
from hiwm.worldmodel.objective import Critic, critic_loss, loss_of, own_step, persuasion_loss, teacher_step
from hiwm.worldmodel.resume import load_training, save_training
from hiwm.worldmodel.scaling import NumberScale
from hiwm.worldmodel.watch import Watched, moving_clips, watch

WATCH_CLIPS = 16


@dataclass
class Progress:
    """How far a training has come; travels in the resume file."""

    step: int = 0
    spent_s: float = 0.0
    best: float = -float("inf")


@dataclass(frozen=True)
class Clock:
    """How long to train, how often to look at rollouts and how often to save, in seconds of training.

    steps: ends earlier after so many steps; None leaves it to the time.
    """

    train_s: float
    watch_s: float = 300.0
    save_s: float = 120.0
    steps: int | None = None

    def share(self, progress: Progress) -> float:
        """How much of the training is done, 1 at the end."""
        by_steps = progress.step / self.steps if self.steps else 0.0
        return min(1.0, max(progress.spent_s / self.train_s, by_steps))


class WorldTrainer:
    """One training: networks, their running average, optimiser states and the data they see."""

    def __init__(
        self, windows: Windows, network: NetworkConfig, config: TrainingConfig, folder: Path, device: torch.device
    ) -> None:
        torch.manual_seed(config.seed)
        self.windows, self.config, self.folder, self.device = windows, config, folder, device
        past, future = network.past - 1, config.own_steps + 1
        if windows.offsets != Offsets.span(past, future):
            raise BadInput(f"expected windows of {past} past and {future} future frames, got {windows.offsets}")
        states, actions = (NumberScale.fit(v) for v in (windows.columns.state_ns, windows.columns.action_na))
        spec = shown_spec(windows)
        kept, self.net = (make_net(spec, network).to(device) for _ in range(2))
        usual = usual_pictures(windows)
        self.world = World(spec, network, states, actions, usual, kept, {})
        self.world.net.load_state_dict(self.net.state_dict())
        self.maker = ClipMaker(usual, states, actions, network.fold)
        self.optimiser = torch.optim.AdamW(
            self.net.parameters(), config.learning_rate, (0.9, 0.99), weight_decay=config.weight_decay
        )
        self.critic = Critic(3 * len(spec.cameras)).to(device)
        self.critic_optimiser = torch.optim.AdamW(self.critic.parameters(), 2e-4, (0.5, 0.9))
        self.progress = Progress()
        self.pool, self.watched = self._split(past, future)

    def _split(self, past: int, future: int) -> tuple[np.ndarray[Any, Any], Clips]:
        """Indices to train on, and the clips that are watched: from episodes that are kept out."""
        apart = kept_out(self.windows)
        starts = self.windows.valid_starts(past, future)
        episode = self.windows.source.episodes.episode_of
        pool = starts[~np.isin([episode(int(i)) for i in starts], apart)]
        long = dataclasses.replace(self.windows, offsets=Offsets.span(past, self.config.watch_steps))
        candidates = long.valid_starts()
        candidates = candidates[np.isin([episode(int(i)) for i in candidates], apart)]
        if not len(pool) or not len(candidates):
            raise BadDataset(
                f"expected episodes longer than {self.config.watch_steps + past} frames to train and watch on, "
                f"{self.windows.source.folder} has too few or too short ones; record more"
            )
        return pool, moving_clips(long, self.maker, candidates, self.config.watch_steps, WATCH_CLIPS).to(self.device)

    def train(self, clock: Clock, say: Callable[[str], None], scalars: Callable[[str, float, int], None]) -> None:
        """Trains until `clock.train_s` seconds of training are spent, this run's and earlier ones' together."""
        rng = np.random.default_rng([self.config.seed, self.progress.step])
        draw = torch.Generator(self.device).manual_seed(self.config.seed * 1_000_003 + self.progress.step)
        batches = random_indices(self.pool, self.config.batch, rng)
        self.net.train()
        while clock.share(self.progress) < 1:
            began = time.monotonic()
            before = self.progress.spent_s
            losses = self._step(batches, clock.share(self.progress), rng, draw)
            self.progress.step += 1
            self.progress.spent_s += time.monotonic() - began
            for name, value in losses.items() if self.progress.step % 20 < 2 else ():  # a teacher and an own step
                scalars(name, value, self.progress.step)
            if _passed(before, self.progress.spent_s, clock.save_s):
                self.save()
            if _passed(before, self.progress.spent_s, clock.watch_s) or clock.share(self.progress) == 1:
                say(self._watch(scalars))
        self.save()

    def _step(
        self, batches: Iterator[Any], share: float, rng: np.random.Generator, draw: torch.Generator
    ) -> dict[str, float]:
        config, past = self.config, self.world.network.past
        for group in self.optimiser.param_groups:
            group["lr"] = config.learning_rate * min(1.0, (self.progress.step + 1) / 200) * max(0.02, 1 - share)
        crop = config.crop if share < 1 - config.whole_share else None
        clips = self.maker.make(self.windows.batch(next(batches)), crop, rng).to(self.device)
        own = share > config.own_from and self.progress.step % 2 == 0
        with self._bf16():
            if own:
                clips = _shortened(clips, past + 1 + int(rng.integers(1, config.own_steps + 1)))
                step = own_step(clips, past, self.net, draw)
            else:
                step = teacher_step(clips, past, config, draw)
            picture, state, clean = loss_of(self.net, step, config, draw)
        loss = picture + state
        losses = {"own" if own else "teacher": picture.item(), "state": state.item()}
        if config.critic and share > config.critic_from:
            with self._bf16():
                judged = critic_loss(self.critic, step, clean)
            _descend(self.critic_optimiser, self.critic, judged)
            with self._bf16():
                persuasion = persuasion_loss(self.critic, step, clean)
            loss = loss + config.critic * persuasion
            losses |= {"critic": judged.item(), "persuasion": persuasion.item()}
        if not torch.isfinite(loss):
            raise StageFailed(
                f"the loss is not finite at step {self.progress.step}; the last good checkpoint is in {self.folder}: "
                "resume from it with a lower learning rate, and run hiwm data check on the dataset"
            )
        _descend(self.optimiser, self.net, loss)
        self._average()
        return losses

    @torch.no_grad()
    def _average(self) -> None:
        keep = min(self.config.average, self.progress.step / (self.progress.step + 50))
        for kept, new in zip(self.world.net.parameters(), self.net.parameters(), strict=True):
            kept.lerp_(new, 1 - keep)

    def _watch(self, scalars: Callable[[str, float, int], None]) -> str:
        """Rolls out the watched clips, keeps the averaged networks where they are the best so far."""
        pictures = self.folder / "rollouts"
        pictures.mkdir(parents=True, exist_ok=True)
        at = self.progress
        with self._bf16():
            seen: Watched = watch(
                self.world.net, self.watched, self.world.network.past, 1, pictures / f"{at.step:07d}.png"
            )
        for k, value in seen.psnr_by_step.items():
            scalars(f"psnr/step_{k}", value, at.step)
        scalars("psnr/mean", seen.score, at.step)
        if seen.score > at.best:
            at.best = seen.score
            self.world.about.update(self._about(seen))
            with full_disk_is_clear("writing the best checkpoint"):
                save_world(self.folder, self.world)
        speed = at.step * self.config.batch / at.spent_s
        return f"{at.spent_s / 60:5.1f} min  step {at.step}  {speed:.0f} clips/s  {seen.line()}"

    def _about(self, seen: Watched) -> dict[str, Any]:
        return {
            "training": dataclasses.asdict(self.config),
            "dataset": str(self.windows.source.folder.name),
            "steps": self.progress.step,
            "minutes": self.progress.spent_s / 60,
            "watched": dataclasses.asdict(seen),
        }

    def save(self) -> None:
        """Writes what resuming needs; whole or not at all."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with full_disk_is_clear("saving the training"):
            save_training(self.folder / "resume.safetensors", self._modules(), self._optimisers())
            write_json(self.folder / "resume.json", dataclasses.asdict(self.progress) | {"recipe": self._recipe()})

    def resume(self) -> None:
        """Goes on where `save` was last called; raises BadInput where that was another recipe."""
        saved = read_json(self.folder / "resume.json")
        if saved.pop("recipe") != self._recipe():
            raise BadInput(f"{self.folder} holds a training with another recipe; give another --out, or its own recipe")
        load_training(self.folder / "resume.safetensors", self._modules(), self._optimisers())
        self.progress = Progress(**saved)

    def _modules(self) -> dict[str, torch.nn.Module]:
        return {"net": self.net, "average": self.world.net, "critic": self.critic}

    def _optimisers(self) -> dict[str, torch.optim.Optimizer]:
        return {"optimiser": self.optimiser, "critic_optimiser": self.critic_optimiser}

    def _bf16(self) -> AbstractContextManager[Any]:
        return torch.autocast(self.device.type, torch.bfloat16)

    def _recipe(self) -> dict[str, Any]:
        both = {"network": dataclasses.asdict(self.world.network), "training": dataclasses.asdict(self.config)}
        plain: dict[str, Any] = json.loads(json.dumps(both))
        return plain


def shown_spec(windows: Windows) -> RobotSpec:
    """The dataset's robot spec with the cameras as they are read; raises BadInput where their sizes differ."""
    cameras = tuple(
        CameraSpec(name, frames.pictures_nhwc.shape[1], frames.pictures_nhwc.shape[2])
        for name, frames in windows.frames.items()
    )
    sizes = {(camera.height, camera.width) for camera in cameras}
    if len(sizes) > 1:
        raise BadInput(f"expected cameras of one size, got {sorted(sizes)}; give --size HEIGHT WIDTH for all")
    return dataclasses.replace(windows.source.spec, cameras=cameras)


def _descend(optimiser: torch.optim.Optimizer, module: torch.nn.Module, loss: Tensor) -> None:
    optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(module.parameters(), 1.0)
    optimiser.step()


def _shortened(clips: Clips, steps: int) -> Clips:
    return dataclasses.replace(
        clips,
        pictures_btchw=clips.pictures_btchw[:, :steps],
        states_bts=clips.states_bts[:, :steps],
        actions_bta=clips.actions_bta[:, :steps],
    )


def _passed(before: float, now: float, every: float) -> bool:
    return int(before / every) != int(now / every)
