"""How the server and the model worker speak: length-prefixed values of hiwm.session over a socket pair.

The server never decodes a state or a memory: what it does not know stays sealed. So it needs neither torch nor the
classes of any model.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Mapping
from typing import Any

from hiwm.errors import HiwmError
from hiwm.rollout import Node
from hiwm.session.values import decode, encode, register

LENGTH = struct.Struct("<I")
MOST_BYTES = 2**30

register(Node)


class ModelError(HiwmError):
    """The model refused or failed; the text is for a person."""


def pack(message: Mapping[str, Any]) -> bytes:
    """A message with its length before it."""
    body = encode(dict(message))
    return LENGTH.pack(len(body)) + body


def unpack(body: bytes, sealed: bool) -> dict[str, Any]:
    """The message in a body without its length."""
    message: dict[str, Any] = decode(body, sealed=sealed)
    return message


def receive(link: socket.socket) -> dict[str, Any] | None:
    """The next message, waited for; None once the other side is gone."""
    head = _exactly(link, LENGTH.size)
    body = None if head is None else _exactly(link, LENGTH.unpack(head)[0])
    return None if body is None else unpack(body, sealed=False)


def _exactly(link: socket.socket, count: int) -> bytes | None:
    data = bytearray()
    while len(data) < count:
        part = link.recv(min(count - len(data), 2**20))
        if not part:
            return None
        data += part
    return bytes(data)
