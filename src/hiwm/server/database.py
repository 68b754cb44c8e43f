"""`server.db`: people, cookies, leases, the inbox and key maps; one writing connection, every change synced."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hiwm.errors import BadInput, OutOfSpace
from hiwm.session.place import require_local

FORMAT = 1
SCHEMA = """
CREATE TABLE people (name TEXT PRIMARY KEY, role TEXT NOT NULL, token BLOB UNIQUE, expires REAL NOT NULL) STRICT;
CREATE TABLE cookies (cookie BLOB PRIMARY KEY, name TEXT NOT NULL, role TEXT NOT NULL, seat TEXT, expires REAL NOT NULL)
  STRICT;
CREATE TABLE leases (session TEXT PRIMARY KEY, holder TEXT NOT NULL, user TEXT NOT NULL, epoch INTEGER NOT NULL,
  expires REAL NOT NULL) STRICT;
CREATE TABLE inbox (session TEXT NOT NULL, node INTEGER NOT NULL, why TEXT NOT NULL, score REAL NOT NULL,
  thumbnails TEXT NOT NULL, holder TEXT, until REAL NOT NULL DEFAULT 0, reviews INTEGER NOT NULL DEFAULT 0,
  open INTEGER NOT NULL DEFAULT 1, reviewers TEXT NOT NULL DEFAULT '[]', skipped TEXT NOT NULL DEFAULT '[]',
  PRIMARY KEY (session, node)) STRICT;
CREATE TABLE keys (name TEXT PRIMARY KEY, keys TEXT NOT NULL) STRICT;
"""


class Database:
    """The file. May be used from several threads; one transaction at a time."""

    def __init__(self, path: Path) -> None:
        require_local(path)
        self.path = path
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        self._prepare()

    def read(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        with self._lock:
            return self._connection.execute(sql, values).fetchall()

    def change(self, sql: str, values: Sequence[Any] = ()) -> int:
        """One change in a transaction of its own, synced when this returns; how many rows it met."""
        with self.transaction() as connection:
            return connection.execute(sql, values).rowcount

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Several changes, all or none; raises OutOfSpace where the disk refuses."""
        with self._lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                yield self._connection
                self._connection.execute("COMMIT")
            except sqlite3.OperationalError as error:
                raise OutOfSpace(
                    f"{self.path} cannot be written ({error}); nothing was changed, free some space and try again"
                ) from error
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    def close(self) -> None:
        """Closes the file."""
        with self._lock:
            self._connection.close()

    def _prepare(self) -> None:
        [(found,)] = self._connection.execute("PRAGMA user_version").fetchall()
        if found == 0:
            self._connection.executescript(f"BEGIN; {SCHEMA} PRAGMA user_version={FORMAT}; COMMIT;")
        elif found != FORMAT:
            self._connection.close()
            raise BadInput(f"{self.path} has format {found}, this hiwm reads {FORMAT}; move it away, or use its hiwm")
