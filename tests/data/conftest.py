"""Datasets that several tests of this folder look at."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.data.foreign_dataset import make_foreign


@pytest.fixture(scope="session")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset by others; not to be changed."""
    return make_foreign(tmp_path_factory.mktemp("foreign") / "cubes")


@pytest.fixture(scope="session")
def foreign_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with one data file and one video file per episode; not to be changed."""
    return make_foreign(tmp_path_factory.mktemp("foreign") / "cubes", small_files=True)


@pytest.fixture
def foreign_copy(foreign_files: Path, tmp_path: Path) -> Path:
    """A copy with one file per episode that a test may damage."""
    return Path(shutil.copytree(foreign_files, tmp_path / "cubes"))
