"""Rows as SQLite's columns, and back with every value checked."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np

from hiwm.session.rows import EventRow, NodeRow
from hiwm.types import Driver, Floats, Reading

NODE_COLUMNS = (
    "id, parent, step, driver, action, progress, success, trust, time, operator, device, client, seq, takeover, key, "
    "hash"
)
EVENT_COLUMNS = "id, after, kind, time, node, operator, client, seq, data, hash"
HASH_BYTES = 32


def node_columns(row: NodeRow) -> tuple[Any, ...]:
    """In the order of NODE_COLUMNS."""
    action = None if row.action is None else np.asarray(row.action, "<f4").tobytes()
    reading = (row.reading.progress, row.reading.success, row.reading.trust)
    who = (row.operator, row.device, row.client, row.seq)
    return (row.id, row.parent, row.step, row.driver, action, *reading, row.time, *who, row.takeover, row.key, row.hash)


def event_columns(event: EventRow) -> tuple[Any, ...]:
    """In the order of EVENT_COLUMNS."""
    who = (event.operator, event.client, event.seq)
    data = json.dumps(event.data, sort_keys=True)
    return (event.id, event.after, event.kind, event.time, event.node, *who, data, event.hash)


def read_node(columns: tuple[Any, ...]) -> NodeRow:
    """The inverse of `node_columns`; raises ValueError."""
    number, parent, step, driver, action, progress, success, trust, time, *who, takeover, key, code = columns
    operator, device, client, seq = who
    row = NodeRow(
        id=_whole(number),
        parent=_maybe(_whole, parent),
        step=_whole(step),
        driver=_maybe(Driver, driver),
        action=_maybe(_action, action),
        reading=Reading(_maybe(_real, progress), _maybe(_truth, success), _maybe(_real, trust)),
        time=_real(time),
        operator=_text(operator),
        device=_text(device),
        client=_text(client),
        seq=_maybe(_whole, seq),
        takeover=_maybe(_whole, takeover),
        key=_maybe(_whole, key),
        hash=_hash(code),
    )
    if (row.parent is not None and row.parent >= row.id) or (row.parent is None) != (row.id == 0):
        raise ValueError(f"node {row.id} cannot come after {row.parent}")
    if row.key is not None and row.key >= row.id:
        raise ValueError(f"node {row.id} cannot be stored as a difference to {row.key}")
    return row


def read_event(columns: tuple[Any, ...]) -> EventRow:
    """The inverse of `event_columns`; raises ValueError."""
    number, after, kind, time, node, operator, client, seq, data, code = columns
    told = json.loads(_text(data))
    if type(told) is not dict or type(after) is not int or after < -1:
        raise ValueError(f"event {number} is none")
    return EventRow(
        id=_whole(number),
        after=after,
        kind=_text(kind),
        time=_real(time),
        node=_maybe(_whole, node),
        operator=_text(operator),
        client=_text(client),
        seq=_maybe(_whole, seq),
        data=told,
        hash=_hash(code),
    )


def _maybe[T](read: Callable[[Any], T], value: Any) -> T | None:
    return None if value is None else read(value)


def _whole(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"expected a whole number, got {value!r:.40}")
    return value


def _real(value: Any) -> float:
    if type(value) not in (int, float):
        raise ValueError(f"expected a number, got {value!r:.40}")
    return float(value)


def _truth(value: Any) -> bool:
    if value not in (0, 1):
        raise ValueError(f"expected 0 or 1, got {value!r:.40}")
    return bool(value)


def _text(value: Any) -> str:
    if type(value) is not str:
        raise ValueError(f"expected text, got {value!r:.40}")
    return value


def _hash(value: Any) -> bytes:
    if type(value) is not bytes or len(value) != HASH_BYTES:
        raise ValueError("expected a hash")
    return value


def _action(value: Any) -> Floats:
    if type(value) is not bytes:
        raise ValueError("expected an action")
    return np.frombuffer(value, "<f4").astype(np.float32)
