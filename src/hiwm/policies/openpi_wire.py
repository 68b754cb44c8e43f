"""What openpi's WebSocket protocol sends: msgpack with numpy arrays, as `openpi_client.msgpack_numpy` packs them.

The client connects and gets a message of facts about the server; then each observation is answered by a message with
`actions` (T, A), or by text where the server fails. Source: openpi-client 0.1.2.
"""

from __future__ import annotations

from typing import Any

import msgpack
import numpy as np

from hiwm.errors import BadInput

PLAIN = "biuf"
"""Kinds of numbers that may travel; everything else would need pickle."""


def pack(message: Any) -> bytes:
    """A message as bytes."""
    packed: bytes = msgpack.packb(message, default=_packed)
    return packed


def unpack(data: bytes) -> Any:
    """The inverse; raises BadInput on anything that is not such a message."""
    try:
        return msgpack.unpackb(data, object_hook=_unpacked)
    except (ValueError, TypeError, KeyError, msgpack.UnpackException) as error:
        raise BadInput(
            f"expected a message of openpi's protocol, got something else ({error}); check the port"
        ) from error


def _packed(value: Any) -> Any:
    if isinstance(value, np.ndarray) and value.dtype.kind in PLAIN:
        return {b"__ndarray__": True, b"data": value.tobytes(), b"dtype": value.dtype.str, b"shape": value.shape}
    if isinstance(value, np.generic) and value.dtype.kind in PLAIN:
        return {b"__npgeneric__": True, b"data": value.item(), b"dtype": value.dtype.str}
    raise TypeError(f"cannot send {type(value).__name__}")


def _unpacked(value: dict[Any, Any]) -> Any:
    if b"__ndarray__" in value:
        return np.frombuffer(value[b"data"], _plain(value)).reshape(value[b"shape"])
    if b"__npgeneric__" in value:
        return _plain(value).type(value[b"data"])
    return value


def _plain(value: dict[Any, Any]) -> np.dtype[Any]:
    kind: np.dtype[Any] = np.dtype(value[b"dtype"])
    if kind.kind not in PLAIN:
        raise ValueError(f"an array of {kind}")
    return kind
