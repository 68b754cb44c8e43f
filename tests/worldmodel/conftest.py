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

TINY = NetworkConfig(
    points=4, features=4, read_widths=(16, 16, 16), paint_widths=(16, 16, 16), paint_blocks=(1, 1, 1), robot_points=2,
    embed=32, motion_width=32, motion_blocks=1,
)  # fmt: skip
SHORT = TrainingConfig(learning_rate=2e-3, batch=4, crop=16, own_steps=2, motion_batch=8, watch_steps=8)

type MakeTrainer = Callable[[Path], WorldTrainer]


@pytest.fixture(scope="session")
def windows(tmp_path_factory: pytest.TempPathFactory) -> Windows:
    folder = tmp_path_factory.mktemp("toy") / "dataset"
    toy_dataset(folder, each=3)
    offsets = Offsets.span(TINY.past - 1, 0)
    return open_windows(open_source(folder), offsets, (32, 32), show=False)


@pytest.fixture(scope="session")
def make_trainer(windows: Windows) -> MakeTrainer:
    return lambda folder: WorldTrainer(windows, TINY, SHORT, folder, torch.device("cpu"))
