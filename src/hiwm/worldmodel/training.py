"""Trains a world model by the clock: resumable, watched, the best checkpoint kept by a motion-aware figure.

First pictures are learned (reading and painting), then how codes and robot states move, then painting alone, from
codes that stay; see TrainingConfig.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn

from hiwm.data.precision import fast_arithmetic
from hiwm.data.windows import Indices, Offsets, Windows, kept_out
from hiwm.errors import BadDataset, BadInput, StageFailed
from hiwm.perception.estimator import Estimator
from hiwm.runfolder import full_disk_is_clear, read_json, write_bytes, write_json
from hiwm.worldmodel.checkpoint import World, make_net, save_world
from hiwm.worldmodel.clips import ClipMaker, Clips, as_pictures
from hiwm.worldmodel.config import NetworkConfig, TrainingConfig
from hiwm.worldmodel.descent import Descent
from hiwm.worldmodel.fresh import fresh_world, says_truth_of, started_world
from hiwm.worldmodel.motions import Track, fit_scales, motion_loss, moved, read_all
from hiwm.worldmodel.pictures import Shots, noisy_codes, picture_loss
from hiwm.worldmodel.resume import load_training, save_training
from hiwm.worldmodel.watch import Watched, moving_clips, watch, watch_pictures

WATCH_CLIPS = 16
NOISE_DB = 0.5
"""By so much the figure of a few watched clips says nothing: motion that was a quarter less wrong read 0.1 worse."""
SEEN = ("robot_points", "code_places")
"""Parts of the painter that the motion looks at; they stay as they are once it is learned."""
POLISH_SLOWER = 2
"""The learning rate of painting alone is so much smaller."""
WARM_UP = 50
"""Steps in which the learning rate rises."""


@dataclass
class Progress:
    """How far a training has come; travels in the resume file. read: the codes of all frames are on disk."""

    step: int = 0
    spent_s: float = 0.0
    best: float = -float("inf")
    read: bool = False


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


type Scalars = Callable[[str, float, int], None]


class WorldTrainer:
    """One training: networks, their running average, optimiser states and the data they see."""

    def __init__(
        self,
        windows: Windows,
        network: NetworkConfig,
        config: TrainingConfig,
        folder: Path,
        device: torch.device,
        start: World | None = None,
        eye: Estimator | None = None,
    ) -> None:
        """start: a world to go on from, of the same robot and network sizes, with its scales and usual picture.

        eye: an estimator that reads pictures for a new world, which then does not learn to read.
        """
        torch.manual_seed(config.seed)
        self.windows, self.config, self.folder, self.device = windows, config, folder, device
        self.world = fresh_world(windows, network, eye) if start is None else started_world(windows, network, start)
        self.world.net.to(device)
        self.net = make_net(self.world.spec, self.world.network, self.world.eye, self.world.states).to(device)
        self.net.load_state_dict(self.world.net.state_dict())
        self.maker = ClipMaker(self.world.usual_hwc, self.world.states, self.world.actions, network.fold)
        painter = dict(self.net.painter.named_parameters())
        self.descents = {
            "picture": Descent([*self._learning_reader(), *painter.values()], config.weight_decay),
            "motion": Descent([*self.net.state.parameters(), *self.net.motion.parameters()], config.weight_decay),
            "polish": Descent([p for name, p in painter.items() if not name.startswith(SEEN)], config.weight_decay),
        }
        self.progress = Progress()
        self.pool, self.watched = self._split()
        self.track: Track | None = None

    def _learning_reader(self) -> list[nn.Parameter]:
        return [p for p in self.net.reader.parameters() if p.requires_grad]

    def _split(self) -> tuple[Indices, Clips]:
        """Frames to train on, and the clips that are watched: from episodes that are kept out."""
        apart, past = kept_out(self.windows), self.world.network.past - 1
        every = np.arange(len(self.windows))
        episode = np.searchsorted(self.windows.source.episodes.start_e, every, side="right") - 1
        long = dataclasses.replace(self.windows, offsets=Offsets.span(past, self.config.watch_steps))
        candidates = long.valid_starts()
        candidates = candidates[np.isin(episode[candidates], apart)]
        pool = every[~np.isin(episode, apart)]
        if not len(candidates) or not len(self._starts(pool, self.config.own_steps)):
            raise BadDataset(
                f"expected episodes longer than {self.config.watch_steps + past} frames to train and watch on, "
                f"{self.windows.source.folder} has too few or too short ones; record more"
            )
        return pool, moving_clips(long, self.maker, candidates, self.config.watch_steps, WATCH_CLIPS).to(self.device)

    def _starts(self, pool: Indices, steps: int) -> Indices:
        """Those of the pool with enough frames of their episode before and after them for a rollout."""
        return np.intersect1d(pool, self.windows.valid_starts(self.world.network.past - 1, steps))

    def train(self, clock: Clock, say: Callable[[str], None], scalars: Scalars) -> None:
        """Trains until `clock.train_s` seconds of training are spent, this run's and earlier ones' together."""
        rng = np.random.default_rng([self.config.seed, self.progress.step])
        draw = torch.Generator(self.device).manual_seed(self.config.seed * 1_000_003 + self.progress.step)
        self.net.train()
        while clock.share(self.progress) < 1:
            began, before = time.monotonic(), self.progress.spent_s
            losses = self._step(clock.share(self.progress), rng, draw)
            self.progress.step += 1
            self.progress.spent_s += time.monotonic() - began
            for name, value in losses.items() if self.progress.step % 20 == 0 else ():
                scalars(name, value, self.progress.step)
            if _passed(before, self.progress.spent_s, clock.save_s):
                self.save()
            if _passed(before, self.progress.spent_s, clock.watch_s) or clock.share(self.progress) == 1:
                say(self._watch(clock.share(self.progress), scalars))
        self.save()

    def _step(self, share: float, rng: np.random.Generator, draw: torch.Generator) -> dict[str, float]:
        """One step of the part that is due; its share of that part sets the learning rate."""
        motion_from, polish_from = self._motion_from, 1 - self.config.polish_share
        if share < motion_from and self.world.eye is None:
            return self._picture_step(share / motion_from, rng, draw)
        if self.track is None:
            self.track = self._read_track()
        if share < motion_from:
            return self._paint_step("picture", self.track, share / motion_from, rng, draw)
        if share < polish_from:
            return self._motion_step(self.track, (share - motion_from) / self.config.motion_share, rng, draw)
        return self._paint_step("polish", self.track, (share - polish_from) / self.config.polish_share, rng, draw)

    @property
    def _motion_from(self) -> float:
        """The share of the training from which on codes learn to move."""
        return 1 - self.config.motion_share - self.config.polish_share

    def _picture_step(self, share: float, rng: np.random.Generator, draw: torch.Generator) -> dict[str, float]:
        self.track, self.progress.read = None, False  # a longer --minutes may come back here: codes will change
        shots = self.shots(np.sort(rng.choice(self.pool, self.config.batch)))
        crop = self.config.crop if share < 1 - self.config.whole_share else None
        with self._bf16():
            loss = picture_loss(
                self.net, noisy_codes(self.net, shots, self.config, draw), shots, crop, self.config, draw
            )
        self._descend("picture", loss, self.config.learning_rate, share)
        return {"picture": loss.item()}

    def _motion_step(
        self, track: Track, share: float, rng: np.random.Generator, draw: torch.Generator
    ) -> dict[str, float]:
        start = track.draw(self.config.motion_batch, rng)
        with self._bf16():
            code, state, off = motion_loss(self.net, track, start, self.config, draw)
        track.found(start, off)
        self._descend("motion", code + state, self.config.motion_rate, share)
        return {"code": code.item(), "state": state.item()}

    def _paint_step(
        self, part: str, track: Track, share: float, rng: np.random.Generator, draw: torch.Generator
    ) -> dict[str, float]:
        """Learns to paint from codes that stay."""
        index = np.sort(rng.choice(self.pool, self.config.batch))
        with self._bf16():
            loss = picture_loss(self.net, track.codes_nd[index], self.shots(index), self.config.crop, self.config, draw)
        self._descend(part, loss, self.config.learning_rate / (POLISH_SLOWER if part == "polish" else 1), share)
        return {part: loss.item()}

    def _read_track(self) -> Track:
        """What the motion is learned from: the codes of all frames.

        Where an eye reads and the dataset says what is true, they are the truth's: what an eye reads is noisy, and
        hidden where hands are over it. Otherwise they are read once, when the reader is done, and kept on disk.
        """
        self.net.reader.load_state_dict(self.world.net.reader.state_dict())
        self.net.painter.load_state_dict(self.world.net.painter.state_dict())
        columns, placed, steps = self.windows.columns, self.world.network.placed, self.config.own_steps
        eye, noise, sizes = self.world.eye, torch.zeros(self.world.network.code), None
        if eye is not None and columns.truth_nk is not None and says_truth_of(self.windows, eye):
            codes = torch.from_numpy(eye.codes_of(columns.truth_nk)).to(self.device)
            noise = torch.from_numpy(eye.noise)
        else:
            codes = self._read_codes()
        if eye is not None:
            sizes = torch.from_numpy(eye.sizes).to(self.device)
        for net in (self.net, self.world.net) if self.config.motion_share else ():
            fit_scales(net.motion, codes, placed, self.windows.source.episodes.start_e, sizes)
        return Track(
            codes,
            torch.from_numpy(self.maker.states.forward(columns.state_ns)).to(self.device),
            torch.from_numpy(self.maker.actions.forward(columns.action_na)).to(self.device),
            self._starts(self.pool, steps),
            moved(codes, placed, steps),
            noise.to(self.device),
        )

    def _read_codes(self) -> Tensor:
        """(N, code) of all frames, from disk where they have been read before."""
        path = self.folder / "codes.safetensors"
        if not (self.progress.read and path.exists()):
            self.folder.mkdir(parents=True, exist_ok=True)
            with self._bf16(), full_disk_is_clear("writing the codes of all frames"):
                codes = read_all(self.net, self.shots, len(self.windows))
                write_bytes(path, save({"codes": codes.cpu()}))
            self.progress.read = True
        return load_file(path)["codes"].to(self.device)

    def shots(self, index_b: Indices) -> Shots:
        """Single frames of the dataset, whole."""
        pixels = np.concatenate([frames.pictures_nhwc[index_b] for frames in self.windows.frames.values()], -1)
        states = self.maker.states.forward(self.windows.columns.state_ns[index_b])
        usual, grid = (part.to(self.device) for part in (self.maker.usual_chw, self.maker.grid_2hw))
        return Shots(
            as_pictures(pixels).to(self.device),
            torch.from_numpy(states).to(self.device),
            usual.expand(len(pixels), -1, -1, -1),
            grid.expand(len(pixels), -1, -1, -1),
        )

    def _descend(self, part: str, loss: Tensor, rate: float, share: float) -> None:
        if not torch.isfinite(loss):
            raise StageFailed(
                f"the loss is not finite at step {self.progress.step}; the last good checkpoint is in {self.folder}: "
                "resume from it with a lower learning rate, and run hiwm data check on the dataset"
            )
        warm = min(1.0, (self.progress.step + 1) / WARM_UP)
        self.descents[part].step(loss, rate * warm * max(0.02, 1 - share))
        self._average()

    @torch.no_grad()
    def _average(self) -> None:
        keep = min(self.config.average, self.progress.step / (self.progress.step + 50))
        for kept, new in zip(self.world.net.parameters(), self.net.parameters(), strict=True):
            kept.lerp_(new, 1 - keep)

    def _watch(self, share: float, scalars: Scalars) -> str:
        """Looks at the averaged networks on the watched clips, keeps them where they are the best so far."""
        at = self.progress
        done = f"{at.spent_s / 60:5.1f} min  step {at.step}  "
        picture = self.folder / "rollouts" / f"{at.step:07d}.png"
        picture.parent.mkdir(parents=True, exist_ok=True)
        if share <= self._motion_from:
            with self._bf16():
                psnr = watch_pictures(self.world.net, self.watched, self.world.network.past, picture)
            scalars("psnr/painted", psnr, at.step)
            return f"{done}PSNR of objects and robot read and painted again {psnr:.2f}"
        with self._bf16():
            seen = watch(self.world.net, self.watched, self.world.network.past, picture)
        for k, value in seen.psnr_by_step.items():
            scalars(f"psnr/step_{k}", value, at.step)
        scalars("psnr/mean", seen.score, at.step)
        # The end is worse than the best by chance mostly: what is polished last hardly shows in this figure.
        if seen.score > at.best - (NOISE_DB if share == 1 else 0):
            at.best = max(at.best, seen.score)
            self.world.about.update(self._about(seen))
            with full_disk_is_clear("writing the best checkpoint"):
                save_world(self.folder, self.world)
        return done + seen.line()

    def _about(self, seen: Watched) -> dict[str, Any]:
        return {
            "training": dataclasses.asdict(self.config),
            "dataset": self._dataset(),
            "steps": self.progress.step,
            "minutes": self.progress.spent_s / 60,
            "watched": dataclasses.asdict(seen),
        }

    def _dataset(self) -> dict[str, Any]:
        source = self.windows.source
        return {"name": source.folder.name, "episodes": source.episodes.count, "frames": source.episodes.frames}

    def save(self) -> None:
        """Writes what resuming needs; whole or not at all."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with full_disk_is_clear("saving the training"):
            save_training(self.folder / "resume.safetensors", self._modules(), self._optimisers())
            write_json(self.folder / "resume.json", dataclasses.asdict(self.progress) | {"recipe": self._recipe()})

    def resume(self) -> None:
        """Goes on where `save` was last called; raises BadInput where that was another recipe or dataset."""
        saved = read_json(self.folder / "resume.json")
        if saved.pop("recipe") != self._recipe():
            raise BadInput(
                f"{self.folder} holds a training with another recipe or dataset; give another --out, or what it "
                "was begun with"
            )
        load_training(self.folder / "resume.safetensors", self._modules(), self._optimisers())
        self.progress = Progress(**saved)

    def _modules(self) -> dict[str, nn.Module]:
        return {"net": self.net, "average": self.world.net}

    def _optimisers(self) -> dict[str, torch.optim.Optimizer]:
        return {f"{part}/{name}": o for part, d in self.descents.items() for name, o in d.optimisers.items()}

    def _bf16(self) -> AbstractContextManager[Any]:
        return fast_arithmetic(self.device)

    def _recipe(self) -> dict[str, Any]:
        parts = {
            "network": dataclasses.asdict(self.world.network),
            "training": dataclasses.asdict(self.config),
            "dataset": self._dataset(),
        }
        plain: dict[str, Any] = json.loads(json.dumps(parts))
        return plain


def _passed(before: float, now: float, every: float) -> bool:
    return int(before / every) != int(now / every)
