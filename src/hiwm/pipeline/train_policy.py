"""`hiwm train-policy`: a dataset in, a folder with a LeRobot policy out."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from hiwm.data.source import Source
from hiwm.errors import BadInput
from hiwm.pipeline.manifest import write_manifest
from hiwm.pipeline.train_world import pick_device
from hiwm.policies.checkpoint import CONFIG, Checkpoint
from hiwm.policies.eye import EyeStep, open_eye
from hiwm.policies.loading import find_folder
from hiwm.posttrain.examples import open_examples
from hiwm.posttrain.fresh import fresh_policy, published_policy
from hiwm.posttrain.mixture import Mixture, plain_mixture
from hiwm.posttrain.training import PLACE, Budget, PolicyTrainer, PolicyTraining

ABOUT_FORMAT = 1


@dataclass(frozen=True)
class PolicyRecipe:
    """What is trained, and how. settings: of LeRobot's configuration. kinds: of episodes; empty for all."""

    policy: str = "diffusion"
    settings: Mapping[str, Any] = field(default_factory=dict)
    kinds: tuple[str, ...] = ("demo",)
    eye: Path | None = None
    training: PolicyTraining = field(default_factory=PolicyTraining)


def train_policy(
    source: Source,
    out: Path,
    budget: Budget,
    recipe: PolicyRecipe,
    device: str = "auto",
    resume: bool = False,
    threads: int | None = None,
) -> Path:
    """Trains until the budget is spent in all and returns `out`, which then holds the policy.

    threads: of the processor; None leaves it to torch. Raises BadInput where `out` holds a policy and `resume` is not
    given.
    """
    place = str(pick_device(device))
    require_place(out, resume)
    if threads is not None:
        torch.set_num_threads(threads)
    console = Console(stderr=True, highlight=False)
    eye = _open_eye(recipe, source)
    checkpoint = _start(recipe, source, eye, place)
    examples = open_examples(source, checkpoint.config, eye, recipe.kinds, show=console.print)
    about: dict[str, Any] = {
        "format": ABOUT_FORMAT,
        "spec": source.spec.to_json(),
        "prompt": source.episodes.prompts[0],
        "datasets": [described(source)],
        "recipe": described_recipe(recipe, source),
    }
    mixture = plain_mixture(examples, recipe.training.seed)
    train(dataclasses.replace(checkpoint, about=about), mixture, recipe.training, out, budget, console.print)
    inputs = {"dataset": source.folder} | ({} if recipe.eye is None else {"eye": recipe.eye})
    write_manifest(out, "train-policy", inputs, about["recipe"], {"episodes": source.episodes.count})
    return out


def train(
    checkpoint: Checkpoint,
    mixture: Mixture,
    training: PolicyTraining,
    out: Path,
    budget: Budget,
    say: Callable[[str], None],
) -> None:
    """Trains in a folder, from where it was left there if it was."""
    from torch.utils.tensorboard import SummaryWriter

    trainer = PolicyTrainer(checkpoint, mixture, training, out)
    if trainer.resume():
        say(f"resumed at step {trainer.progress.step}")
    writer = SummaryWriter(str(out / "tensorboard"))
    try:
        trainer.train(budget, say, writer.add_scalar)
    finally:
        writer.close()


def require_place(out: Path, resume: bool) -> None:
    """Raises BadInput where a policy is in the folder already, and going on with it was not asked for."""
    if not resume and ((out / CONFIG).exists() or (out / PLACE).exists()):
        raise BadInput(f"{out} holds a policy already; give --resume to go on with it, or another --out")


def described(source: Source) -> dict[str, Any]:
    """A dataset as a policy's folder names it."""
    return {"name": source.folder.name, "episodes": source.episodes.count, "frames": source.episodes.frames}


def described_recipe(recipe: PolicyRecipe, source: Source) -> dict[str, Any]:
    """What must be the same for a training to be gone on with."""
    plain = dataclasses.asdict(recipe) | {"eye": str(recipe.eye and recipe.eye.name), "dataset": described(source)}
    return plain | {"settings": dict(recipe.settings), "kinds": list(recipe.kinds)}


def parsed_settings(texts: Sequence[str]) -> dict[str, Any]:
    """`NAME=VALUE` texts with JSON values, or plain words; raises BadInput."""
    import json

    settings: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise BadInput(f"expected --set NAME=VALUE, got {text!r}; for example --set down_dims=[96,192]")
        try:
            settings[name] = json.loads(value)
        except ValueError:
            settings[name] = value
        if isinstance(settings[name], list):
            settings[name] = tuple(settings[name])
    return settings


def _open_eye(recipe: PolicyRecipe, source: Source) -> EyeStep | None:
    """The estimator in front: into a vector of its own, or for pi0, which has none, behind the robot state."""
    if recipe.eye is None:
        return None
    if recipe.policy == "pi0":
        return open_eye(recipe.eye, state_numbers=len(source.spec.state), keep=True)
    return open_eye(recipe.eye)


def _start(recipe: PolicyRecipe, source: Source, eye: EyeStep | None, device: str) -> Checkpoint:
    """A fresh policy by name, or a published one by folder or `owner/name`."""
    if "/" in recipe.policy or (Path(recipe.policy) / CONFIG).is_file():
        if eye is not None or recipe.settings:
            raise BadInput("a published policy is trained as it is; leave out --eye and --set")
        return published_policy(find_folder(recipe.policy), source, device)
    return fresh_policy(recipe.policy, source, eye, recipe.settings, device)
