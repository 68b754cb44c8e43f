"""Small policies of LeRobot's for the toy world, untrained or hardly trained, for the tests of what runs them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import torch

from hiwm.data.source import Source, open_source
from hiwm.data.windows import Offsets, open_windows
from hiwm.perception.estimator import Estimator, save_estimator
from hiwm.perception.network import EstimatorConfig
from hiwm.perception.training import EstimatorTraining, train_estimator
from hiwm.policies.checkpoint import Checkpoint, save_checkpoint
from hiwm.policies.eye import EyeStep, open_eye
from hiwm.posttrain.fresh import fresh_policy
from hiwm.types import Observation, Scene
from tests.dot_world import DotDynamics, dot_dataset

SMALL = {"down_dims": (16, 32), "diffusion_step_embed_dim": 16, "num_inference_steps": 3, "n_groups": 4}
SMALL_ACT = {
    "chunk_size": 4,
    "n_action_steps": 4,
    "dim_model": 32,
    "n_heads": 2,
    "dim_feedforward": 32,
    "n_encoder_layers": 1,
    "n_vae_encoder_layers": 1,
}


def dot_source(folder: Path, each: int = 3) -> Source:
    """A dataset of the toy with its dot in the truth, in a folder."""
    dot_dataset(folder, each)
    return open_source(folder)


def dot_estimator(source: Source, folder: Path, steps: int = 3) -> Path:
    """The folder of an estimator that has hardly learned."""
    torch.set_num_threads(1)
    tiny = EstimatorConfig(widths=(8, 8, 8), points=4, hidden=16)
    windows = open_windows(source, Offsets(), show=False)
    estimator: Estimator = train_estimator(windows, tiny, EstimatorTraining(steps=steps), 60, lambda share, said: None)
    save_estimator(folder, dataclasses.replace(estimator, objects=("dot",)))
    return folder


def saved(folder: Path, checkpoint: Checkpoint, source: Source) -> Path:
    """Writes a policy as training would."""
    folder.mkdir(parents=True)
    about = {"format": 1, "spec": source.spec.to_json(), "prompt": "bring the dot to the goal", "recipe": {}}
    save_checkpoint(folder, dataclasses.replace(checkpoint, about=about))
    return folder


def diffusion(source: Source, estimator: Path) -> Checkpoint:
    """A diffusion policy that looks through an estimator."""
    eye: EyeStep = open_eye(estimator)
    return fresh_policy("diffusion", source, eye, SMALL)


def seen(number: int = 0) -> Observation:
    """What is seen at the start of a scene of the toy."""
    _, [observation], _ = DotDynamics().reset([Scene("toy", "eval", number)])
    return observation
