"""Decoded pictures on disk: one memory-mapped uint8 array per camera, built once, under `$HIWM_HOME/cache/frames`.

A folder `<key>/` holds `frames.npy` (N, H, W, 3) and `cache.json`. The key hashes the names, sizes and times of the
files that the pictures come from, the feature, and the size. Deleting a folder is always safe: it is built again.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from hiwm.data.decode import BadPictures, CameraReader
from hiwm.data.source import Source
from hiwm.errors import BadDataset
from hiwm.runfolder import full_disk_is_clear, hiwm_home, read_json, require_space, write_json
from hiwm.types import Doubles, Picture

FORMAT = 1
type Size = tuple[int, int]
"""(height, width) in pixels."""


@dataclass(frozen=True, eq=False)
class Frames:
    """All pictures of one camera: (N, H, W, 3) uint8, memory-mapped, read only.

    defects: episode -> why its pictures cannot be read; they are black here.
    """

    camera: str
    pictures_nhwc: NDArray[np.uint8]
    defects: dict[int, str]

    def require_whole(self) -> None:
        """Raises BadPictures for the first episode with a defect."""
        for episode, why in sorted(self.defects.items()):
            raise BadPictures(self.camera, episode, why)


def open_frames(source: Source, camera: str, time_n: Doubles, size: Size | None = None, show: bool = True) -> Frames:
    """The cached pictures of a camera, decoded first if they are not there; two processes build them only once.

    time_n: the `timestamp` column (see hiwm.data.columns). size: (H, W) to resize to, stretched; None keeps the
    recorded size. show: a progress bar on the terminal. Raises OutOfSpace before and while writing.
    """
    spec = source.camera(camera)
    full_size = (spec.height, spec.width)
    size = full_size if size is None else size
    place = hiwm_home() / "cache" / "frames" / _key(source, spec.name, size)
    with _locked(place):
        if not (place / "cache.json").exists():
            shape = (source.episodes.frames, *size, 3)
            require_space(place, int(np.prod(shape)), f"caching {len(time_n)} pictures of {spec.name}")
            resize = _resizer(size) if size != full_size else None
            _build(place, source, CameraReader(source, spec.name, time_n), shape, resize, show)
    defects = read_json(place / "cache.json")["defects"]
    pictures = np.load(place / "frames.npy", mmap_mode="r")
    return Frames(spec.name, pictures, {int(episode): why for episode, why in defects.items()})


def _key(source: Source, camera: str, size: Size) -> str:
    feature = source.names.cameras[camera]
    files = dict.fromkeys(source.episodes.video_files.get(feature, source.episodes.data_files))
    stats = [(file, file.stat()) for file in files]
    parts = {
        "format": FORMAT,
        "feature": feature,
        "size": size,
        "files": [(str(f.relative_to(source.folder)), s.st_size, s.st_mtime_ns) for f, s in stats],
        "starts": source.episodes.start_e.tolist(),
    }
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


@contextmanager
def _locked(place: Path) -> Iterator[None]:
    """Only one process is inside for the same place; the lock goes with the process that dies."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with open(place.with_name(place.name + ".lock"), "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _resizer(size: Size) -> Callable[[Picture], Picture]:
    from PIL import Image

    def resize(picture: Picture) -> Picture:
        """Pillow's bilinear filter, which averages over all source pixels when it shrinks."""
        return np.asarray(Image.fromarray(picture).resize((size[1], size[0]), Image.Resampling.BILINEAR))

    return resize


def _build(
    place: Path,
    source: Source,
    reader: CameraReader,
    shape: tuple[int, ...],
    resize: Callable[[Picture], Picture] | None,
    show: bool,
) -> None:
    """Writes the pictures beside the place and renames; appended, not mapped, so that a full disk is an error."""
    beside = place.with_name(place.name + ".building")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    defects: dict[int, str] = {}
    with full_disk_is_clear("caching pictures"):
        with open(beside / "frames.npy", "wb") as file, _progress(shape[0], show) as advance:
            header = {"descr": "|u1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)  # type: ignore[no-untyped-call]
            for episode, length in enumerate(source.episodes.length_e.tolist()):
                why = _append_episode(file, reader, episode, length, shape, resize)
                if why is not None:
                    defects[episode] = why
                advance(length)
            file.flush()
            os.fsync(file.fileno())
        about = {"format": FORMAT, "dataset": str(source.folder.resolve()), "defects": defects}
        write_json(beside / "cache.json", about)
    os.rename(beside, place)


def _append_episode(
    file: BinaryIO,
    reader: CameraReader,
    episode: int,
    length: int,
    shape: tuple[int, ...],
    resize: Callable[[Picture], Picture] | None,
) -> str | None:
    """Writes an episode's pictures; returns why they cannot be read, and then writes black ones."""
    start, bytes_each = file.tell(), int(np.prod(shape[1:]))
    try:
        for picture in reader.pictures(episode):
            file.write(np.ascontiguousarray(picture if resize is None else resize(picture)).data)
    except BadPictures as error:
        file.seek(start)
        for _ in range(length):
            file.write(bytes(bytes_each))
        return error.why
    if file.tell() != start + length * bytes_each:
        raise BadDataset(f"camera pictures of episode {episode} do not fill {length} frames; record it again")
    return None


@contextmanager
def _progress(total: int, show: bool) -> Iterator[Callable[[int], Any]]:
    """A terminal progress bar on standard error, gone when done."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True, disable=not show) as bar:
        task = bar.add_task("decoding pictures", total=total)
        yield lambda count: bar.advance(task, count)
