"""`manifest.json`: which stage made a folder, from which inputs (by hash), with which settings, and what came out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hiwm import __version__
from hiwm.errors import BadInput
from hiwm.runfolder import file_hash, read_json, write_json

FILE = "manifest.json"
NOT_CONTENT = {"training", "tensorboard", "work", "__pycache__", ".cache"}
"""Folders inside an input that do not change what it is: states to resume from, curves."""


@dataclass(frozen=True)
class Manifest:
    """inputs: by name, path and hash. results: None while the stage is not finished."""

    stage: str
    inputs: Mapping[str, Mapping[str, str]]
    settings: Mapping[str, Any]
    results: Mapping[str, Any] | None
    version: str = __version__

    @property
    def complete(self) -> bool:
        """Whether the stage has finished."""
        return self.results is not None


def begin_stage(folder: Path, stage: str, inputs: Mapping[str, Path], settings: Mapping[str, Any]) -> Manifest:
    """Says in `folder` what is being made there; the same call again returns what is there, to be gone on with.

    Raises BadInput where the folder holds something else, or the same from other inputs or with other settings.
    """
    new = _manifest(stage, inputs, settings, None)
    old = read_manifest(folder)
    if old is None:
        if folder.exists() and any(folder.iterdir()):
            raise BadInput(f"{folder} is not empty and was not made by hiwm {stage}; give another --out")
        _write(folder, new)
        return new
    difference = _difference(old, new)
    if difference:
        raise BadInput(f"{folder} holds another {old.stage}: {difference}; give another --out, or remove it")
    return old


def write_manifest(
    folder: Path, stage: str, inputs: Mapping[str, Path], settings: Mapping[str, Any], results: Mapping[str, Any]
) -> None:
    """Writes the manifest of a finished stage. inputs: files or folders by the role they play; each is hashed."""
    _write(folder, _manifest(stage, inputs, settings, results))


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of a folder, None where it has none; raises BadInput on a damaged one."""
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        data = read_json(path)
        return Manifest(data["stage"], data["inputs"], data["settings"], data["results"], data["version"])
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput(
            f"{path} is damaged ({type(error).__name__}: {error}); remove the folder and run again"
        ) from error


def content_hash(place: Path) -> str:
    """SHA-256 of a file, or of a folder's relative paths and contents; raises BadInput where there is neither."""
    if place.is_file():
        return file_hash(place)
    if not place.is_dir():
        raise BadInput(f"expected a file or folder, {place} does not exist; check the path")
    digest = hashlib.sha256()
    for path in sorted(_content(place)):
        digest.update(f"{path.relative_to(place).as_posix()}\0{file_hash(path)}\n".encode())
    return digest.hexdigest()


def _content(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.is_file() and not NOT_CONTENT & set(path.relative_to(folder).parts[:-1]):
            yield path


def _manifest(
    stage: str, inputs: Mapping[str, Path], settings: Mapping[str, Any], results: Mapping[str, Any] | None
) -> Manifest:
    named = {name: {"path": str(path), "hash": content_hash(path)} for name, path in inputs.items()}
    return Manifest(stage, named, json.loads(json.dumps(settings)), results)


def _write(folder: Path, manifest: Manifest) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / FILE, vars(manifest))


def _difference(old: Manifest, new: Manifest) -> str:
    if old.stage != new.stage:
        return f"made by hiwm {old.stage}, not {new.stage}"
    hashes = [{name: one["hash"] for name, one in manifest.inputs.items()} for manifest in (old, new)]
    for was, now in ((old.settings, new.settings), tuple(hashes)):
        for name in sorted(was.keys() | now.keys()):
            if was.get(name) != now.get(name):
                return f"{name} was {_short(was.get(name))}, now {_short(now.get(name))}"
    return ""


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
