"""One SQLite file per session, append-only: a step is saved when `append` has returned, whatever happens then."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from hiwm.errors import BadInput, BadSession
from hiwm.rollout import Node
from hiwm.session.columns import EVENT_COLUMNS, NODE_COLUMNS, event_columns, node_columns, read_event, read_node
from hiwm.session.node_value import packed_pictures, read_observation, read_rest, take_apart
from hiwm.session.pictures import Packed, PictureStore
from hiwm.session.place import WriterLock, require_local, sync_folder
from hiwm.session.rows import EventRow, NodeRow, SessionAbout, StoredNode, event_hash, node_hash, plain_reading
from hiwm.session.schema import build, clear_errors, connect, leave_one_file
from hiwm.types import Observation, Picture

KEY_EVERY = 8
"""Every so many steps pictures are stored whole; those between are stored as differences to them."""


class SessionFile:
    """The file of one session. One process may write to it at a time; any number may read. Threads may share it.

    sealed: values of classes that this program has not registered are kept as `Sealed` instead of being refused.
    """

    def __init__(self, path: Path, read_only: bool, sealed: bool) -> None:
        self.path, self.read_only, self.sealed = path, read_only, sealed
        self._threads = threading.Lock()
        self._store = PictureStore(self._packed_pictures)
        self._writer = None if read_only else WriterLock(path)
        try:
            self._database = connect(path, read_only)
        except BaseException:
            self._release()
            raise
        try:
            self._database.execute("BEGIN")  # one moment for all, however fast another process writes
            self.about, self._rows, self._events = self._read_about(), self._read_rows(), self._read_events()
            self._database.execute("COMMIT")
        except BaseException:
            self.close()
            raise

    @staticmethod
    def create(path: Path, about: SessionAbout, sealed: bool = False) -> SessionFile:
        """A new file without nodes, whole or not at all, in a folder that is made; raises BadInput where one exists."""
        require_local(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            raise BadInput(f"{path} exists; open it, or give the new session another name")
        beside = path.with_name(path.name + ".tmp")
        beside.unlink(missing_ok=True)
        with clear_errors(path):
            build(beside, about.to_text())
        beside.rename(path)
        sync_folder(path.parent)
        return SessionFile(path, False, sealed)

    @staticmethod
    def open(path: Path, read_only: bool = False, sealed: bool = False) -> SessionFile:
        """Opens a file; raises BadInput (none there, a network disk, another writer) or BadSession (not sound)."""
        require_local(path)
        return SessionFile(path, read_only, sealed)

    def append(
        self, nodes: Sequence[StoredNode], events: Sequence[EventRow] = ()
    ) -> tuple[list[NodeRow], list[EventRow]]:
        """Adds nodes and events in one transaction, synced when this returns; returns the rows with keys and hashes.

        Ids go on from the last ones. Raises OutOfSpace where the disk is full or fails: then nothing of it is written,
        and a later call may succeed.
        """
        if self.read_only:
            raise BadInput(f"{self.path} was opened to be read; open it for writing to record")
        with self._threads, self._transaction():
            for stored in nodes:
                self._insert_node(stored)
            for event in events:
                self._insert_event(event)
        return self._rows[len(self._rows) - len(nodes) :], self._events[len(self._events) - len(events) :]

    def rows(self) -> list[NodeRow]:
        """All nodes in the order of recording, without their values."""
        return list(self._rows)

    def events(self) -> list[EventRow]:
        """All events in order."""
        return list(self._events)

    def node(self, node_id: int) -> StoredNode:
        """A whole node; raises BadInput where there is none, BadSession where it cannot be read."""
        row = self._row(node_id)
        with self._threads, self._clear_values(node_id):
            blob, pictures = self._blob(node_id), self._pictures(node_id)
            seen, (state, memory) = read_observation(blob, pictures), read_rest(blob, pictures, self.sealed)
        return StoredNode(row, Node(state, memory, seen, row.reading, row.action, row.driver, row.step))

    def observation(self, node_id: int) -> Observation:
        """What was seen at a node; state and memory are not looked at."""
        self._row(node_id)
        with self._threads, self._clear_values(node_id):
            return read_observation(self._blob(node_id), self._pictures(node_id))

    def value_bytes(self, node_id: int) -> bytes:
        """A node's value as it is stored."""
        self._row(node_id)
        with self._threads:
            return self._blob(node_id)

    def close(self) -> None:
        """Frees the file for other writers; a second call does nothing."""
        with self._threads:
            if self._writer is not None:
                leave_one_file(self._database)
            self._database.close()
            self._release()

    def _release(self) -> None:
        if self._writer is not None:
            self._writer.release()
            self._writer = None

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """All of the block, or nothing of it, on disk and in memory."""
        nodes, events = len(self._rows), len(self._events)
        try:
            with clear_errors(self.path):
                self._database.execute("BEGIN IMMEDIATE")
                yield
                self._database.execute("COMMIT")
        except BaseException:
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            del self._rows[nodes:], self._events[events:]
            self._store.forget()
            raise

    def _insert_node(self, stored: StoredNode) -> None:
        row = replace(stored.row, key=self._key_of(stored.row), reading=plain_reading(stored.row.reading))
        if row.id != len(self._rows):
            raise BadInput(f"expected node {len(self._rows)} next, got {row.id}")
        parts = take_apart(stored.node)
        cameras = len(stored.node.observation.images)
        value = parts.blob(self._store.pack(row.id, row.parent, row.key, parts.pictures, own=cameras))
        before = self.about.hash() if row.parent is None else self._row(row.parent).hash
        row = replace(row, hash=node_hash(row, value, before))
        self._execute(f"INSERT INTO nodes ({NODE_COLUMNS}) VALUES", node_columns(row))
        self._execute("INSERT INTO node_values VALUES", (row.id, value))
        self._rows.append(row)

    def _insert_event(self, event: EventRow) -> None:
        if event.id != len(self._events):
            raise BadInput(f"expected event {len(self._events)} next, got {event.id}")
        before = self._events[-1].hash if self._events else self.about.hash()
        event = replace(event, data=json.loads(json.dumps(event.data)))
        event = replace(event, hash=event_hash(event, before))
        self._execute(f"INSERT INTO events ({EVENT_COLUMNS}) VALUES", event_columns(event))
        self._events.append(event)

    def _execute(self, insert: str, columns: tuple[Any, ...]) -> None:
        self._database.execute(f"{insert} ({', '.join('?' * len(columns))})", columns)

    def _key_of(self, row: NodeRow) -> int | None:
        """The node from whose pictures a new one's shall differ: the last whole one above it, if that is near."""
        if row.parent is None:
            return None
        parent = self._row(row.parent)
        key = parent.id if parent.key is None else parent.key
        return key if row.step - self._rows[key].step < KEY_EVERY else None

    def _pictures(self, node_id: int) -> list[Picture]:
        return [held.picture for held in self._store.of(node_id)]

    def _packed_pictures(self, node_id: int) -> tuple[list[Packed], int | None]:
        return packed_pictures(self._blob(node_id)), self._row(node_id).key

    def _row(self, node_id: int) -> NodeRow:
        if not 0 <= node_id < len(self._rows):
            raise BadInput(f"{self.path} has nodes 0 to {len(self._rows) - 1}, got {node_id}")
        return self._rows[node_id]

    def _blob(self, node_id: int) -> bytes:
        with clear_errors(self.path):
            found = self._database.execute("SELECT value FROM node_values WHERE node = ?", (node_id,)).fetchone()
        if found is None or type(found[0]) is not bytes:
            raise BadSession(f"{self.path} lacks the value of node {node_id}; take a copy that is whole")
        return found[0]

    @contextmanager
    def _clear_values(self, node_id: int) -> Iterator[None]:
        try:
            yield
        except BadInput as error:
            raise BadSession(f"{self.path}, node {node_id}: {error}") from error

    def _read_about(self) -> SessionAbout:
        found = self._read("text", "about", lambda columns: SessionAbout.from_text(str(columns[0])))
        if len(found) != 1:
            raise BadSession(f"{self.path} does not say what it is about; take a copy that is whole")
        return found[0]

    def _read_rows(self) -> list[NodeRow]:
        rows = self._read(NODE_COLUMNS, "nodes", read_node)
        for place, row in enumerate(rows):
            key_is_whole = row.key is None or rows[row.key].key is None
            if row.id != place or not key_is_whole:
                raise BadSession(f"{self.path} lacks nodes, or has them in another order; take a copy that is whole")
        return rows

    def _read_events(self) -> list[EventRow]:
        events = self._read(EVENT_COLUMNS, "events", read_event)
        if [event.id for event in events] != list(range(len(events))):
            raise BadSession(f"{self.path} lacks events, or has them in another order; take a copy that is whole")
        return events

    def _read[T](self, columns: str, table: str, read: Callable[[tuple[Any, ...]], T]) -> list[T]:
        order = "" if table == "about" else " ORDER BY id"
        with clear_errors(self.path):
            found = self._database.execute(f"SELECT {columns} FROM {table}{order}").fetchall()
        try:
            return [read(one) for one in found]
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise BadSession(f"{self.path} has {table} that cannot be read ({error}); take a whole copy") from error
