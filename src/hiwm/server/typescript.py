"""Writes the page's types from the server's message classes: `python -m hiwm.server.typescript > web/src/wire.ts`."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Iterator
from enum import IntEnum, StrEnum
from typing import Annotated, Any, TypeAliasType, Union

from hiwm.server import wire
from hiwm.server.frames import HEADER, Codec, FrameKind
from hiwm.server.messages import DOWN, UP
from hiwm.server.replies import REPLIES
from hiwm.session import phases
from hiwm.types import Driver

ENUMS: dict[type[StrEnum], str] = {
    wire.Role: "Role",
    phases.Command: "CommandName",
    phases.Phase: "PhaseName",
    phases.Label: "LabelName",
    Driver: "DriverName",
    wire.ErrorCode: "ErrorCode",
}
PARTS = (wire.DeviceSpec, wire.CameraInfo, wire.NumberInfo)
_PLAIN = {str: "string", int: "number", float: "number", bool: "boolean", type(None): "null"}


def lines() -> Iterator[str]:
    """The file, line by line."""
    yield "// Made by `python -m hiwm.server.typescript > web/src/wire.ts` from the server's schema; do not edit."
    yield ""
    for name in ("PROTOCOL", "SUBPROTOCOL", "MOST_BYTES", "CREDIT"):
        yield f"export const {name} = {_literal(getattr(wire, name))};"
    yield f"export const FRAME_HEADER_BYTES = {HEADER.size};"
    yield from _numbers(FrameKind)
    yield from _numbers(Codec)
    for enum, name in ENUMS.items():
        yield ""
        yield f"/** {_first_line(enum)} */"
        yield f"export type {name} = {' | '.join(_literal(str(choice)) for choice in enum)};"
    for part in (*PARTS, *REPLIES):
        yield from _interface(part)
    for known in (UP, DOWN):
        for name, message in known.items():
            yield from _interface(message, name)
    yield ""
    yield f"export type Up = {' | '.join(m.__name__ for m in UP.values())};"
    yield f"export type Down = {' | '.join(_name(m) for m in DOWN.values())};"


def _numbers(enum: type[IntEnum]) -> Iterator[str]:
    inside = ", ".join(f"{choice.name}: {choice.value}" for choice in enum)
    yield f"export const {enum.__name__} = {{ {inside} }} as const;"


def _interface(message: type, type_name: str | None = None) -> Iterator[str]:
    hints = typing.get_type_hints(message, include_extras=True)
    yield ""
    yield f"/** {_first_line(message)} */"
    yield f"export interface {_name(message)} {{"
    if type_name is not None:
        yield f"  type: {_literal(type_name)};"
    for field in dataclasses.fields(message):
        # What the page sends may be left out; what the server sends is always there.
        optional = "?" if type_name in UP and field.default is not dataclasses.MISSING else ""
        yield f"  {field.name}{optional}: {_type(hints[field.name])};"
    yield "}"


def _type(hint: Any) -> str:
    if isinstance(hint, TypeAliasType):
        return _type(hint.__value__)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        return _type(arguments[0])
    if origin in (Union, types.UnionType):
        return " | ".join(_type(argument) for argument in arguments)
    if origin is tuple:
        inner = _type(arguments[0])
        return f"({inner})[]" if " " in inner else f"{inner}[]"
    if origin is dict:
        return f"Record<{_type(arguments[0])}, {_type(arguments[1])}>"
    return _PLAIN.get(hint) or _name(hint)


def _name(message: type) -> str:
    """As in the wire's schema; names that a browser already uses get another."""
    other: dict[type, str] = {wire.Event: "JournalEvent", wire.Error: "Refusal", **ENUMS}
    return other.get(message, message.__name__)


def _first_line(thing: type) -> str:
    return " ".join((thing.__doc__ or "").split()).replace("*/", "")


def _literal(value: str | int) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


if __name__ == "__main__":
    print("\n".join(lines()))
