"""What a node holds beside its row, as one blob: observation, state, memory, and their pictures apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgpack

from hiwm.errors import BadInput
from hiwm.rollout import Node
from hiwm.session.pictures import Packed
from hiwm.session.values import PictureList, decode, encode
from hiwm.types import Observation, Picture


@dataclass(frozen=True, eq=False)
class NodeParts:
    """A node's value in parts, each as bytes, their pictures taken out."""

    observation: bytes
    state: bytes
    memory: bytes
    pictures: Sequence[Picture]

    def blob(self, packed: list[Packed]) -> bytes:
        """All in one, with the pictures as they are stored."""
        return bytes(msgpack.packb([self.observation, self.state, self.memory, packed]))


def take_apart(node: Node) -> NodeParts:
    """The parts of a node; raises BadInput where it holds something that cannot be stored."""
    taken = PictureList()
    seen, state, memory = (encode(part, taken) for part in (node.observation, node.state, node.memory))
    return NodeParts(seen, state, memory, taken.pictures)


def packed_pictures(blob: bytes) -> list[Packed]:
    """The pictures of a blob as they are stored; raises BadInput where it is none."""
    return list(_split(blob)[3])


def read_observation(blob: bytes, pictures: Sequence[Picture]) -> Observation:
    """The observation of a blob alone: state and memory may be of classes that are not known here."""
    seen = decode(_split(blob)[0], pictures=pictures)
    if not isinstance(seen, Observation):
        raise BadInput("expected an observation, got another value")
    return seen


def read_rest(blob: bytes, pictures: Sequence[Picture], sealed: bool) -> tuple[Any, Any]:
    """State and memory; raises BadInput where a class is not known and not to be sealed."""
    state, memory = (decode(part, pictures=pictures, sealed=sealed) for part in _split(blob)[1:3])
    return state, memory


def _split(blob: bytes) -> list[Any]:
    try:
        parts = msgpack.unpackb(blob)
    except (ValueError, msgpack.UnpackException) as error:
        raise BadInput("expected the value of a node, got bytes that are none") from error
    if type(parts) is not list or [type(part) for part in parts] != [bytes, bytes, bytes, list]:
        raise BadInput("expected the value of a node, got another one")
    return parts
