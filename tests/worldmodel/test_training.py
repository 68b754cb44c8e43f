"""Training by the clock: it learns, is watched, resumes, and says what is wrong."""

from __future__ import annotations

import copy
import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from hiwm.data.windows import Windows
from hiwm.errors import BadCheckpoint, BadDataset, BadInput, StageFailed
from hiwm.worldmodel.checkpoint import load_world
from hiwm.worldmodel.motions import HARD_SHARE, motion_loss
from hiwm.worldmodel.net import WorldNet
from hiwm.worldmodel.network import make_silent
from hiwm.worldmodel.pictures import noisy_codes, picture_loss
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


def test_both_losses_fall(windows: Windows, tmp_path: Path) -> None:
    """On the same frames and with the same noise before and after; untrained, every code stands still."""
    halves = dataclasses.replace(SHORT, motion_share=0.5, polish_share=0.0)
    trainer = WorldTrainer(windows, TINY, halves, tmp_path, torch.device("cpu"))
    shots = trainer.shots(np.arange(0, len(trainer.windows), 7))

    def painted() -> float:
        with torch.no_grad():
            draw = torch.Generator().manual_seed(0)
            codes = noisy_codes(trainer.net, shots, SHORT, draw)
            return float(picture_loss(trainer.net, codes, shots, None, SHORT, draw))

    before = painted()
    trainer.train(Clock(600, 600, 600, steps=600), lambda line: None, lambda *scalar: None)
    assert trainer.progress.step == 600
    assert painted() < 0.85 * before
    track = trainer.track
    assert track is not None

    def moved(net: WorldNet) -> float:
        with torch.no_grad():
            return float(motion_loss(net, track, track.starts, SHORT, torch.Generator().manual_seed(0))[0])

    still = copy.deepcopy(trainer.net)
    make_silent(still.motion.last)
    assert moved(trainer.net) < 0.9 * moved(still)


def test_rollouts_that_were_far_off_are_drawn_more_often(make_trainer: MakeTrainer, tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path)
    track, rng = trainer._read_track(), np.random.default_rng(0)
    hard, easy = track.starts[:20], track.starts[20:]
    track.found(easy, torch.full((len(easy),), 0.001))
    track.found(hard, torch.full((len(hard),), 0.003))
    share = np.isin(track.draw(4000, rng), hard).mean()
    evenly, by_hardness = 20 / len(track.starts), 20 * 3 / (20 * 3 + len(easy))
    assert share == pytest.approx((1 - HARD_SHARE) * evenly + HARD_SHARE * by_hardness, abs=0.04)
    track.found(track.starts, torch.full((len(track.starts),), 0.001))
    track.found(track.starts[:1], torch.tensor([1e6]))
    assert np.isin(track.draw(4000, rng), track.starts[:1]).mean() < 0.1


def test_it_resumes_with_everything(make_trainer: MakeTrainer, tmp_path: Path) -> None:
    first = make_trainer(tmp_path)
    _train(first, 2)
    second = make_trainer(tmp_path)
    second.resume()
    assert second.progress == first.progress
    for name in ("net", "average"):
        pairs = zip(first._modules()[name].state_dict().values(), second._modules()[name].state_dict().values(),
                    strict=True)  # fmt: skip
        assert all(torch.equal(a, b) for a, b in pairs)
    for name, optimiser in first._optimisers().items():
        again = second._optimisers()[name].state_dict()["state"]
        assert optimiser.state_dict()["state"].keys() == again.keys()
        assert all(
            torch.equal(value, again[k][key])
            for k, state in optimiser.state_dict()["state"].items() for key, value in state.items()
        )  # fmt: skip
    _train(second, first.progress.spent_s + 1)
    assert second.progress.step > first.progress.step


def test_codes_are_read_once_and_anew_when_pictures_are_learned_again(
    make_trainer: MakeTrainer, tmp_path: Path
) -> None:
    clock = Clock(600, 600, 600, steps=8)
    first = make_trainer(tmp_path)
    first.train(clock, lambda line: None, lambda *scalar: None)
    assert first.progress.read
    path = tmp_path / "codes.safetensors"
    written = path.stat().st_mtime_ns
    second = make_trainer(tmp_path)
    second.resume()
    second.train(dataclasses.replace(clock, steps=9), lambda line: None, lambda *scalar: None)  # only polishing is left
    assert path.stat().st_mtime_ns == written
    third = make_trainer(tmp_path)
    third.resume()
    third.train(dataclasses.replace(clock, steps=30), lambda line: None, lambda *scalar: None)
    assert path.stat().st_mtime_ns > written


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
        trainer.net.painter.enter.weight[0, 0, 0, 0] = float("nan")
    with pytest.raises(StageFailed, match="not finite"):
        _train(trainer, 5)
    assert (tmp_path / "world.safetensors").read_bytes() == kept
    load_world(tmp_path)


def test_too_short_episodes_are_named(windows: Windows, tmp_path: Path) -> None:
    long = dataclasses.replace(SHORT, watch_steps=500)
    with pytest.raises(BadDataset, match="longer than 501 frames"):
        WorldTrainer(windows, TINY, long, tmp_path, torch.device("cpu"))
