"""Proves that a dataset holds what its sessions hold: numbers and words equal, pictures alike."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hiwm.corrections.dataset import Chosen
from hiwm.corrections.episodes import episode_of
from hiwm.corrections.reading import opened
from hiwm.data.columns import Columns, read_columns
from hiwm.data.dataset_files import read_parquet
from hiwm.data.decode import CameraReader
from hiwm.data.episode import Episode, Lineage
from hiwm.data.features import LINEAGE
from hiwm.data.source import Source, open_source
from hiwm.data.writer import open_lerobot
from hiwm.errors import BadDataset

ALIKE = 8.0
"""Mean difference of grey levels that encoding may make in a picture."""


def compare(chosen: Sequence[Chosen], folder: Path) -> int:
    """Opens the dataset by LeRobot and compares it with the sessions; returns the number of frames.

    Of pictures the first and the last of each episode are compared. Raises BadDataset.
    """
    frames = len(open_lerobot(folder))
    source = open_source(folder)
    columns = read_columns(source)
    readers = [CameraReader(source, camera.name, columns.time_n) for camera in source.spec.cameras]
    number = 0
    for one in chosen:
        with opened(one.path) as session:
            for take in one.takes:
                _compare_episode(source, columns, readers, number, episode_of(session, take))
                number += 1
    if (source.episodes.count, source.episodes.frames) != (number, frames):
        raise BadDataset(f"{folder} has {source.episodes.count} episodes, expected {number}; export again")
    return frames


def _compare_episode(
    source: Source, columns: Columns, readers: Sequence[CameraReader], number: int, episode: Episode
) -> None:
    where = f"episode {number} of {source.folder}"
    rows = source.episodes.rows(number)
    _require(rows.stop - rows.start == episode.length, where, "length")
    _require_equal(columns.action_na[rows], episode.action, where, "actions")
    _require_equal(columns.state_ns[rows], episode.state, where, "states")
    if episode.lineage is not None and "branch_id" in source.features:
        _compare_lineage(source, number, episode.lineage, where)
    for reader, theirs in zip(readers, episode.images.values(), strict=True):
        ends = (0, episode.length - 1)
        for picture, frame in zip(reader.pictures(number, ends), ends, strict=True):
            off = float(np.abs(picture.astype(np.int16) - theirs[frame]).mean())
            _require(off <= ALIKE, where, f"the picture of frame {frame}")


def _compare_lineage(source: Source, number: int, lineage: Lineage, where: str) -> None:
    table = read_parquet(source.episodes.data_files[number], LINEAGE)
    rows = table.slice(int(source.episodes.data_row_e[number]), len(lineage.branch))
    columns: tuple[NDArray[Any], ...] = (lineage.intervention, lineage.branch, lineage.parent, lineage.trust)
    for name, theirs in zip(LINEAGE, columns, strict=False):
        ours = np.array([np.ravel(cell)[0] for cell in rows.column(name).to_pylist()]).astype(theirs.dtype)
        _require_equal(ours, theirs, where, name)
    _require(set(rows.column("source").to_pylist()) == {lineage.source}, where, "source")


def _require_equal(ours: Any, theirs: Any, where: str, what: str) -> None:
    same = np.array_equal(ours, theirs, equal_nan=np.asarray(theirs).dtype.kind == "f")
    _require(same, where, what)


def _require(same: bool, where: str, what: str) -> None:
    if not same:
        raise BadDataset(f"{where} differs from its session in {what}; nothing was replaced: export again")
