"""A LeRobot policy's folder: read with its weights proven to be there, and written whole or not at all.

A folder holds LeRobot's own files (config.json, model.safetensors, policy_preprocessor.json, policy_postprocessor.json
and their states) and `hiwm.json`: the robot, what it was trained on, and how.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from lerobot.configs import PreTrainedConfig
from lerobot.policies.factory import get_policy_class, make_pre_post_processors
from lerobot.policies.pretrained import PreTrainedPolicy
from lerobot.processor import PolicyProcessorPipeline
from safetensors import SafetensorError, safe_open

from hiwm.errors import BadCheckpoint
from hiwm.policies.encoder import EncoderStep
from hiwm.policies.eye import EyeStep
from hiwm.policies.small_pi0 import TOKENIZER, SmallSizes, small_pi0, small_sizes, write_tokenizer
from hiwm.runfolder import file_hash, read_json, write_json
from hiwm.spec import RobotSpec

ABOUT = "hiwm.json"
CONFIG, WEIGHTS = "config.json", "model.safetensors"
PROCESSORS = ("policy_preprocessor.json", "policy_postprocessor.json")
AGAIN = "copy the folder again, or train the policy again"


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A policy with its own pre- and post-processing.

    about: `hiwm.json`, {} for policies of other people. small: sizes of a small pi0, None for every other policy.
    """

    policy: PreTrainedPolicy
    pre: PolicyProcessorPipeline[Any, Any]
    post: PolicyProcessorPipeline[Any, Any]
    about: dict[str, Any]
    small: SmallSizes | None = None

    @property
    def config(self) -> PreTrainedConfig:
        """LeRobot's description of it."""
        return self.policy.config

    @property
    def eye(self) -> EyeStep | None:
        """What reads pictures for the policy, None where it looks itself."""
        return next((step for step in self.pre.steps if isinstance(step, EyeStep)), None)

    @property
    def encoder(self) -> EncoderStep | None:
        """What makes features of numbers for the policy, None where there is none."""
        return next((step for step in self.pre.steps if isinstance(step, EncoderStep)), None)

    @property
    def spec(self) -> RobotSpec | None:
        """The robot it was trained for, None where its folder does not say."""
        return RobotSpec.from_json(self.about["spec"]) if "spec" in self.about else None


def load_checkpoint(folder: Path, device: str = "cpu") -> Checkpoint:
    """Reads a policy; raises BadCheckpoint with one clear line."""
    _require_files(folder)
    try:
        config = PreTrainedConfig.from_pretrained(folder)
        config.device = device
        overrides: dict[str, Any] = {"device_processor": {"device": device}}
        if (folder / TOKENIZER).is_dir():
            overrides["tokenizer_processor"] = {"tokenizer_name": str(folder / TOKENIZER)}
        small = small_sizes(folder)
        with _quiet(), small_pi0(small):
            policy = get_policy_class(config.type).from_pretrained(folder, config=config)
        pre, post = make_pre_post_processors(config, pretrained_path=str(folder), preprocessor_overrides=overrides)
    except (OSError, ValueError, TypeError, KeyError, RuntimeError, ImportError, SafetensorError) as error:
        raise BadCheckpoint(f"{folder} is not a policy that LeRobot can read ({_short(error)}); {AGAIN}") from error
    _require_weights(policy, folder / WEIGHTS)
    about = read_json(folder / ABOUT) if (folder / ABOUT).is_file() else {}
    return Checkpoint(policy.to(device).eval(), pre, post, about, small)


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Writes a policy's files beside their place and moves them there, `hiwm.json` last; others in there stay."""
    beside = folder / ".saving"
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    for part in (checkpoint.policy, checkpoint.pre, checkpoint.post):
        part.save_pretrained(beside)
    for path in sorted(beside.iterdir(), key=lambda path: path.name == WEIGHTS):
        os.replace(path, folder / path.name)
    beside.rmdir()
    if checkpoint.small is not None:
        checkpoint.small.save(folder)
        write_tokenizer(folder / TOKENIZER)
    write_json(folder / ABOUT, checkpoint.about)


def policy_hash(folder: Path) -> str:
    """What a policy is known by: the hash of its weights and of what it was configured as."""
    return file_hash(folder / WEIGHTS)[:16] + file_hash(folder / CONFIG)[:8]


def _require_files(folder: Path) -> None:
    """Raises BadCheckpoint where a file is missing: some LeRobot policies return random weights then."""
    for name in (CONFIG, WEIGHTS, *PROCESSORS):
        if not (folder / name).is_file():
            raise BadCheckpoint(f"expected a LeRobot policy in {folder}, but it has no {name}; {AGAIN}")
    for name in PROCESSORS:
        try:
            steps = json.loads((folder / name).read_text())["steps"]
            states = [step["state_file"] for step in steps if "state_file" in step]
        except (ValueError, KeyError, TypeError) as error:
            raise BadCheckpoint(f"{folder / name} does not describe a processor ({error}); {AGAIN}") from error
        for state in states:
            if not (folder / state).is_file():
                raise BadCheckpoint(f"{folder / name} names {state}, which is not there; {AGAIN}")


def _require_weights(policy: PreTrainedPolicy, path: Path) -> None:
    """Proves that the file's tensors are those of the policy: LeRobot's readers do not all say when they are not."""
    own = policy.state_dict()
    pointers = {tensor.data_ptr(): name for name, tensor in own.items()}
    try:
        with safe_open(str(path), "pt") as file:
            found = {}
            for key in file.keys():  # noqa: SIM118 - not a mapping
                name = next((n for n in (key, f"model.{key}", key.removeprefix("model.")) if n in own), None)
                if name is not None:
                    found[own[name].data_ptr()] = name
                    _require_equal(own[name], file.get_tensor(key), name, path)
    except SafetensorError as error:
        raise BadCheckpoint(f"{path} is damaged ({error}); {AGAIN}") from error
    missing = [name for pointer, name in pointers.items() if pointer not in found and own[name].numel()]
    if missing:
        raise BadCheckpoint(
            f"{path} holds no weights for {len(missing)} of the policy's {len(pointers)} tensors "
            f"(first: {missing[0]}), so they would be random; {AGAIN}"
        )


def _require_equal(own: torch.Tensor, stored: torch.Tensor, name: str, path: Path) -> None:
    if own.shape != stored.shape or not torch.equal(own.cpu(), stored.to(own.dtype)):
        raise BadCheckpoint(f"{path} was read, but the policy's {name} is not what it holds; {AGAIN}")
    if own.is_floating_point() and not torch.isfinite(own).all():
        raise BadCheckpoint(f"{path} holds numbers that are not finite in {name}; {AGAIN}")


@contextmanager
def _quiet() -> Iterator[None]:
    """LeRobot prints while it loads; what is wrong is said by hiwm in one line."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
            yield
    finally:
        logging.disable(before)


def _short(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
