"""`hiwm post-train`: a policy, its base dataset and corrections in; the policy of the next round out.

The policy keeps its own scales. Corrections are never learned from alone: every batch holds base data too. Without
corrections, for as long on base data alone, it makes the policy that a gain is compared with.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from hiwm.data.features import read_sidecar
from hiwm.data.source import Source
from hiwm.errors import BadInput, SpecMismatch
from hiwm.pipeline.manifest import read_manifest, write_manifest
from hiwm.pipeline.train_policy import ABOUT_FORMAT, described, require_place, train
from hiwm.pipeline.train_world import pick_device
from hiwm.policies.checkpoint import Checkpoint, load_checkpoint, policy_hash
from hiwm.policies.loading import find_folder
from hiwm.posttrain.examples import Examples, open_examples
from hiwm.posttrain.mixture import Mixture, split
from hiwm.posttrain.training import Budget, PolicyTraining


def gentle() -> PolicyTraining:
    """Training of a policy that knows something already."""
    return PolicyTraining(learning_rate=2e-4, warm_up=50, falls="late")


@dataclass(frozen=True)
class PostRecipe:
    """How the mixture is drawn and trained on.

    share: of a batch that is corrections. policy_weight: of a frame of theirs in which the policy itself steered.
    kinds: of the base's episodes.
    """

    share: float = 0.5
    policy_weight: float = 0.25
    kinds: tuple[str, ...] = ("demo",)
    training: PolicyTraining = field(default_factory=gentle)

    def __post_init__(self) -> None:
        """Raises BadInput on a share that leaves out one side."""
        if not 0 < self.share < 1:
            raise BadInput(f"expected --share between 0 and 1, got {self.share:g}: base and corrections are mixed")


def post_train(
    policy: str,
    base: Source,
    corrections: Sequence[Source],
    out: Path,
    budget: Budget,
    recipe: PostRecipe,
    longer: bool = False,
    device: str = "auto",
    resume: bool = False,
    threads: int | None = None,
) -> Path:
    """Trains a policy further into a new folder, which is returned.

    longer: on base data alone, and no corrections are given. Raises BadInput where neither is asked for or `out` holds
    a policy, SpecMismatch where a dataset is not of the policy's robot.
    """
    if longer == bool(corrections):
        raise BadInput("expected --corrections DATASET, or --longer to train on base data alone; give one of the two")
    require_place(out, resume)
    if threads is not None:
        torch.set_num_threads(threads)
    folder = find_folder(policy)
    if out.resolve() == folder.resolve():
        raise BadInput(f"{out} is the policy to start from; every round gets its own folder, give another --out")
    console = Console(stderr=True, highlight=False)
    parent = load_checkpoint(folder, str(pick_device(device)))
    for source in (base, *corrections):
        require_same_robot(parent, base, source)
    require_one_world(corrections)
    mixture = mixed(parent, base, corrections, recipe, console)
    checkpoint = dataclasses.replace(parent, about=_about(parent, folder, base, corrections, recipe, longer))
    train(checkpoint, mixture, recipe.training, out, budget, console.print)
    inputs = {"policy": folder, "base": base.folder}
    inputs |= {f"corrections_{number}": source.folder for number, source in enumerate(corrections)}
    write_manifest(out, "post-train", inputs, _settings(recipe, longer), checkpoint.about["lineage"])
    return out


def mixed(
    parent: Checkpoint, base: Source, corrections: Sequence[Source], recipe: PostRecipe, console: Console
) -> Mixture:
    """Base and corrections; several sets of corrections share theirs by how much they hold."""
    config, eye, say = parent.config, parent.eye, console.print
    whole = open_examples(base, config, eye, recipe.kinds, show=say)
    train_base, held = split(whole, recipe.training.seed)
    added: list[Examples] = [
        open_examples(source, config, eye, policy_weight=recipe.policy_weight, show=say) for source in corrections
    ]
    if not added:
        return Mixture((train_base,), (1.0,), {"held out": held})
    volume = [float(examples.weight.sum()) for examples in added]
    shares = [recipe.share * part / sum(volume) for part in volume]
    return Mixture((train_base, *added), (1 - recipe.share, *shares), {"held out": held})


def require_same_robot(parent: Checkpoint, base: Source, source: Source) -> None:
    """Raises SpecMismatch where state, action or cameras of a dataset are not those of the policy."""
    own = parent.spec or base.spec
    for what, ours, theirs in (("state", own.state, source.spec.state), ("action", own.action, source.spec.action)):
        if [number.name for number in ours] != [number.name for number in theirs]:
            raise SpecMismatch(
                f"the policy's {what} is {', '.join(n.name for n in ours)}; {source.folder} has "
                f"{', '.join(n.name for n in theirs)}: give a dataset of the same robot"
            )
    missing = [camera.name for camera in own.cameras if camera not in source.spec.cameras]
    if missing:
        raise SpecMismatch(
            f"{source.folder} has no camera {missing[0]} of the policy's size; give one with the same cameras"
        )


def require_one_world(corrections: Sequence[Source]) -> None:
    """Raises BadInput where corrections were made of different tasks or in different worlds: they would not fit."""
    for what, made in (("tasks", _task_of), ("worlds", made_in)):
        found = {one: source.folder for source in corrections for one in made(source.folder)}
        if len(found) > 1:
            (first, folder), (second, other) = list(found.items())[:2]
            raise BadInput(
                f"corrections of different {what}: {folder} is of {first}, {other} of {second}; "
                "post-train on one at a time"
            )


def made_in(folder: Path) -> list[str]:
    """What a dataset's sessions ran in, by the manifests of the stages before it, as far as their folders are there."""
    manifest = read_manifest(folder)
    if manifest is None:
        return []
    own = manifest.settings.get("dynamics")
    found = [json.dumps(own, sort_keys=True)] if own else []
    return found + [one for given in manifest.inputs.values() for one in made_in(Path(given["path"]))]


def _task_of(folder: Path) -> list[str]:
    task = (read_sidecar(folder) or {}).get("task")
    return [str(task)] if task else []


def _about(
    parent: Checkpoint,
    folder: Path,
    base: Source,
    corrections: Sequence[Source],
    recipe: PostRecipe,
    longer: bool,
) -> dict[str, Any]:
    """`hiwm.json` of the new policy: its parent, what it learned from, and how."""
    before = parent.about.get("lineage", {})
    lineage = {
        "parent": folder.name,
        "parent_hash": policy_hash(folder),
        "first": before.get("first", policy_hash(folder)),
        "round": int(before.get("round", 0)) + 1,
        "minutes_before": parent.about.get("minutes"),
    }
    about = {"format": ABOUT_FORMAT, "spec": base.spec.to_json(), "prompt": base.episodes.prompts[0]} | parent.about
    datasets = [described(source) for source in (base, *corrections)]
    settings = _settings(recipe, longer) | {"datasets": datasets, "parent": lineage["parent_hash"]}
    return about | {"lineage": lineage, "datasets": datasets, "recipe": settings}


def _settings(recipe: PostRecipe, longer: bool) -> dict[str, Any]:
    return dataclasses.asdict(recipe) | {"kinds": list(recipe.kinds), "longer": longer}
