"""One dataset, one estimator and one policy for all tests of a process."""

from __future__ import annotations

from pathlib import Path

import pytest

from hiwm.data.source import Source
from tests.policies.made import diffusion, dot_estimator, dot_source, saved


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    """A dataset of the toy."""
    return dot_source(tmp_path_factory.mktemp("dot") / "dataset")


@pytest.fixture(scope="session")
def estimator(source: Source, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An estimator's folder."""
    return dot_estimator(source, tmp_path_factory.mktemp("estimator") / "dot")


@pytest.fixture(scope="session")
def policy(source: Source, estimator: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A diffusion policy's folder."""
    return saved(tmp_path_factory.mktemp("policy") / "diffusion", diffusion(source, estimator), source)
