"""Sessions opened to be read only, by any program: what is not known there stays sealed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hiwm.session.file import SessionFile
from hiwm.session.session import Session


@contextmanager
def opened(path: Path) -> Iterator[Session]:
    """A session that is only read."""
    session = Session(SessionFile.open(path, read_only=True, sealed=True), cache_bytes=0)
    try:
        yield session
    finally:
        session.close()
