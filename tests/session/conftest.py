"""Sessions of tests lie in memory where that can be had: what is tested is the same, and syncing waits for no disk."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

MEMORY = Path("/dev/shm")


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A folder of the test's own."""
    in_memory = MEMORY.is_dir() and os.access(MEMORY, os.W_OK)
    with TemporaryDirectory(prefix="hiwm-", dir=MEMORY if in_memory else None) as folder:
        yield Path(folder)
