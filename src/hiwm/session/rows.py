"""The rows of a session file: what it is about, its nodes without their values, its events, and how each is hashed."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgpack
import numpy as np

from hiwm.rollout import Node
from hiwm.spec import RobotSpec
from hiwm.types import Driver, Floats, Reading

ROOT = b"hiwm session 1"
"""What the hash chain begins with."""


@dataclass(frozen=True)
class SessionAbout:
    """What a session is about; it never changes.

    scene: its id. dynamics: `kind` ("world" or "simulator"), `name`, `hash`. policy: `name`, `hash`. created: Unix time
    in seconds. operator: who began it, "" for nobody.
    """

    id: str
    task: str
    prompt: str
    scene: str
    spec: RobotSpec
    dynamics: Mapping[str, str]
    policy: Mapping[str, str]
    created: float
    operator: str = ""

    def to_text(self) -> str:
        """JSON; `from_text` is the inverse."""
        data = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return json.dumps(data | {"spec": self.spec.to_json()}, sort_keys=True, default=dict)

    @staticmethod
    def from_text(text: str) -> SessionAbout:
        """Reads what `to_text` wrote; raises ValueError, KeyError or TypeError."""
        data = json.loads(text)
        return SessionAbout(
            id=str(data["id"]),
            task=str(data["task"]),
            prompt=str(data["prompt"]),
            scene=str(data["scene"]),
            spec=RobotSpec.from_json(data["spec"]),
            dynamics={str(name): str(text) for name, text in data["dynamics"].items()},
            policy={str(name): str(text) for name, text in data["policy"].items()},
            created=float(data["created"]),
            operator=str(data["operator"]),
        )

    def hash(self) -> bytes:
        """Where the chains of nodes and events begin."""
        return hashlib.sha256(ROOT + self.to_text().encode()).digest()


@dataclass(frozen=True, eq=False)
class NodeRow:
    """A node without its value.

    id: counts from 0 in the order of recording. parent: None at the first. action, driver: what led here, None at the
    first. takeover: id of the event by which an operator had taken over, None where nobody steered. client, seq: which
    message of which client asked for it ("" and None for none). time: Unix s. key: the node from whose pictures these
    are stored as differences, None where they are whole. hash: over this row, its value and the parent's hash.
    """

    id: int
    parent: int | None
    step: int
    driver: Driver | None
    action: Floats | None
    reading: Reading
    time: float
    operator: str = ""
    device: str = ""
    client: str = ""
    seq: int | None = None
    takeover: int | None = None
    key: int | None = None
    hash: bytes = b""


@dataclass(frozen=True, eq=False)
class StoredNode:
    """A whole node with its row."""

    row: NodeRow
    node: Node


@dataclass(frozen=True)
class EventRow:
    """Something that happened to a session beside steps.

    id: counts from 0. after: id of the last node before it, -1 for none. kind: a Command, or another word ("lease").
    node: the node it speaks of. data: the rest, JSON-ready (`label`, `reason`, `undoes`, `epoch` ...). hash: over this
    row and the hash of the event before.
    """

    id: int
    after: int
    kind: str
    time: float
    node: int | None = None
    operator: str = ""
    client: str = ""
    seq: int | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    hash: bytes = b""


def plain_reading(reading: Reading) -> Reading:
    """The reading in plain numbers as SQLite gives them back: NaN, which says nothing, is None."""
    success = None if reading.success is None else bool(reading.success)
    return Reading(_plain_number(reading.progress), success, _plain_number(reading.trust))


def _plain_number(number: float | None) -> float | None:
    return None if number is None or math.isnan(number) else float(number) + 0.0  # -0.0 would come back as 0.0


def node_hash(row: NodeRow, value: bytes, before: bytes) -> bytes:
    """SHA-256 of a node's row, its value as stored, and the hash of its parent (of the session, at the first)."""
    reading = (row.reading.progress, row.reading.success, row.reading.trust)
    action = None if row.action is None else np.asarray(row.action, "<f4").tobytes()
    place = (row.id, row.parent, row.step, row.takeover, row.key, row.time)
    who = (row.driver, row.operator, row.device, row.client, row.seq)
    return _chained(before, [*place, *who, action, *reading, hashlib.sha256(value).digest()])


def event_hash(event: EventRow, before: bytes) -> bytes:
    """SHA-256 of an event and the hash of the one before (of the session, at the first)."""
    data = json.dumps(event.data, sort_keys=True)
    who = (event.operator, event.client, event.seq)
    return _chained(before, [event.id, event.after, event.kind, event.time, event.node, *who, data])


def _chained(before: bytes, parts: list[Any]) -> bytes:
    return hashlib.sha256(before + bytes(msgpack.packb(parts))).digest()
