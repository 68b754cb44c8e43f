"""A policy learns, is saved as it learns, and a training goes on where it was."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from hiwm.data.source import Source
from hiwm.errors import BadCheckpoint, BadInput, StageFailed
from hiwm.policies.checkpoint import Checkpoint, load_checkpoint
from hiwm.posttrain.examples import open_examples
from hiwm.posttrain.mixture import Mixture, plain_mixture
from hiwm.posttrain.training import Budget, PolicyTrainer, PolicyTraining
from tests.policies.made import diffusion

TRAINING = PolicyTraining(batch=16, learning_rate=3e-3, warm_up=5, average=0.9)


@pytest.fixture(scope="module")
def mixture(source: Source, estimator: Path) -> Mixture:
    torch.set_num_threads(1)
    fresh = diffusion(source, estimator)
    return plain_mixture(open_examples(source, fresh.config, fresh.eye))


@pytest.fixture
def fresh(source: Source, estimator: Path) -> Checkpoint:
    torch.manual_seed(0)
    about = {"format": 1, "spec": source.spec.to_json(), "recipe": {"policy": "diffusion"}}
    return dataclasses.replace(diffusion(source, estimator), about=about)


def _trained(trainer: PolicyTrainer, steps: int) -> list[str]:
    said: list[str] = []
    trainer.train(Budget(steps=steps, save_s=1e9, watch_s=1e9), said.append, lambda name, value, step: None)
    return said


def _held(line: str) -> float:
    return float(line.split("held out ")[1])


def test_it_learns_and_saves_a_policy(fresh: Checkpoint, mixture: Mixture, tmp_path: Path) -> None:
    trainer = PolicyTrainer(fresh, mixture, TRAINING, tmp_path / "policy")
    with torch.no_grad():
        before = float(trainer._loss(trainer.kept, dict(mixture.held["held out"]), 1.0))
    [line] = _trained(trainer, 60)
    assert _held(line) < 0.9 * before
    saved = load_checkpoint(tmp_path / "policy")
    assert saved.about["steps"] == 60
    for name, tensor in saved.policy.state_dict().items():
        assert torch.equal(tensor, fresh.policy.state_dict()[name])


def test_a_training_goes_on_where_it_was(fresh: Checkpoint, mixture: Mixture, tmp_path: Path) -> None:
    first = PolicyTrainer(fresh, mixture, TRAINING, tmp_path / "policy")
    assert not first.resume()
    _trained(first, 10)
    second = PolicyTrainer(load_checkpoint(tmp_path / "policy"), mixture, TRAINING, tmp_path / "policy")
    assert second.resume()
    assert second.progress.step == 10
    for one, two in zip(first.net.parameters(), second.net.parameters(), strict=True):
        assert torch.equal(one, two)
    moments = [t.optimiser.state_dict()["state"][0]["exp_avg"] for t in (first, second)]
    assert torch.equal(*moments)
    _trained(second, 12)
    assert load_checkpoint(tmp_path / "policy").about["steps"] == 12


def test_another_recipe_is_not_gone_on_with(fresh: Checkpoint, mixture: Mixture, tmp_path: Path) -> None:
    _trained(PolicyTrainer(fresh, mixture, TRAINING, tmp_path / "policy"), 1)
    other = dataclasses.replace(fresh, about=fresh.about | {"recipe": {"policy": "act"}})
    with pytest.raises(BadInput, match="another recipe or dataset"):
        PolicyTrainer(other, mixture, TRAINING, tmp_path / "policy").resume()


def test_a_damaged_place_is_one_line(fresh: Checkpoint, mixture: Mixture, tmp_path: Path) -> None:
    _trained(PolicyTrainer(fresh, mixture, TRAINING, tmp_path / "policy"), 1)
    (tmp_path / "policy" / "training" / "state.safetensors").write_bytes(b"cut")
    with pytest.raises(BadCheckpoint, match="cannot be resumed from"):
        PolicyTrainer(fresh, mixture, TRAINING, tmp_path / "policy").resume()


def test_a_loss_that_is_not_finite_ends_it(fresh: Checkpoint, mixture: Mixture, tmp_path: Path) -> None:
    wild = dataclasses.replace(TRAINING, noise=float("nan"))
    with pytest.raises(StageFailed, match="the loss is not finite at step 2"):
        _trained(PolicyTrainer(fresh, mixture, wild, tmp_path / "policy"), 2)


@pytest.mark.parametrize(("train_s", "steps"), [(None, None), (0.0, None), (60.0, -1)])
def test_no_budget_is_refused(train_s: float | None, steps: int | None) -> None:
    with pytest.raises(BadInput, match="expected --minutes or --steps above 0"):
        Budget(train_s, steps)
