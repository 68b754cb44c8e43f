"""Training by the clock: it learns, is watched, resumes, and says what is wrong."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from hiwm.data.windows import Windows
from hiwm.errors import BadCheckpoint, BadDataset, BadInput, StageFailed
from hiwm.worldmodel.checkpoint import load_world
from hiwm.worldmodel.training import Clock, WorldTrainer
from tests.worldmodel.conftest import SHORT, TINY, MakeTrainer


def _train(trainer: WorldTrainer, seconds: float) -> list[str]:
    said: list[str] = []
    trainer.train(Clock(seconds, watch_s=seconds, save_s=seconds), said.append, lambda name, value, step: None)
    return said


def test_training_stops_by_the_clock_and_leaves_a_world(make_trainer: MakeTrainer, tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path)
    said = _train(trainer, 4)
    assert trainer.progress.step > 0
    assert trainer.progress.spent_s >= 4
    assert "PSNR where things move" in said[-1]
    assert list((tmp_path / "rollouts").glob("*.png"))
    world = load_world(tmp_path)
    assert world.about["steps"] <= trainer.progress.step
    assert world.spec.cameras[0].height == 32


def test_the_loss_falls(make_trainer: MakeTrainer, tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path)
    losses: list[float] = []

    def note(name: str, value: float, step: int) -> None:
        if name in ("teacher", "own"):
            losses.append(value)

    trainer.train(Clock(600, 600, 600, steps=240), lambda line: None, note)
    assert trainer.progress.step == 240
    assert np.mean(losses[-6:]) < 0.8 * np.mean(losses[:6])


def test_it_resumes_with_everything(make_trainer: MakeTrainer, tmp_path: Path) -> None:
    first = make_trainer(tmp_path)
    _train(first, 2)
    second = make_trainer(tmp_path)
    second.resume()
    assert second.progress == first.progress
    for name in ("net", "average", "critic"):
        pairs = zip(first._modules()[name].state_dict().values(), second._modules()[name].state_dict().values(),
                    strict=True)  # fmt: skip
        assert all(torch.equal(a, b) for a, b in pairs)
    moments = second.optimiser.state_dict()["state"][0]
    assert torch.equal(moments["exp_avg"], first.optimiser.state_dict()["state"][0]["exp_avg"])
    _train(second, 3)
    assert second.progress.step > first.progress.step


def test_another_recipe_does_not_resume(windows: Windows, make_trainer: MakeTrainer, tmp_path: Path) -> None:
    _train(make_trainer(tmp_path), 1)
    other = dataclasses.replace(SHORT, learning_rate=1e-5)
    with pytest.raises(BadInput, match="another recipe"):
        WorldTrainer(windows, TINY, other, tmp_path, torch.device("cpu")).resume()


def test_a_broken_resume_file_is_a_clear_error(make_trainer: MakeTrainer, tmp_path: Path) -> None:
    _train(make_trainer(tmp_path), 1)
    (tmp_path / "resume.safetensors").write_bytes(b"not tensors")
    with pytest.raises(BadCheckpoint, match="cannot be resumed from"):
        make_trainer(tmp_path).resume()


def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_world(make_trainer: MakeTrainer, tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path)
    _train(trainer, 1)
    kept = (tmp_path / "world.safetensors").read_bytes()
    with torch.no_grad():
        trainer.net.picture.enter.weight[0, 0, 0, 0] = float("nan")
    with pytest.raises(StageFailed, match="not finite"):
        _train(trainer, 5)
    assert (tmp_path / "world.safetensors").read_bytes() == kept
    load_world(tmp_path)


def test_too_short_episodes_are_named(windows: Windows, tmp_path: Path) -> None:
    long = dataclasses.replace(SHORT, watch_steps=500)
    with pytest.raises(BadDataset, match="longer than 501 frames"):
        WorldTrainer(windows, TINY, long, tmp_path, torch.device("cpu"))
