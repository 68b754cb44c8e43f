"""What holds for every test: its own folders, no network, no display, one thread per process, fixed seeds."""

from __future__ import annotations

import os
import random
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from hiwm.sims.rendering import choose_renderer

_TEMPORARY = pytest.StashKey[str]()


def pytest_configure(config: pytest.Config) -> None:
    """Sets the environment before any test module imports a library that reads it; each xdist worker gets its own."""
    home = tempfile.mkdtemp(prefix="hiwm-tests-")
    config.stash[_TEMPORARY] = home
    for name in ("HF_LEROBOT_HOME", "HF_HUB_CACHE", "HF_DATASETS_CACHE"):
        os.environ.pop(name, None)
    os.environ.update(
        HF_HOME=f"{home}/huggingface",
        HF_HUB_OFFLINE="1",
        TQDM_DISABLE="1",
        HIWM_HOME=f"{home}/hiwm",
        MPLCONFIGDIR=f"{home}/matplotlib",
        MPLBACKEND="Agg",
        SDL_VIDEODRIVER="dummy",
        SDL_AUDIODRIVER="dummy",
        PYGAME_HIDE_SUPPORT_PROMPT="1",
        CUDA_VISIBLE_DEVICES="",
    )
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"
    choose_renderer()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Removes the folders of this process."""
    shutil.rmtree(config.stash[_TEMPORARY], ignore_errors=True)


@pytest.fixture(autouse=True)
def _seeds() -> None:
    """Global generators start the same in every test, whatever ran before; hiwm itself never uses them."""
    random.seed(0)
    np.random.seed(0)
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.manual_seed(0)


@pytest.fixture
def hiwm_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty `$HIWM_HOME` for one test."""
    home = tmp_path / "hiwm"
    monkeypatch.setenv("HIWM_HOME", str(home))
    return home
