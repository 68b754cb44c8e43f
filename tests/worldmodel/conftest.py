"""A small dataset of the toy robot, and a world trained on it for a moment."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from hiwm.data.source import open_source
from hiwm.data.windows import Offsets, Windows, open_windows
from hiwm.worldmodel.config import NetworkConfig, TrainingConfig
from hiwm.worldmodel.training import WorldTrainer
from tests.fakes import toy_dataset

TINY = NetworkConfig(widths=(16, 16, 16), blocks=(1, 1, 1), embed=32, points=2)
SHORT = TrainingConfig(batch=4, crop=16, own_steps=2, watch_steps=8, critic=0.01)

type MakeTrainer = Callable[[Path], WorldTrainer]


@pytest.fixture(scope="session")
def windows(tmp_path_factory: pytest.TempPathFactory) -> Windows:
    folder = tmp_path_factory.mktemp("toy") / "dataset"
    toy_dataset(folder, each=3)
    offsets = Offsets.span(TINY.past - 1, SHORT.own_steps + 1)
    return open_windows(open_source(folder), offsets, (32, 32), show=False)


@pytest.fixture(scope="session")
def make_trainer(windows: Windows) -> MakeTrainer:
    return lambda folder: WorldTrainer(windows, TINY, SHORT, folder, torch.device("cpu"))
