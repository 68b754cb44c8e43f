"""A copy of a session, whole even while somebody writes to the original."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from hiwm.errors import BadInput
from hiwm.session.place import require_local, sync_folder
from hiwm.session.schema import clear_errors, connect


def copy_session(source: Path, target: Path) -> None:
    """Copies a session file as it is now; raises BadInput where the target exists, BadSession as opening does."""
    require_local(target)
    if target.exists():
        raise BadInput(f"{target} exists; give the copy another name")
    beside = target.with_name(target.name + ".tmp")
    beside.unlink(missing_ok=True)
    with (
        closing(connect(source, read_only=True)) as original,
        clear_errors(target),
        closing(sqlite3.connect(beside, isolation_level=None)) as copy,
    ):
        original.backup(copy)
    beside.rename(target)
    sync_folder(target.parent)
