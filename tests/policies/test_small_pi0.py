"""LeRobot's PI0Policy in a small size: it learns, is saved and comes back without anybody knowing its size."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch
from lerobot.policies.pi0.modeling_pi0 import PI0Policy, get_gemma_config

from hiwm.data.source import Source
from hiwm.errors import BadCheckpoint
from hiwm.policies.adapter import LeRobotPolicy
from hiwm.policies.checkpoint import Checkpoint, load_checkpoint
from hiwm.policies.eye import open_eye
from hiwm.policies.small_pi0 import MARKER, TOKENIZER
from hiwm.posttrain.examples import open_examples
from hiwm.posttrain.fresh import fresh_policy
from hiwm.posttrain.padding import loss_that_counts
from tests.dot_world import DOT_SPEC
from tests.policies.made import saved, seen

FEW = {"chunk_size": 4, "n_action_steps": 4, "num_inference_steps": 2}


@pytest.fixture(scope="module")
def made(source: Source, estimator: Path) -> Checkpoint:
    torch.set_num_threads(1)
    return fresh_policy("pi0", source, open_eye(estimator, state_numbers=3, keep=True), FEW)


@pytest.fixture(scope="module")
def folder(made: Checkpoint, source: Source, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved(tmp_path_factory.mktemp("pi0") / "policy", made, source)


def test_it_is_lerobots_class_and_small(made: Checkpoint) -> None:
    assert type(made.policy) is PI0Policy
    assert sum(p.numel() for p in made.policy.parameters()) < 3_000_000
    assert get_gemma_config("gemma_2b").width == 2048  # nothing stays replaced


def test_it_learns(made: Checkpoint, source: Source) -> None:
    examples = open_examples(source, made.config, made.eye)
    policy = made.policy.train()
    optimiser = torch.optim.AdamW(policy.parameters(), 1e-3)
    batch = made.pre(examples.batch(np.arange(8)))
    losses = []
    for _ in range(6):
        torch.manual_seed(0)
        loss, _ = policy(batch)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]


def test_only_actions_that_count_are_learned_from(made: Checkpoint, source: Source) -> None:
    """LeRobot's own loss takes no notice of the mask."""
    examples = open_examples(source, made.config, made.eye)
    batch = made.pre(examples.batch(np.arange(8)))
    is_pad = torch.zeros_like(batch["action_is_pad"])
    is_pad[:, 2:] = True
    every: list[torch.Tensor] = []
    model: Any = made.policy.model
    forward = model.forward

    def seen_losses(*args: Any, **kwargs: Any) -> torch.Tensor:
        every.append(forward(*args, **kwargs))
        return every[-1]

    def loss(mask: torch.Tensor) -> float:
        torch.manual_seed(0)
        return loss_that_counts(made.policy, batch | {"action_is_pad": mask}).item()

    with mock.patch.object(model, "forward", seen_losses):
        whole, part = loss(torch.zeros_like(is_pad)), loss(is_pad)
    numbers = batch["action"].shape[-1]
    assert whole == pytest.approx(every[0][..., :numbers].mean().item())
    assert part == pytest.approx(every[1][:, :2, :numbers].mean().item())
    assert part != pytest.approx(whole)
    assert model.forward == forward  # nothing stays replaced


def test_it_comes_back_the_same_from_its_own_folder(made: Checkpoint, folder: Path) -> None:
    assert (folder / MARKER).is_file()
    assert (folder / TOKENIZER / "tokenizer.json").is_file()
    loaded = load_checkpoint(folder)
    before = LeRobotPolicy(Checkpoint(made.policy.eval(), made.pre, made.post, {}, made.small), DOT_SPEC, "go")
    after = LeRobotPolicy(loaded, DOT_SPEC, "go")
    _, one = before.act(before.start([1, 2]), [seen(0), seen(1)])
    _, two = after.act(after.start([1, 2]), [seen(0), seen(1)])
    np.testing.assert_allclose(one, two, atol=1e-5)
    assert one[0].shape == (2,)


def test_a_batch_plans_what_each_would_plan_alone(folder: Path) -> None:
    policy = LeRobotPolicy(load_checkpoint(folder), DOT_SPEC, "go")
    _, together = policy.act(policy.start([1, 2]), [seen(0), seen(1)])
    _, [alone] = policy.act(policy.start([2]), [seen(1)])
    np.testing.assert_allclose(together[1], alone, atol=1e-5)


def test_a_broken_marker_is_one_line(folder: Path, tmp_path: Path) -> None:
    import shutil

    broken = tmp_path / "broken"
    shutil.copytree(folder, broken)
    (broken / MARKER).write_text(json.dumps({"length": 3}))
    with pytest.raises(BadCheckpoint, match="does not say the sizes of a small pi0"):
        load_checkpoint(broken)


def test_missing_weights_are_not_random_ones(folder: Path, tmp_path: Path) -> None:
    import shutil

    from safetensors.torch import load_file, save_file

    broken = tmp_path / "broken"
    shutil.copytree(folder, broken)
    weights = load_file(broken / "model.safetensors")
    save_file(
        {name: tensor for name, tensor in weights.items() if "action_out_proj" not in name},
        broken / "model.safetensors",
    )
    with pytest.raises(BadCheckpoint):
        load_checkpoint(broken)
