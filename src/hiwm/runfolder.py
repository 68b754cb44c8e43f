"""Folders on disk: where runs live, whole-file and whole-folder replacement, manifests, room left.

A stage builds its folder beside the final place and moves it there when it is whole, so that what exists is complete.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hiwm.errors import BadInput, OutOfSpace


def hiwm_home() -> Path:
    """`$HIWM_HOME`, or `hiwm` in the user's cache folder; made on first use."""
    default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hiwm"
    home = Path(os.environ.get("HIWM_HOME") or default)
    home.mkdir(parents=True, exist_ok=True)
    return home


def write_bytes(path: Path, data: bytes) -> None:
    """Writes a whole file or nothing: beside its place, synced, then renamed."""
    beside = path.with_name(path.name + ".tmp")
    with open(beside, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    """Writes JSON, whole or not at all."""
    write_bytes(path, (json.dumps(data, indent=1, sort_keys=True) + "\n").encode())


def read_json(path: Path) -> dict[str, Any]:
    """Reads a JSON object."""
    data: dict[str, Any] = json.loads(path.read_text())
    return data


@contextmanager
def only_one(folder: Path, command: str) -> Iterator[int]:
    """Keeps a second process out of a folder, which is made; raises BadInput where one is at work.

    Yields the lock's file descriptor: a process that is started with it holds the lock too, until it has ended.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BadInput(
                f"another {command}, or what one has started, is at work in {folder}; wait for it, or end it"
            ) from error
        yield lock.fileno()


def replace_folder(built: Path, place: Path) -> None:
    """Moves a finished folder to its place; what was there before stays readable until the new one is there.

    Killed between the two renames, `recover_folder` brings the old one back.
    """
    old = place.with_name(place.name + ".old")
    if old.exists():
        shutil.rmtree(old)
    if place.exists():
        os.rename(place, old)
    os.rename(built, place)
    if old.exists():
        shutil.rmtree(old)


def recover_folder(place: Path) -> None:
    """Tidies up after a killed `replace_folder`: the old folder returns where none is in place, else it goes."""
    old = place.with_name(place.name + ".old")
    if old.exists() and not place.exists():
        os.rename(old, place)
    elif old.exists():
        shutil.rmtree(old)


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes, hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def require_space(place: Path, need_bytes: int, what: str) -> None:
    """Raises OutOfSpace unless the disk under `place` has `need_bytes` left."""
    base = next(p for p in (place, *place.absolute().parents) if p.exists())
    free = shutil.disk_usage(base).free
    if free < need_bytes:
        raise OutOfSpace(
            f"{what} needs {need_bytes / 1e9:.2f} GB, {base} has {free / 1e9:.2f} GB left; "
            "free some space, or set HIWM_HOME or --out to another disk"
        )


@contextmanager
def full_disk_is_clear(what: str) -> Iterator[None]:
    """Turns the operating system's "no space left" inside the block into one OutOfSpace line."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise OutOfSpace(
            f"the disk filled up while {what}; what was finished is kept: free some space and run this again"
        ) from error
