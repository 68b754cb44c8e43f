"""Writes episodes as a LeRobot v3 dataset, and opens such datasets offline and quietly.

A LeRobot dataset cannot be read before it is finalised, so it is never the first place of live data: episodes come from
a journal, and the folder that is built here is moved to its place afterwards.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hiwm.data.dataset_files import read_info, read_parquet
from hiwm.data.episode import Episode, Lineage
from hiwm.data.features import ACTION, LINEAGE, STATE, Features, lerobot_features, write_sidecar
from hiwm.errors import BadDataset
from hiwm.spec import RobotSpec

if TYPE_CHECKING:
    from lerobot.configs import RGBEncoderConfig
    from lerobot.datasets import LeRobotDataset

STATS_STRIDE = 10
"""Picture statistics are taken from every tenth frame: on all frames they cost as much as everything else together."""


def write_dataset(
    episodes: Iterable[Episode],
    spec: RobotSpec,
    folder: Path,
    task: str,
    truth_names: Sequence[str] = (),
    features: Features | None = None,
) -> None:
    """Writes a finalised dataset of at least one episode into `folder`, which must not exist, sidecar included.

    features: the columns, by default those for the robot; what an episode does not know is written as NaN, 0 or "". One
    episode is in memory at a time. Raises SpecMismatch on an episode that does not fit the spec, and BadDataset when
    what was written is not complete.
    """
    lerobot_ready()
    from lerobot.datasets import LeRobotDataset, VideoEncodingManager

    columns = lerobot_features(spec, truth_names) if features is None else features
    dataset = LeRobotDataset.create(
        f"local/{folder.name}",
        fps=spec.fps,
        features=columns,
        root=folder,
        robot_type=spec.robot_type,
        video_backend="pyav",
        rgb_encoder=encoder_config(),
        encoder_threads=1,
    )
    with VideoEncodingManager(dataset):
        for episode in episodes:
            episode.check(spec)
            _add_episode(dataset, episode, columns)
    write_sidecar(folder, spec, task)
    check_videos(folder)
    sync_files(folder)


def encoder_config() -> RGBEncoderConfig:
    """H.264 with LeRobot's key frame at every second picture, so that random frames decode fast, and full colour
    (4:4:4).

    The usual 4:2:0 halves the colour's resolution: on the simulators' 128 px pictures that alone leaves 33.7 dB over
    RGB, uncompressed, and a policy would be trained on edges that no camera shows it. Browsers mostly do not play
    4:4:4; the label page then shows single pictures.
    """
    from lerobot.configs import RGBEncoderConfig

    return RGBEncoderConfig(vcodec="h264", pix_fmt="yuv444p", g=2, crf=18, preset="veryfast")


def _add_episode(dataset: LeRobotDataset, episode: Episode, columns: Features) -> None:
    for t in range(episode.length):
        known = _frame(episode, t)
        frame = {name: known[name] if name in known else _blank(column) for name, column in columns.items()}
        dataset.add_frame(frame | {"task": episode.prompt})
    # LeRobot reads the pictures listed here for its statistics only; the video is made from all files of the folder.
    assert dataset.writer is not None
    for camera in episode.images:
        dataset.writer.episode_buffer[camera] = dataset.writer.episode_buffer[camera][::STATS_STRIDE]
    dataset.save_episode(parallel_encoding=False)


def _frame(episode: Episode, t: int) -> dict[str, Any]:
    frame: dict[str, Any] = {name: frames[t] for name, frames in episode.images.items()}
    if episode.state.shape[1]:
        frame[STATE] = episode.state[t]
    if episode.truth is not None:
        frame["truth"] = episode.truth[t]
    return frame | {
        ACTION: episode.action[t],
        "success": episode.success[t : t + 1],
        "progress": episode.progress[t : t + 1],
        "driver": str(episode.drivers[t]),
        "kind": str(episode.kind),
        "scene": episode.scene,
        "lapse": episode.lapses[t],
        **_lineage(episode.lineage, t),
    }


def _lineage(lineage: Lineage | None, t: int) -> dict[str, Any]:
    if lineage is None:
        return {}
    rows = (lineage.intervention, lineage.branch, lineage.parent, lineage.trust)
    return dict(zip(LINEAGE, (*(row[t : t + 1] for row in rows), lineage.source), strict=True))


def _blank(column: Mapping[str, Any]) -> Any:
    """What stands for "not known" in a column."""
    if column["dtype"] == "string":
        return ""
    kind = np.dtype(column["dtype"])
    return np.full(tuple(column["shape"]), np.nan if kind.kind == "f" else 0, kind)


def check_videos(folder: Path) -> None:
    """Raises BadDataset where an episode's video does not have as many frames as the episode has.

    LeRobot only logs a picture that it could not write, and then encodes the ones that are there.
    """
    info = read_info(folder)
    for camera in (name for name, feature in info["features"].items() if feature["dtype"] == "video"):
        names = [f"videos/{camera}/from_timestamp", f"videos/{camera}/to_timestamp", "length"]
        tables = [read_parquet(file, names) for file in sorted((folder / "meta" / "episodes").glob("*/*.parquet"))]
        rows = [row for table in tables for row in zip(*(table.column(n).to_pylist() for n in names), strict=True)]
        for number, (begin_s, end_s, length) in enumerate(rows):
            frames = round((end_s - begin_s) * info["fps"])
            if frames != length:
                raise BadDataset(
                    f"episode {number} of {folder} has {length} frames, its video of {camera} {frames}; "
                    "make room on the disk and write it again"
                )


def open_lerobot(folder: Path) -> LeRobotDataset:
    """Opens a local dataset with LeRobot, never asking the hub, decoding with PyAV."""
    lerobot_ready()
    from lerobot.datasets import LeRobotDataset

    return LeRobotDataset(f"local/{folder.name}", root=folder, video_backend="pyav", return_uint8=True)


def lerobot_ready() -> None:
    """Imports LeRobot, offline and quiet: no look-ups on the hub, no encoder reports or bars on the terminal."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("TQDM_DISABLE", "1")
    import av.logging
    import lerobot.datasets  # noqa: F401
    from datasets import disable_progress_bars

    # LeRobot hands libav's messages back to its default printer after every video; that one obeys this level only.
    av.logging.set_libav_level(av.logging.ERROR)
    disable_progress_bars()
    logging.getLogger("lerobot").setLevel(logging.CRITICAL)


def sync_files(folder: Path) -> None:
    """Forces every file of a folder to the disk, before it replaces or outlives what it was made from."""
    for path in _files(folder):
        with open(path, "rb") as file:
            os.fsync(file.fileno())


def folder_bytes(folder: Path) -> int:
    """Bytes of all files of a folder."""
    return sum(path.stat().st_size for path in _files(folder))


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())
