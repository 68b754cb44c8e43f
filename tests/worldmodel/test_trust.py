"""Trust: it falls with what predicts error, is fitted on real rollouts, and travels with the world."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from hiwm.data.windows import Windows
from hiwm.errors import BadCheckpoint
from hiwm.worldmodel.checkpoint import load_world, save_world
from hiwm.worldmodel.training import Clock
from hiwm.worldmodel.trust import Trace, Trust, fitted
from hiwm.worldmodel.trust_training import TrustTraining, fit_trust
from tests.worldmodel.conftest import MakeTrainer


def test_the_regression_finds_probabilities_that_are_known() -> None:
    rng = np.random.default_rng(0)
    numbers = rng.normal(size=(20_000, 3)) * [1, 10, 0.1] + [0, 5, 2]
    chance = 1 / (1 + np.exp(-(numbers @ [1.0, -0.2, 5.0] - 9.0)))
    weights, bias = fitted(numbers, (rng.random(len(numbers)) < chance).astype(np.float64), ridge=1e-6)
    told = 1 / (1 + np.exp(-(numbers @ weights + bias)))
    assert np.abs(told - chance).mean() < 0.02


def test_trust_falls_with_gaps_and_with_unlike_pictures() -> None:
    trust = Trust((-1.0, -1.0, -1.0, -0.1, 1.0), -8.0)
    sure = unsure = Trace(0.01)
    for _ in range(10):
        sure, unsure = sure.after(0.01), unsure.after(0.2)
    assert unsure.steps == 10
    assert unsure.gaps == pytest.approx(2.0)
    assert trust.read(unsure, 0.5) < trust.read(sure, 0.5)
    assert trust.read(Trace(0.5), 0.5) < trust.read(Trace(0.01), 0.5) < 1
    assert trust.read(sure, None) == trust.read(sure, 0.0)


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
