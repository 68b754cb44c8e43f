"""The tables of a session file, and the only way in which one is opened: foreign and hostile files are refused."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from hiwm.errors import BadInput, BadSession, OutOfSpace

FORMAT = 1
"""Number of the format, SQLite's user_version; a file of another one is refused."""
APPLICATION = int.from_bytes(b"hiwm")
SQLITE_VERSION = sqlite3.sqlite_version
"""Before 3.51.3 two connections that write or checkpoint can corrupt a file; a session only ever has one."""

TABLES = {
    "about": "CREATE TABLE about (text TEXT NOT NULL) STRICT",
    "nodes": """CREATE TABLE nodes (id INTEGER PRIMARY KEY, parent INTEGER, step INTEGER NOT NULL, driver TEXT,
        action BLOB, progress REAL, success INTEGER, trust REAL, time REAL NOT NULL, operator TEXT NOT NULL,
        device TEXT NOT NULL, client TEXT NOT NULL, seq INTEGER, takeover INTEGER, key INTEGER, hash BLOB NOT NULL)
        STRICT""",
    "node_values": "CREATE TABLE node_values (node INTEGER PRIMARY KEY, value BLOB NOT NULL) STRICT",
    "events": """CREATE TABLE events (id INTEGER PRIMARY KEY, after INTEGER NOT NULL, kind TEXT NOT NULL,
        time REAL NOT NULL, node INTEGER, operator TEXT NOT NULL, client TEXT NOT NULL, seq INTEGER,
        data TEXT NOT NULL, hash BLOB NOT NULL) STRICT""",
    "node_messages": "CREATE UNIQUE INDEX node_messages ON nodes (client, seq) WHERE seq IS NOT NULL",
    "event_messages": "CREATE UNIQUE INDEX event_messages ON events (client, seq) WHERE seq IS NOT NULL",
}
_FAILING = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)


def build(path: Path, about: str) -> None:
    """Writes an empty session file, whole and synced."""
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.executescript(f"PRAGMA synchronous=FULL; PRAGMA page_size=8192; PRAGMA application_id={APPLICATION};")
        database.execute("BEGIN")
        for table in TABLES.values():
            database.execute(table)
        database.execute("INSERT INTO about VALUES (?)", (about,))
        database.execute(f"PRAGMA user_version={FORMAT}")
        database.execute("COMMIT")


def connect(path: Path, read_only: bool) -> sqlite3.Connection:
    """Opens and checks a session file; raises BadInput or BadSession."""
    if not path.is_file():
        raise BadInput(f"expected a session file, {path} is none; hiwm rollout writes them")
    address = f"{path.resolve().as_uri()}?mode={'ro' if read_only else 'rw'}"
    with clear_errors(path):
        database = sqlite3.connect(address, uri=True, isolation_level=None, check_same_thread=False)
    try:
        with clear_errors(path):
            _prepare(database, path, read_only)
    except BaseException:
        database.close()
        raise
    return database


def leave_one_file(database: sqlite3.Connection) -> None:
    """Before a writer closes: takes the journal in, so that the session is one file that can be copied and only read.

    Where others still read, or the disk is full, the journal stays beside it, and is as good.
    """
    with suppress(sqlite3.Error):
        database.execute("PRAGMA busy_timeout=100")
        database.execute("PRAGMA journal_mode=DELETE")


def _prepare(database: sqlite3.Connection, path: Path, read_only: bool) -> None:
    database.execute("PRAGMA trusted_schema=OFF")
    database.execute("PRAGMA cell_size_check=ON")
    if database.execute("PRAGMA application_id").fetchone()[0] != APPLICATION:
        raise BadSession(f"{path} is not a session file of hiwm; hiwm rollout writes them")
    found = database.execute("PRAGMA user_version").fetchone()[0]
    if found != FORMAT:
        raise BadSession(f"{path} has format {found}, this hiwm reads {FORMAT}; use the hiwm that wrote it")
    if dict(database.execute("SELECT name, sql FROM sqlite_master")) != TABLES:
        raise BadSession(f"{path} has other tables than a session; it was changed by something else")
    if read_only:
        database.execute("PRAGMA wal_autocheckpoint=0")
        database.execute("PRAGMA query_only=ON")
    else:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=FULL")


@contextmanager
def clear_errors(path: Path) -> Iterator[None]:
    """Turns SQLite's errors into one line: OutOfSpace for a full or failing disk, BadSession for the rest."""
    try:
        yield
    except sqlite3.Error as error:
        if (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF in _FAILING:
            raise OutOfSpace(
                f"the disk under {path} is full or fails ({error}); what was saved is kept: free some space and go on"
            ) from error
        raise BadSession(f"{path} cannot be used as a session ({error}); take a copy that is whole") from error
    except (UnicodeError, OverflowError) as error:
        raise BadSession(f"{path} cannot hold such a text or number ({error})") from error
