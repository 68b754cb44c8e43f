"""Values as bytes: what a node holds, written as msgpack and read back strictly; nothing is ever pickled.

Known are None, bool, int, float, str, bytes, lists, tuples, dicts with text keys, numpy arrays and scalars, and the
frozen dataclasses and text enumerations that were registered, by the name of their class.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Any

import msgpack
import numpy as np

from hiwm.errors import BadInput
from hiwm.types import Driver, Kind, Observation, Picture, Reading, Scene

DEEPEST = 32
"""Levels of nesting that are read and written; states have about six."""
_NOT_A_VALUE = (
    ValueError,
    ArithmeticError,
    TypeError,
    LookupError,
    AttributeError,
    MemoryError,
    msgpack.UnpackException,
)
LARGEST_SIDE = 8192
"""Of a picture, in pixels."""
_SMALLEST_INT, _LARGEST_INT = -(2**63), 2**64 - 1


class _Code(IntEnum):
    """msgpack's extension types, as they are on disk: never renumber."""

    TUPLE = 1
    ARRAY = 2
    SCALAR = 3
    RECORD = 4
    CHOICE = 5
    PICTURE = 6
    LONG_INT = 7
    FOLDED = 8


@dataclass(frozen=True, eq=False)
class Sealed:
    """A value of a class that this program does not know: kept whole, and written again as it was.

    code: how it was stored. content: its fields by name, the text of an enumeration, or what it was folded to.
    """

    name: str
    code: int
    content: Any


class PictureList:
    """Pictures taken out of values, equal ones once."""

    def __init__(self) -> None:
        self.pictures: list[Picture] = []

    def place(self, picture: Picture) -> int:
        """Where this picture stands in the list, put there if it is new."""
        for i, known in enumerate(self.pictures):
            if known is picture or np.array_equal(known, picture):
                return i
        self.pictures.append(picture)
        return len(self.pictures) - 1


_registered: dict[str, type] = {}
_folds: dict[type, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {}


def register(*classes: type) -> None:
    """Lets frozen dataclasses and text enumerations be stored, by the name of the class; twice is no harm.

    Raises BadInput where a class is neither, or its name is another's.
    """
    for cls in classes:
        record = dataclasses.is_dataclass(cls) and cls.__dataclass_params__.frozen  # type: ignore[attr-defined]
        if not (record or issubclass(cls, StrEnum)):
            raise BadInput(f"only frozen dataclasses and text enumerations can be stored, {cls.__name__} is neither")
        _name(cls)


def register_folded[T](cls: type[T], fold: Callable[[T], Any], unfold: Callable[[Any], T]) -> None:
    """Lets a class be stored as what `fold` makes of it, a value that can be; for example a linked list as an array."""
    _name(cls)
    _folds[cls] = (fold, unfold)


def _name(cls: type) -> None:
    known = _registered.setdefault(cls.__name__, cls)
    if (known.__module__, known.__qualname__) != (cls.__module__, cls.__qualname__):
        raise BadInput(f"{cls.__name__} of {cls.__module__} is called as one of {known.__module__}; rename one")
    _registered[cls.__name__] = cls


register(Observation, Reading, Scene, Driver, Kind)


def encode(value: object, pictures: PictureList | None = None) -> bytes:
    """The value as bytes; with a list, its pictures ((H, W, 3) uint8) go there instead.

    Raises BadInput where something in it can not be stored.
    """
    return _packed(_plain(value, pictures, 0))


def decode(
    data: bytes, known: Mapping[str, type] | None = None, pictures: Sequence[Picture] = (), sealed: bool = False
) -> Any:
    """The value that `encode` wrote; arrays are fresh ones.

    known: classes by name, by default all registered. pictures: those that were taken out. sealed: classes that are
    not known become Sealed. Raises BadInput where the bytes are no value, or hold an unknown class.
    """
    reader = _Reader(_registered if known is None else known, pictures, sealed)
    try:
        return reader.read(data, 0)
    except BadInput:
        raise
    except _NOT_A_VALUE as error:
        raise BadInput(f"expected a stored value, got {len(data)} bytes that are none ({_short(error)})") from error


def _short(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:80]


def _packed(plain: object) -> bytes:
    return bytes(msgpack.packb(plain, use_bin_type=True))


def _ext(code: _Code, plain: object) -> msgpack.ExtType:
    return msgpack.ExtType(code, _packed(plain))


def _plain(value: Any, pictures: PictureList | None, depth: int) -> Any:
    """What msgpack can write itself, extension types for the rest."""
    if value is None or type(value) in (bool, float, str, bytes):
        return value
    if depth > DEEPEST:
        raise BadInput(f"expected at most {DEEPEST} levels of nesting in a stored value, got more; flatten it")
    if type(value) is int:
        return _plain_int(value)
    if isinstance(value, np.ndarray | np.generic):
        return _plain_array(value, pictures)

    def inner(items: Iterable[Any]) -> list[Any]:
        return [_plain(item, pictures, depth + 1) for item in items]

    if type(value) is list:
        return inner(value)
    if type(value) is tuple:
        return _ext(_Code.TUPLE, inner(value))
    if isinstance(value, Mapping):
        return dict(zip(_text_keys(value), inner(value.values()), strict=True))
    return _plain_named(value, inner)


def _plain_int(value: int) -> Any:
    if _SMALLEST_INT <= value <= _LARGEST_INT:
        return value
    return msgpack.ExtType(_Code.LONG_INT, value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True))


def _plain_array(value: Any, pictures: PictureList | None) -> msgpack.ExtType:
    if value.dtype.kind not in "biuf":
        raise BadInput(f"expected an array of numbers, got {value.dtype}; only plain numbers can be stored")
    if isinstance(value, np.generic):
        return _ext(_Code.SCALAR, [value.dtype.str, value.tobytes()])
    if pictures is not None and _is_picture(value):
        return _ext(_Code.PICTURE, pictures.place(value))
    return _ext(_Code.ARRAY, [value.dtype.str, list(value.shape), value.tobytes()])


def _is_picture(value: Any) -> bool:
    sides = value.shape[:2]
    return bool(
        value.dtype == np.uint8
        and value.ndim == 3
        and value.shape[2] == 3
        and 0 < min(sides) <= max(sides) <= LARGEST_SIDE
    )


def _text_keys(value: Mapping[Any, Any]) -> list[str]:
    strange = [key for key in value if type(key) is not str]
    if strange:
        raise BadInput(f"expected text as keys, got {strange[0]!r}")
    return list(value)


def _plain_named(value: Any, inner: Callable[[Iterable[Any]], list[Any]]) -> msgpack.ExtType:
    code, name, content = _taken_apart(value)
    if code is _Code.RECORD:
        return _ext(code, [name, dict(zip(content, inner(content.values()), strict=True))])
    return _ext(code, [name, *inner([content])])


def _taken_apart(value: Any) -> tuple[_Code, str, Any]:
    cls = type(value)
    if cls is Sealed:
        return _Code(value.code), value.name, value.content
    if _registered.get(cls.__name__) is not cls:
        raise BadInput(f"a {cls.__name__} cannot be stored; make it a frozen dataclass and register it")
    if cls in _folds:
        return _Code.FOLDED, cls.__name__, _folds[cls][0](value)
    if isinstance(value, StrEnum):
        return _Code.CHOICE, cls.__name__, value.value
    return _Code.RECORD, cls.__name__, {name: getattr(value, name) for name in _field_names(cls)}


def _field_names(cls: type) -> list[str]:
    return [field.name for field in dataclasses.fields(cls) if field.init]


def size_bytes(value: Any) -> int:
    """About how many bytes of memory a value takes: its arrays and texts, each once, and a little for the rest."""
    seen: dict[int, int] = {}
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen[id(one)] = 50
        if isinstance(one, np.ndarray):
            seen[id(one)] += one.nbytes
        elif isinstance(one, str | bytes):
            seen[id(one)] += len(one)
        elif isinstance(one, list | tuple):
            waiting += one
        elif isinstance(one, Mapping):
            waiting += one.values()
        elif dataclasses.is_dataclass(one):
            waiting += [getattr(one, field.name) for field in dataclasses.fields(one)]
    return sum(seen.values())


class _Reader:
    """Reads one value; each extension type is msgpack of its own, and counts as a level."""

    def __init__(self, known: Mapping[str, type], pictures: Sequence[Picture], sealed: bool) -> None:
        self._known, self._pictures, self._sealed = known, pictures, sealed

    def read(self, data: bytes, depth: int) -> Any:
        if depth > DEEPEST:
            raise ValueError("nested too deep")

        def ext(code: int, inner: bytes) -> Any:
            if code == _Code.LONG_INT:
                return int.from_bytes(inner, "little", signed=True)
            return self._special(_Code(code), self.read(inner, depth + 1))

        return msgpack.unpackb(data, raw=False, strict_map_key=True, use_list=True, ext_hook=ext)

    def _special(self, code: _Code, inner: Any) -> Any:
        if code is _Code.TUPLE:
            return tuple(_list(inner))
        if code is _Code.PICTURE:
            return self._pictures[_index(inner, len(self._pictures))]
        if code is _Code.ARRAY:
            dtype, shape, content = _list(inner)
            return np.frombuffer(content, _number_type(dtype)).reshape([_index(n, 2**31) for n in shape]).copy()
        if code is _Code.SCALAR:
            dtype, content = _list(inner)
            return np.frombuffer(content, _number_type(dtype), count=1)[0]
        name, content = _list(inner)
        return self._named(code, name, content)

    def _named(self, code: _Code, name: Any, content: Any) -> Any:
        if type(name) is not str or (code is _Code.RECORD) != (type(content) is dict and code is not _Code.FOLDED):
            raise ValueError("a class is named by text, and has fields")
        cls = self._known.get(name)
        if cls is None and self._sealed:
            return Sealed(name, code, content)
        if cls is None:
            raise BadInput(f"the stored value holds a {name}, which this program does not know; register it first")
        if (code is _Code.FOLDED) != (cls in _folds) or (code is _Code.CHOICE) != issubclass(cls, StrEnum):
            raise ValueError(f"{name} is stored in another way here")
        if code is not _Code.RECORD:
            return cls(content) if code is _Code.CHOICE else _folds[cls][1](content)
        if sorted(_field_names(cls)) != sorted(content):
            raise ValueError(f"{name} has other fields here")
        return cls(**content)


def _list(inner: Any) -> list[Any]:
    if type(inner) is not list:
        raise ValueError("expected a list")
    return inner


def _index(number: Any, below: int) -> int:
    if type(number) is not int or not 0 <= number < below:
        raise ValueError("a number is out of range")
    return number


def _number_type(name: Any) -> np.dtype[Any]:
    dtype = np.dtype(name) if type(name) is str else np.dtype(object)
    if dtype.kind not in "biuf" or dtype.str != name:
        raise ValueError("expected a type of plain numbers")
    return dtype
