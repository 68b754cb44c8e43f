"""The toy server as a process, and the size of the gates."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server.processes import Forker, ToyServer


@pytest.fixture(scope="session")
def forker() -> Iterator[Forker]:
    """Forks servers."""
    process = Forker()
    yield process
    process.close()


@pytest.fixture
def server(forker: Forker, tmp_path: Path) -> Iterator[ToyServer]:
    """A server of its own for each test."""
    made = ToyServer(forker, tmp_path / "console")
    yield made
    made.close()
