"""What a node holds beside its row, as one blob: observation, state, memory, and their pictures, each once."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgpack

from hiwm.errors import BadInput
from hiwm.rollout import Node
from hiwm.session.pictures import pack_picture, unpack_picture
from hiwm.session.values import PictureList, decode, encode
from hiwm.types import Observation, Picture

type Pictures = Sequence[Picture]


@dataclass(frozen=True, eq=False)
class NodeValue:
    """The parts of a node's value; `size_bytes` is about what they take in memory."""

    state: Any
    memory: Any
    observation: Observation
    size_bytes: int


def pack_node(node: Node, key: Pictures) -> tuple[bytes, Pictures]:
    """The blob of a node, and its pictures; `key`: those of the node from which differences are stored, if any.

    Raises BadInput where the node holds something that cannot be stored.
    """
    taken = PictureList()
    parts = [encode(part, taken) for part in (node.observation, node.state, node.memory)]
    bases = [*key, *[None] * len(taken.pictures)]
    packed = [pack_picture(picture, base) for picture, base in zip(taken.pictures, bases, strict=False)]
    return bytes(msgpack.packb([*parts, packed])), taken.pictures


def unpack_pictures(blob: bytes, key: Pictures) -> list[Picture]:
    """The pictures of a blob; raises BadInput where it is none."""
    return _pictures(_split(blob)[3], key)


def unpack_observation(blob: bytes, key: Pictures) -> Observation:
    """The observation of a blob alone: state and memory may be of classes that are not known here."""
    parts = _split(blob)
    return _observation(decode(parts[0], pictures=_pictures(parts[3], key)))


def unpack_node(blob: bytes, key: Pictures, sealed: bool) -> NodeValue:
    """All of a blob; raises BadInput where it is none, or of a class that is not known and not to be sealed."""
    parts = _split(blob)
    pictures = _pictures(parts[3], key)
    seen, state, memory = (decode(part, pictures=pictures, sealed=sealed) for part in parts[:3])
    size = sum(len(part) for part in parts[:3]) + sum(picture.nbytes for picture in pictures)
    return NodeValue(state, memory, _observation(seen), size)


def _split(blob: bytes) -> list[Any]:
    try:
        parts = msgpack.unpackb(blob)
    except (ValueError, msgpack.UnpackException) as error:
        raise BadInput("expected the value of a node, got bytes that are none") from error
    if type(parts) is not list or [type(part) for part in parts] != [bytes, bytes, bytes, list]:
        raise BadInput("expected the value of a node, got another one")
    return parts


def _pictures(packed: list[Any], key: Pictures) -> list[Picture]:
    bases = [*key, *[None] * len(packed)]
    try:
        return [unpack_picture(one, base) for one, base in zip(packed, bases, strict=False)]
    except (ValueError, TypeError, zlib.error) as error:
        raise BadInput("expected the pictures of a node, got bytes that are none") from error


def _observation(seen: Any) -> Observation:
    if not isinstance(seen, Observation):
        raise BadInput("expected an observation, got another value")
    return seen
