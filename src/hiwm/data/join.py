"""Joins LeRobot datasets into one, proves that the result reads back as what went in, and counts what is in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hiwm.data.dataset_files import Episodes, read_episodes, read_info, read_parquet
from hiwm.data.writer import lerobot_ready, open_lerobot, sync_files
from hiwm.errors import BadDataset
from hiwm.types import Kind

if TYPE_CHECKING:
    from lerobot.datasets import LeRobotDataset

_RENUMBERED = {"index", "episode_index", "task_index"}
"""Columns that joining changes; LeRobot itself relies on them to find frames."""


def join_datasets(parts: Sequence[Path], folder: Path) -> None:
    """Joins finalised datasets of one robot, in this order, into `folder`, which must not exist, and verifies it.

    Videos are copied, not concatenated: the work grows with the number of episodes only. The sidecar is left to the
    caller. Raises BadDataset.
    """
    lerobot_ready()
    from lerobot.datasets import aggregate_datasets

    aggregate_datasets(
        [f"local/{part.name}" for part in parts],
        f"local/{folder.name}",
        roots=list(parts),
        aggr_root=folder,
        concatenate_videos=False,
        concatenate_data=False,
    )
    verify_joined(parts, folder)
    sync_files(folder)


def verify_joined(parts: Sequence[Path], folder: Path) -> None:
    """Raises BadDataset unless `folder`, read by LeRobot, has the frames of all parts.

    Compared are all numbers and words, as the parts' own files have them, and the first and last pictures of each part.
    One file of a part is in memory at a time.
    """
    joined = open_lerobot(folder)
    stop = 0
    for part in parts:
        episodes = read_episodes(part, read_info(part), joined.meta.video_keys)
        start, stop = stop, stop + episodes.frames
        _require(len(joined) >= stop, folder, part, "the number of frames")
        row = start
        for file in dict.fromkeys(episodes.data_files):
            theirs = read_parquet(file)
            ours: Any = joined.hf_dataset.with_format("arrow")[row : row + theirs.num_rows]
            row += theirs.num_rows
            for name in set(theirs.column_names) - _RENUMBERED:
                _require(np.array_equal(_flat(ours[name]), _flat(theirs[name])), folder, part, name)
        _compare_pictures(joined, {start: (0, 0), stop - 1: (-1, int(episodes.length_e[-1]) - 1)}, part, episodes)
    _require(len(joined) == stop, folder, folder, "the number of frames")


def _flat(column: Any) -> NDArray[Any]:
    """A column of numbers, lists of numbers, or words, end to end."""
    import pyarrow.compute as pc
    import pyarrow.types as pt

    if pt.is_list(column.type) or pt.is_fixed_size_list(column.type):
        column = pc.list_flatten(column)
    values: NDArray[Any] = column.to_numpy(zero_copy_only=False)
    return values


def _compare_pictures(
    joined: LeRobotDataset, wanted: Mapping[int, tuple[int, int]], part: Path, episodes: Episodes
) -> None:
    """wanted: index in the joined dataset -> episode of the part and frame in the episode."""
    from lerobot.datasets.video_utils import decode_video_frames

    for index, (episode, frame) in wanted.items():
        ours: Any = joined[index]
        for camera, files in episodes.video_files.items():
            time_s = float(episodes.video_start_s[camera][episode]) + frame / joined.fps
            [theirs] = decode_video_frames(files[episode], [time_s], 1e-4, "pyav", return_uint8=True)
            _require(bool((ours[camera] == theirs).all()), joined.root, part, f"pictures of {camera}")


def _require(same: bool, folder: Path, part: Path, what: str) -> None:
    if not same:
        raise BadDataset(f"{folder} differs from {part} in {what} after joining; nothing was replaced: run it again")


@dataclass(frozen=True)
class Tally:
    """How many episodes of a kind a dataset has, and how many of them are in success at their last frame."""

    episodes: int
    successes: int


def tally_kinds(folder: Path) -> dict[Kind, Tally]:
    """Counts the episodes of a dataset that `write_dataset` or `join_datasets` made."""
    episodes = read_episodes(folder, read_info(folder), [])
    ends: Counter[tuple[str, bool]] = Counter()
    for file in dict.fromkeys(episodes.data_files):
        table = read_parquet(file, ["episode_index", "kind", "success"])
        numbers = table["episode_index"].to_numpy()
        last = table.take(np.flatnonzero(np.append(np.diff(numbers) != 0, True)))
        ends.update(zip(last["kind"].to_pylist(), last["success"].to_pylist(), strict=True))
    return {kind: Tally(ends[kind, True] + ends[kind, False], ends[kind, True]) for kind in Kind}
