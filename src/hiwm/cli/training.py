"""Commands that train policies: from a dataset, and further on with corrections."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, UseAppendAction, arg

from hiwm.cli.data import Dataset


def train_policy(
    dataset: Dataset,
    out: Path,
    policy: str = "diffusion",
    minutes: float | None = None,
    steps: int | None = None,
    eye: Path | None = None,
    kinds: tuple[str, ...] = ("demo",),
    setting: Annotated[UseAppendAction[tuple[str, ...]], arg(name="set", metavar="NAME=VALUE")] = (),
    batch: int = 128,
    learning_rate: float = 1e-3,
    noise: float = 0.01,
    encoder_share: float = 0.4,
    seed: int = 0,
    device: str = "auto",
    resume: bool = False,
    threads: int | None = None,
) -> None:
    """Train a policy on a dataset, by the clock or by steps; what it has learned so far is in the folder.

    Args:
        dataset: Which dataset.
        out: Folder of the policy (a LeRobot checkpoint).
        policy: diffusion, pi0 (a small one), another policy of LeRobot's, or a published one as a folder or owner/name.
        minutes: How long to train in all, earlier runs included.
        steps: How many steps in all.
        eye: Folder of an estimator that reads the pictures for the policy.
        kinds: Kinds of episodes to learn from (demo, failure, edge), in datasets that say.
        setting: A setting of LeRobot's configuration, for example down_dims=[96,192]; give it again for each.
        batch: Windows a step.
        learning_rate: At its highest.
        noise: Added to the scaled numbers that the policy sees.
        encoder_share: Of the time, for the encoder of a policy that sees numbers only; 0 leaves it as it is.
        seed: Of weights, noise and order.
        device: auto, cpu or cuda.
        resume: Go on with the training in the folder.
        threads: Threads of the processor; by default as many as there are cores.
    """
    from hiwm.pipeline.train_policy import PolicyRecipe, parsed_settings
    from hiwm.pipeline.train_policy import train_policy as run_training
    from hiwm.posttrain.training import Budget, PolicyTraining

    training = PolicyTraining(
        batch=batch, learning_rate=learning_rate, noise=noise, encoder_share=encoder_share, seed=seed
    )
    recipe = PolicyRecipe(policy, parsed_settings(setting), kinds, eye, training)
    budget = Budget(None if minutes is None else minutes * 60, steps)
    print(run_training(dataset.open(), out, budget, recipe, device, resume, threads))


def post_train(
    policy: str,
    base: Path,
    out: Path,
    corrections: Annotated[UseAppendAction[tuple[Path, ...]], arg(metavar="DATASET")] = (),
    longer: bool = False,
    minutes: float | None = None,
    steps: int | None = None,
    share: float = 0.5,
    policy_weight: float = 0.25,
    kinds: tuple[str, ...] = ("demo",),
    batch: int = 128,
    learning_rate: float = 2e-4,
    noise: float = 0.01,
    encoder_share: float = 0.4,
    seed: int = 0,
    device: str = "auto",
    resume: bool = False,
    threads: int | None = None,
) -> None:
    """Train a policy further on its base data mixed with corrections; each round writes a folder of its own.

    Args:
        policy: The policy to start from: a folder, or the name of a shipped one.
        base: The dataset that it was trained on.
        out: Folder of the new policy.
        corrections: A dataset of corrections (hiwm export); give it again for each.
        longer: Train on the base data alone, as the policy that a gain is compared with.
        minutes: How long to train, earlier runs of this command included.
        steps: How many steps.
        share: Share of corrections in every batch.
        policy_weight: How much a frame counts in which the policy itself steered, against 1 for a person's.
        kinds: Kinds of the base's episodes to learn from.
        batch: Windows a step.
        learning_rate: At its highest.
        noise: Added to the scaled numbers that the policy sees.
        encoder_share: Of the time, for the encoder of a policy that sees numbers only; 0 leaves it as it is.
        seed: Of noise and order.
        device: auto, cpu or cuda.
        resume: Go on with the training in the folder.
        threads: Threads of the processor; by default as many as there are cores.
    """
    from dataclasses import replace

    from hiwm.data.source import open_source
    from hiwm.pipeline.post_train import PostRecipe, gentle
    from hiwm.pipeline.post_train import post_train as run_training
    from hiwm.posttrain.training import Budget

    training = replace(
        gentle(), batch=batch, learning_rate=learning_rate, noise=noise, encoder_share=encoder_share, seed=seed
    )
    recipe = PostRecipe(share, policy_weight, kinds, training)
    budget = Budget(None if minutes is None else minutes * 60, steps)
    added = [open_source(folder) for folder in corrections]
    print(run_training(policy, open_source(base), added, out, budget, recipe, longer, device, resume, threads))


def serve_policy(policy: Positional[str], host: str = "127.0.0.1", port: int = 8000, device: str = "cpu") -> None:
    """Serve a policy over openpi's WebSocket protocol, for robots and for hiwm on other machines (ws://HOST:PORT).

    Args:
        policy: A folder, or the name of a shipped policy.
        host: Address to listen at.
        port: Port to listen at.
        device: cpu or cuda.
    """
    from hiwm.errors import BadCheckpoint
    from hiwm.policies.adapter import LeRobotPolicy
    from hiwm.policies.checkpoint import load_checkpoint
    from hiwm.policies.loading import find_folder
    from hiwm.policies.remote_server import serve_policy as run_server

    checkpoint = load_checkpoint(find_folder(policy), device)
    if checkpoint.spec is None:
        raise BadCheckpoint(f"{policy} does not say which robot it is for (hiwm.json); train it with hiwm train-policy")
    prompt = str(checkpoint.about.get("prompt", ""))
    print(f"{policy} answers at ws://{host}:{port}", flush=True)
    run_server(LeRobotPolicy(checkpoint, checkpoint.spec, prompt, device), checkpoint.spec, host, port)


def ship_policy(policy: Positional[Path], out: Path) -> None:
    """Copy a policy as it is handed on: weights in 16 bits, without what resuming its training needs.

    Args:
        policy: Folder of the policy.
        out: Folder of the copy.
    """
    from hiwm.policies.shipping import ship_policy as run_copy

    print(f"{out}: {run_copy(policy, out) / 1e6:.1f} MB")
