"""Trust: it falls with what predicts error, is fitted on real rollouts, and travels with the world."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from hiwm.data.windows import Windows
from hiwm.errors import BadCheckpoint
from hiwm.worldmodel.checkpoint import load_world, save_world
from hiwm.worldmodel.training import Clock
from hiwm.worldmodel.trust import Trace, Trust, apart, fitted
from hiwm.worldmodel.trust_training import TrustTraining, fit_trust
from tests.worldmodel.conftest import MakeTrainer


def test_the_regression_finds_probabilities_that_are_known() -> None:
    rng = np.random.default_rng(0)
    numbers = rng.normal(size=(20_000, 3)) * [1, 10, 0.1] + [0, 5, 2]
    chance = 1 / (1 + np.exp(-(numbers @ [1.0, -0.2, 5.0] - 9.0)))
    weights, bias = fitted(numbers, (rng.random(len(numbers)) < chance).astype(np.float64), ridge=1e-6)
    told = 1 / (1 + np.exp(-(numbers @ weights + bias)))
    assert np.abs(told - chance).mean() < 0.02


def test_points_that_stay_do_not_hide_an_object_that_is_off() -> None:
    one = torch.zeros(1, 22)
    other = one.clone()
    other[0, :6] = 0.2  # three of ten points, by 0.1 of the picture in x and y; features do not count
    other[0, 20:] = 9.0
    assert apart(one, other, 10).item() == pytest.approx(0.1 * 2**0.5, rel=1e-4)


def test_trust_falls_with_doubt() -> None:
    trust = Trust((-0.1, -1.0, -1.0, -0.5, -0.1), 3.0)
    sure = unsure = Trace(0.01)
    for _ in range(10):
        sure, unsure = sure.after(0.0001, 0.001), unsure.after(0.02, 0.001)
    assert trust.read(unsure) < trust.read(sure) < trust.read(Trace(0.0)) < 1


def test_it_is_fitted_on_rollouts_and_travels_with_the_world(
    make_trainer: MakeTrainer, windows: Windows, tmp_path: Path
) -> None:
    make_trainer(tmp_path).train(Clock(600, 600, 600, steps=8), lambda line: None, lambda *scalar: None)
    trust = fit_trust(load_world(tmp_path), windows, TrustTraining(starts=4, steps=6))
    assert 0 < trust.about["n"] <= 4 * 6
    assert 0 <= trust.about["right"] <= 1
    save_world(tmp_path, dataclasses.replace(load_world(tmp_path), trust=trust))
    assert load_world(tmp_path).trust == trust
    text = (tmp_path / "world.json").read_text().replace('"bias"', '"bais"')
    (tmp_path / "world.json").write_text(text)
    with pytest.raises(BadCheckpoint, match="does not describe a world"):
        load_world(tmp_path)
