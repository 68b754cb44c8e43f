"""Messages to bytes and back: strict by the annotations of the message classes, so that nothing unexpected gets in."""

from __future__ import annotations

import dataclasses
import math
import re
import types
import typing
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, TypeAliasType, Union

import msgpack

from hiwm.errors import BadInput
from hiwm.server.messages import DOWN, UP, Down, Up
from hiwm.server.wire import MOST_BYTES, MOST_DEPTH, Length, Pattern

MOST_INT = 2**53
"""Above it a page's numbers are not exact."""
MOST_TEXT = 2000

type Check = Callable[[Any, str], Any]
"""(value, where) -> the value as its type; raises BadMessage."""


class BadMessage(BadInput):
    """Bytes that are no message of the protocol."""


def decode_up(data: bytes) -> Up:
    """A message from a page or a device; raises BadMessage."""
    message: Up = _decode(data, UP)
    return message


def decode_down(data: bytes) -> Down:
    """A message from the server; raises BadMessage."""
    message: Down = _decode(data, DOWN)
    return message


def encode(message: Up | Down) -> bytes:
    """The bytes of a message."""
    packed: bytes = msgpack.packb({"type": _type_names()[type(message)], **dataclasses.asdict(message)})
    return packed


def _decode(data: bytes, known: Mapping[str, type]) -> Any:
    fields = _unpacked(data)
    name = fields.pop("type", None)
    if not isinstance(name, str) or name not in known:
        raise BadMessage(f"expected a message of type {', '.join(known)}, got {name!r:.60}")
    return checked(known[name], fields, name)


def _unpacked(data: bytes) -> dict[Any, Any]:
    if len(data) > MOST_BYTES:
        raise BadMessage(f"expected a message of at most {MOST_BYTES} bytes, got {len(data)}; send less at once")
    try:
        fields = msgpack.unpackb(data, strict_map_key=True, max_ext_len=0)
    except (ValueError, TypeError, RecursionError, msgpack.UnpackException) as error:
        raise BadMessage(f"expected a msgpack map, got {len(data)} bytes that are none ({error!s:.80})") from error
    if not isinstance(fields, dict):
        raise BadMessage(f"expected a msgpack map, got {type(fields).__name__}")
    if _depth(fields) > MOST_DEPTH:
        raise BadMessage(f"expected a message at most {MOST_DEPTH} maps and lists deep")
    return fields


def _depth(value: Any, above: int = 0) -> int:
    """How deep maps and lists are nested; stops looking once it is too deep."""
    if above > MOST_DEPTH or not isinstance(value, dict | list):
        return above
    inside = value.values() if isinstance(value, dict) else value
    return max((_depth(inner, above + 1) for inner in inside), default=above + 1)


@cache
def _type_names() -> dict[type, str]:
    return {message: name for known in (UP, DOWN) for name, message in known.items()}


def checked(message: type, fields: Mapping[Any, Any], where: str) -> Any:
    """The dataclass `message` from untrusted fields; raises BadMessage on unknown, missing and wrong ones."""
    checks, needed = _schema(message)
    if unknown := [key for key in fields if key not in checks]:
        raise BadMessage(f"{where} has no field {unknown[0]!r:.60}; it has {', '.join(checks) or 'none'}")
    if missing := sorted(needed - fields.keys()):
        raise BadMessage(f"{where} needs the field {missing[0]}")
    return message(**{key: checks[key](value, f"{where}.{key}") for key, value in fields.items()})


@cache
def _schema(message: type) -> tuple[dict[str, Check], set[str]]:
    hints = typing.get_type_hints(message, include_extras=True)
    fields = dataclasses.fields(message)
    needed = {f.name for f in fields if f.default is dataclasses.MISSING}
    return {f.name: _check(hints[f.name]) for f in fields}, needed


def _check(hint: Any, *limits: Any) -> Check:
    """The check that an annotation asks for."""
    if isinstance(hint, TypeAliasType):
        return _check(hint.__value__, *limits)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        return _check(arguments[0], *limits, *arguments[1:])
    if origin in (Union, types.UnionType):
        [inner] = [a for a in arguments if a is not type(None)]
        return _optional(_check(inner))
    if origin is tuple:
        most = next((limit.most for limit in limits if isinstance(limit, Length)), MOST_BYTES)
        return _list(_check(arguments[0]), most)
    if dataclasses.is_dataclass(hint):
        return _nested(typing.cast(type, hint))
    if issubclass(hint, StrEnum):
        return _choice(hint)
    return _text(limits) if hint is str else _PLAIN[hint]


def _optional(inner: Check) -> Check:
    return lambda value, where: None if value is None else inner(value, where)


def _list(inner: Check, most: int) -> Check:
    def check(value: Any, where: str) -> tuple[Any, ...]:
        if not isinstance(value, list) or len(value) > most:
            raise BadMessage(f"{where}: expected a list of at most {most}")
        return tuple(inner(entry, where) for entry in value)

    return check


def _nested(message: type) -> Check:
    def check(value: Any, where: str) -> Any:
        if not isinstance(value, dict):
            raise BadMessage(f"{where}: expected a map, got {type(value).__name__}")
        return checked(message, value, where)

    return check


def _choice(choices: type[StrEnum]) -> Check:
    def check(value: Any, where: str) -> StrEnum:
        if not isinstance(value, str) or value not in {c.value for c in choices}:
            raise BadMessage(f"{where}: expected one of {', '.join(choices)}, got {value!r:.60}")
        return choices(value)

    return check


def _text(limits: tuple[Any, ...]) -> Check:
    most = next((limit.most for limit in limits if isinstance(limit, Length)), MOST_TEXT)
    pattern = next((re.compile(limit.text) for limit in limits if isinstance(limit, Pattern)), None)

    def check(value: Any, where: str) -> str:
        if not isinstance(value, str) or len(value) > most:
            raise BadMessage(f"{where}: expected a text of at most {most} characters")
        if pattern is not None and not pattern.fullmatch(value):
            raise BadMessage(f"{where}: expected a name of a-z, 0-9, '.', '_' and '-', got {value!r:.80}")
        return value

    return check


def _whole(value: Any, where: str) -> int:
    if type(value) is not int or abs(value) > MOST_INT:
        raise BadMessage(f"{where}: expected a whole number, got {value!r:.60}")
    return value


def _number(value: Any, where: str) -> float:
    if type(value) not in (int, float) or not math.isfinite(value) or abs(value) > MOST_INT:
        raise BadMessage(f"{where}: expected a finite number, got {value!r:.60}")
    return float(value)


def _truth(value: Any, where: str) -> bool:
    if type(value) is not bool:
        raise BadMessage(f"{where}: expected true or false, got {value!r:.60}")
    return value


_PLAIN: dict[Any, Check] = {int: _whole, float: _number, bool: _truth}
