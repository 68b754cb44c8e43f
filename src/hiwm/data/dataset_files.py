"""What a LeRobot v3 dataset has on disk: its info, its episode table, and whether every file is there and whole.

Layout (meta/info.json, meta/episodes/*/*.parquet, data/, videos/):
https://huggingface.co/docs/lerobot/lerobot-dataset-v3
"""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hiwm.errors import BadDataset
from hiwm.types import Doubles

RESTORE = "restore it from a copy, or record the dataset again"


@dataclass(frozen=True, eq=False)
class Episodes:
    """Where the episodes lie; every sequence has one entry per episode (E).

    length_e, start_e: frames, and the dataset index of the first one. data_row_e: the row of that one in its data
    file. video_files and video_start_s (seconds into the file) are by video feature; cameras stored as images have
    none, their pictures are in data_files.
    """

    length_e: NDArray[np.int64]
    start_e: NDArray[np.int64]
    prompts: tuple[str, ...]
    data_files: tuple[Path, ...]
    data_row_e: NDArray[np.int64]
    video_files: Mapping[str, tuple[Path, ...]]
    video_start_s: Mapping[str, Doubles]

    @property
    def count(self) -> int:
        """Number of episodes."""
        return len(self.length_e)

    @property
    def frames(self) -> int:
        """Number of frames of all episodes."""
        return int(self.length_e.sum())

    def rows(self, episode: int) -> slice:
        """The dataset indices of an episode's frames."""
        return slice(int(self.start_e[episode]), int(self.start_e[episode] + self.length_e[episode]))

    def episode_of(self, index: int) -> int:
        """The episode that a dataset index belongs to."""
        return int(np.searchsorted(self.start_e, index, side="right")) - 1


def read_info(folder: Path) -> dict[str, Any]:
    """`meta/info.json`; raises BadDataset where it is missing, damaged or of another format than v3."""
    path = folder / "meta" / "info.json"
    if not path.is_file():
        raise BadDataset(f"expected a LeRobot v3 dataset, but {path} does not exist; give the folder that holds meta/")
    try:
        info: dict[str, Any] = json.loads(path.read_text())
        version, _ = str(info["codebase_version"]), (info["features"], info["fps"], info["data_path"])
    except (ValueError, TypeError, KeyError) as error:
        raise BadDataset(f"{path} is damaged ({type(error).__name__}: {error}); {RESTORE}") from error
    _require_v3(folder, version)
    return info


def _require_v3(folder: Path, version: str) -> None:
    if version.startswith("v3."):
        return
    if version == "v2.1":
        raise BadDataset(
            f"{folder} is a LeRobot dataset of format v2.1, hiwm reads v3; convert it in place (keeps a copy in "
            f"{folder.name}_old) with: {convert_command(folder)}"
        )
    raise BadDataset(
        f"{folder} is a LeRobot dataset of format {version}, hiwm reads v3; "
        "bring it to v2.1 or v3 with the lerobot release that wrote it"
    )


def convert_command(folder: Path) -> str:
    """The shell command that converts a local v2.1 dataset to v3, in place (lerobot 0.6.1)."""
    root = folder.resolve()
    return (
        "python -m lerobot.scripts.convert_dataset_v21_to_v30 "
        f"--repo-id={shlex.quote(f'local/{root.name}')} --root={shlex.quote(str(root))} --push-to-hub=false"
    )


def read_parquet(path: Path, columns: Sequence[str] | None = None) -> Any:
    """A parquet file as a pyarrow table, all columns or those named; raises BadDataset where it is missing or cut."""
    file = open_parquet(path)
    missing = sorted(set(columns or ()) - set(file.schema_arrow.names))
    if missing:
        raise BadDataset(f"{path} has no column {', '.join(missing)}, which meta/info.json declares; {RESTORE}")
    try:
        return file.read(columns=list(columns) if columns is not None else None)
    except OSError as error:
        raise BadDataset(f"{path} is damaged ({error}); {RESTORE}") from error


def open_parquet(path: Path) -> Any:
    """A pyarrow ParquetFile; raises BadDataset where it is missing or has no footer."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(path)
    except FileNotFoundError as error:
        raise BadDataset(f"{path} is missing, but the dataset's episode table names it; {RESTORE}") from error
    except pa.ArrowInvalid as error:
        raise BadDataset(
            f"{path} has no valid parquet footer: its writer ended before the dataset was finalised; {RESTORE}"
        ) from error


def read_episodes(folder: Path, info: Mapping[str, Any], videos: Sequence[str]) -> Episodes:
    """The episode table, checked against `info` and against the files; raises BadDataset.

    videos: the features whose pictures are in mp4 files.
    """
    import pyarrow as pa

    files = sorted((folder / "meta" / "episodes").glob("*/*.parquet"))
    if not files:
        raise BadDataset(f"{folder} has no episode table (meta/episodes/*/*.parquet), so nothing was saved; {RESTORE}")
    names = ["tasks", "length", "dataset_from_index", "data/chunk_index", "data/file_index"]
    for video in videos:
        names += [f"videos/{video}/{part}" for part in ("chunk_index", "file_index", "from_timestamp")]
    table = pa.concat_tables([read_parquet(file, names) for file in files], promote_options="default")
    cells = {name: table.column(name).to_pylist() for name in names}
    length_e = np.array(cells["length"], np.int64)
    data_files = _paths(folder, info["data_path"], cells, "data")
    episodes = Episodes(
        length_e=length_e,
        start_e=np.array(cells["dataset_from_index"], np.int64),
        prompts=tuple(tasks[0] if tasks else "" for tasks in cells["tasks"]),
        data_files=data_files,
        data_row_e=_rows_before(data_files, length_e),
        video_files={v: _paths(folder, info["video_path"], cells, f"videos/{v}", video_key=v) for v in videos},
        video_start_s={v: np.array(cells[f"videos/{v}/from_timestamp"], np.float64) for v in videos},
    )
    _check_totals(folder, info, episodes)
    _check_files(episodes)
    return episodes


def _paths(
    folder: Path, template: str, cells: Mapping[str, Sequence[int]], prefix: str, **fixed: str
) -> tuple[Path, ...]:
    places = zip(cells[f"{prefix}/chunk_index"], cells[f"{prefix}/file_index"], strict=True)
    return tuple(folder / template.format(chunk_index=chunk, file_index=file, **fixed) for chunk, file in places)


def _rows_before(files: Sequence[Path], length_e: NDArray[np.int64]) -> NDArray[np.int64]:
    """Per episode the frames of earlier episodes in the same data file."""
    filled: dict[Path, int] = {}
    rows = []
    for path, length in zip(files, length_e.tolist(), strict=True):
        rows.append(filled.get(path, 0))
        filled[path] = rows[-1] + length
    return np.array(rows, np.int64)


def _check_totals(folder: Path, info: Mapping[str, Any], episodes: Episodes) -> None:
    said = (info.get("total_episodes", 0), info.get("total_frames", 0))
    if said != (episodes.count, episodes.frames):
        raise BadDataset(
            f"{folder}/meta/info.json says {said[0]} episodes and {said[1]} frames, the episode table has "
            f"{episodes.count} and {episodes.frames}: a recording session was not finalised; {RESTORE}"
        )
    if episodes.count == 0:
        raise BadDataset(f"{folder} has no episodes; record some first")
    if (episodes.length_e < 1).any():
        raise BadDataset(f"episode {np.argmin(episodes.length_e)} of {folder} has no frames; remove it")
    if not np.array_equal(episodes.start_e, np.cumsum(episodes.length_e) - episodes.length_e):
        raise BadDataset(f"the episodes of {folder} do not follow one another without gaps; {RESTORE}")


def _check_files(episodes: Episodes) -> None:
    rows: dict[Path, int] = {}
    for path, length in zip(episodes.data_files, episodes.length_e.tolist(), strict=True):
        rows[path] = rows.get(path, 0) + length
    for path, expected in rows.items():
        found = open_parquet(path).metadata.num_rows
        if found != expected:
            first = episodes.data_files.index(path)
            raise BadDataset(f"{path} (from episode {first}) has {found} frames, expected {expected}; {RESTORE}")
    for video, paths in episodes.video_files.items():
        for path in dict.fromkeys(paths):
            if not path.is_file() or path.stat().st_size == 0:
                raise BadDataset(f"{path} ({video} from episode {paths.index(path)}) is missing or empty; {RESTORE}")


def read_stats(folder: Path, feature: str, count: int) -> tuple[list[float], list[float]] | None:
    """Lowest and highest value of each of a feature's `count` numbers from `meta/stats.json`, None where not stated."""
    path = folder / "meta" / "stats.json"
    if not path.is_file():
        return None
    try:
        stats = json.loads(path.read_text()).get(feature, {})
        low, high = (np.ravel(np.array(stats.get(key, []), np.float64)).tolist() for key in ("min", "max"))
    except (ValueError, TypeError, AttributeError) as error:
        raise BadDataset(f"{path} is damaged ({error}); {RESTORE}") from error
    if len(low) != count or len(high) != count or not all(map(math.isfinite, low + high)):
        return None
    return low, high
