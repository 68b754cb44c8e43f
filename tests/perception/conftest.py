"""A dataset of a toy whose dot is the object, and an estimator that learned to read it."""

from __future__ import annotations

import pytest
import torch

from hiwm.data.source import open_source
from hiwm.data.windows import Offsets, Windows, open_windows
from hiwm.perception.estimator import Estimator
from hiwm.perception.network import EstimatorConfig
from hiwm.perception.training import EstimatorTraining, train_estimator
from tests.dot_world import dot_dataset

TINY = EstimatorConfig(widths=(16, 32, 32), points=8, hidden=64)
SHORT = EstimatorTraining(steps=250)


@pytest.fixture(scope="session")
def windows(tmp_path_factory: pytest.TempPathFactory) -> Windows:
    folder = tmp_path_factory.mktemp("dot") / "dataset"
    dot_dataset(folder, each=8)
    return open_windows(open_source(folder), Offsets(), show=False)


@pytest.fixture(scope="session")
def estimator(windows: Windows) -> Estimator:
    torch.set_num_threads(1)
    return train_estimator(windows, TINY, SHORT, 600, lambda share, said: None)
