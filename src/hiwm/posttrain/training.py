"""Trains any LeRobot policy by the clock or by steps: weights averaged, resumable, saved every two minutes."""

from __future__ import annotations

import copy
import dataclasses
import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from lerobot.configs import FeatureType
from lerobot.processor import PolicyProcessorPipeline
from torch import Tensor, nn

from hiwm.errors import BadInput, StageFailed
from hiwm.policies.checkpoint import Checkpoint, save_checkpoint
from hiwm.policies.encoder import EncoderStep
from hiwm.policies.features import inputs_of
from hiwm.posttrain.mixture import Mixture
from hiwm.posttrain.padding import loss_that_counts
from hiwm.posttrain.resume import load_state, save_state
from hiwm.runfolder import full_disk_is_clear, read_json, write_json

POLICY, ENCODER = "policy", "encoder"
DECAY = {POLICY: "weight_decay", ENCODER: "encoder_decay"}
PLACE = "training"
"""Folder inside the policy's folder with what resuming needs."""

type Scalars = Callable[[str, float, int], None]


@dataclass(frozen=True)
class PolicyTraining:
    """How a policy is trained.

    batch: windows a step. average: how much of the averaged weights is kept at a step, once it has many behind it.
    noise: deviation of what is added to scaled numbers that the policy sees; readings of an eye are never exact.
    falls: the rate follows half a cosine down to nothing, or stays and falls over the last fifth. encoder_share: of the
    budget, for the encoder of a policy that has one; it comes first, and the rate falls in each part. encoder_decay:
    weight decay of that part, which sees a few hundred demonstrations many times.
    """

    batch: int = 128
    learning_rate: float = 1e-3
    weight_decay: float = 1e-6
    warm_up: int = 200
    falls: Literal["cosine", "late"] = "cosine"
    clip: float = 1.0
    average: float = 0.999
    noise: float = 0.01
    encoder_share: float = 0.4
    encoder_decay: float = 0.05
    seed: int = 0


@dataclass(frozen=True)
class Budget:
    """How long to train: seconds of training or steps in all, whichever is reached first; and how often to save."""

    train_s: float | None = None
    steps: int | None = None
    save_s: float = 120.0
    watch_s: float = 60.0

    def __post_init__(self) -> None:
        """Raises BadInput without any limit."""
        if not (self.train_s or self.steps) or min(self.train_s or 1, self.steps or 1) <= 0:
            raise BadInput("expected --minutes or --steps above 0; give how long to train")

    def share(self, progress: Progress) -> float:
        """How much is done, 1 at the end."""
        by_time = progress.spent_s / self.train_s if self.train_s else 0.0
        by_steps = progress.step / self.steps if self.steps else 0.0
        return min(1.0, max(by_time, by_steps))


@dataclass
class Progress:
    """How far a training has come; travels in the resume file."""

    step: int = 0
    spent_s: float = 0.0


class PolicyTrainer:
    """One training: the policy, its running average (which is what is saved), the optimiser and the data."""

    def __init__(self, checkpoint: Checkpoint, mixture: Mixture, config: PolicyTraining, folder: Path) -> None:
        torch.manual_seed(config.seed)
        self.checkpoint, self.mixture, self.config, self.folder = checkpoint, mixture, config, folder
        self.kept = _nets(checkpoint).train()
        self.net = copy.deepcopy(self.kept).train()
        self.numbers = _without_encoder(checkpoint.pre)
        self.parameters: list[Tensor] = [p for p in self.net.parameters() if p.requires_grad]
        self.averages: list[Tensor] = [p for p in self.kept.parameters() if p.requires_grad]
        self.device = self.parameters[0].device
        groups = [
            {"params": list(net.parameters()), "weight_decay": getattr(config, DECAY[name])}
            for name, net in self.net.items()
        ]
        self.optimiser = torch.optim.AdamW(groups, config.learning_rate, (0.9, 0.99), fused=True)
        self.noisy = [
            name
            for name, feature in inputs_of(checkpoint.config).items()
            if feature.type in (FeatureType.STATE, FeatureType.ENV)
        ]
        self.progress = Progress()

    def train(self, budget: Budget, say: Callable[[str], None], scalars: Scalars) -> None:
        """Trains until the budget is spent, this run's and earlier ones' together; the policy is in its folder then."""
        rng = np.random.default_rng([self.config.seed, self.progress.step])
        torch.manual_seed(self.config.seed * 1_000_003 + self.progress.step)
        losses: list[Tensor] = []
        while (share := budget.share(self.progress)) < 1:
            began, before = time.monotonic(), self.progress.spent_s
            losses.append(self._step(share, rng))
            self.progress.step += 1
            self.progress.spent_s += time.monotonic() - began
            ended = budget.share(self.progress) == 1
            if ended or _passed(before, self.progress.spent_s, budget.watch_s):
                say(self._watch(losses, share, scalars))
                losses = []
            if not ended and _passed(before, self.progress.spent_s, budget.save_s):
                self.save()
        self.save()

    def _step(self, share: float, rng: np.random.Generator) -> Tensor:
        """One step down; returns the loss."""
        for group in self.optimiser.param_groups:
            group["lr"] = self.config.learning_rate * self._rate(share)
        loss = self._loss(self.net, self.mixture.draw(self.config.batch, rng), share)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.parameters, self.config.clip)
        self.optimiser.step()
        self.optimiser.zero_grad()
        self._average()
        return loss.detach()

    def _encoder_first(self, share: float) -> bool:
        """Whether the encoder is due."""
        return ENCODER in self.net and share < self.config.encoder_share

    def _rate(self, share: float) -> float:
        if ENCODER in self.net:
            first = self.config.encoder_share
            share = share / first if share < first else (share - first) / (1 - first)
        warm = min(1.0, (self.progress.step + 1) / self.config.warm_up)
        if self.config.falls == "late":
            return warm * min(1.0, 5 * (1 - share) + 0.02)
        return warm * (0.01 + 0.99 * (1 + math.cos(math.pi * share)) / 2)

    def _loss(self, net: nn.ModuleDict, raw: dict[str, Any], share: float) -> Tensor:
        batch = self.numbers(raw)
        for name in self.noisy:
            batch[name] = batch[name] + self.config.noise * torch.randn_like(batch[name])
        if self._encoder_first(share):
            imitated: Tensor = net[ENCODER].loss(batch)  # type: ignore[operator]
            return imitated
        encoder = self.checkpoint.encoder
        policy: Any = net[POLICY]
        return loss_that_counts(policy, batch if encoder is None else encoder.observation(batch))

    @torch.no_grad()
    def _average(self) -> None:
        keep = min(self.config.average, (1 + self.progress.step) / (10 + self.progress.step))
        torch._foreach_lerp_(self.averages, self.parameters, 1 - keep)

    def _watch(self, losses: Sequence[Tensor], share: float, scalars: Scalars) -> str:
        """One line: how far, the loss since the last one, and the averaged policy's on episodes kept out."""
        at, loss = self.progress, float(torch.stack(list(losses)).mean())
        if not math.isfinite(loss):
            raise StageFailed(
                f"the loss is not finite at step {at.step}; what was saved last is in {self.folder}: resume from it "
                "with a lower --learning-rate, and run hiwm data check on the dataset"
            )
        line = f"{at.spent_s / 60:6.1f} min  step {at.step}  {at.step / max(at.spent_s, 1e-9):.1f}/s  loss {loss:.4f}"
        scalars("loss", loss, at.step)
        for name, raw in self.mixture.held.items():
            with torch.no_grad(), torch.random.fork_rng():
                torch.manual_seed(0)
                held = float(self._loss(self.kept, dict(raw), share))
            scalars(f"held_out/{name}", held, at.step)
            line += f"  {name} {held:.4f}"
        return line

    def save(self) -> None:
        """Writes the averaged policy into its folder, and what resuming needs."""
        place = self.folder / PLACE
        place.mkdir(parents=True, exist_ok=True)
        about = self.checkpoint.about | {"steps": self.progress.step, "minutes": self.progress.spent_s / 60}
        with full_disk_is_clear("saving the policy"):
            save_checkpoint(self.folder, dataclasses.replace(self.checkpoint, about=about))
            save_state(place / "state.safetensors", self.net, self.kept, self.optimiser)
            write_json(place / "state.json", dataclasses.asdict(self.progress) | {"recipe": self.recipe()})

    def resume(self) -> bool:
        """Goes on where `save` was last called, False where it never was; raises BadInput for another recipe."""
        path = self.folder / PLACE / "state.json"
        if not path.is_file():
            return False
        saved = read_json(path)
        if saved.pop("recipe") != self.recipe():
            raise BadInput(
                f"{self.folder} holds a training with another recipe or dataset; give another --out, or what it "
                "was begun with"
            )
        load_state(self.folder / PLACE / "state.safetensors", self.net, self.kept, self.optimiser)
        self.progress = Progress(**saved)
        return True

    def recipe(self) -> dict[str, Any]:
        """What must be the same to go on."""
        plain: dict[str, Any] = json.loads(json.dumps(self.checkpoint.about["recipe"]))
        return plain


def _nets(checkpoint: Checkpoint) -> nn.ModuleDict:
    """What is trained: the policy, and its encoder if it has one."""
    nets: dict[str, nn.Module] = {POLICY: checkpoint.policy}
    if checkpoint.encoder is not None:
        nets[ENCODER] = checkpoint.encoder.net
    return nn.ModuleDict(nets)


def _without_encoder(pre: PolicyProcessorPipeline[Any, Any]) -> PolicyProcessorPipeline[Any, Any]:
    """The preprocessing up to scaled numbers: noise is added to these, not to features."""
    return dataclasses.replace(pre, steps=[step for step in pre.steps if not isinstance(step, EncoderStep)])


def _passed(before: float, now: float, every: float) -> bool:
    return int(before / every) != int(now / every)
