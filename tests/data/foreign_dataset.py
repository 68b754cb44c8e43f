"""A small dataset as others record them: two cameras of different sizes, 3 action numbers, 15 Hz, nothing of hiwm's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hiwm.data.writer import lerobot_ready
from hiwm.types import Picture

HIGH = "observation.images.cam_high"
WRIST = "observation.images.wrist"
SIZES = {HIGH: (48, 64), WRIST: (40, 40)}
FPS = 15


def make_foreign(
    folder: Path,
    lengths: Sequence[int] = (20, 12, 9),
    dtypes: Mapping[str, str] | None = None,
    tasks: Sequence[str] = ("pick the cube", "place the cube"),
    small_files: bool = False,
    extra: Mapping[str, dict[str, Any]] | None = None,
    extra_values: Mapping[str, Any] | None = None,
    sizes: Mapping[str, tuple[int, int]] = SIZES,
) -> Path:
    """Writes one with LeRobot itself; `cam_high` is a video and `wrist` an image unless `dtypes` says otherwise.

    small_files: one data file and one video file per episode. extra: more features, with one value for all frames.
    """
    lerobot_ready()
    from lerobot.configs import RGBEncoderConfig
    from lerobot.datasets import LeRobotDataset, VideoEncodingManager

    dtypes = dtypes or {HIGH: "video", WRIST: "image"}
    axes = ["height", "width", "channels"]
    features: dict[str, dict[str, Any]] = {
        camera: {"dtype": dtype, "shape": (*sizes[camera], 3), "names": axes} for camera, dtype in dtypes.items()
    }
    features["observation.state"] = {
        "dtype": "float32",
        "shape": (7,),
        "names": {"motors": [f"joint_{i}" for i in range(7)]},
    }
    features["action"] = {"dtype": "float32", "shape": (3,), "names": None}
    features.update(extra or {})
    dataset = LeRobotDataset.create(
        "local/foreign",
        fps=FPS,
        features=features,
        root=folder,
        use_videos="video" in dtypes.values(),
        video_backend="pyav",
        rgb_encoder=RGBEncoderConfig(vcodec="h264"),
        # LeRobot starts a new file when one is larger; it takes fractions of a megabyte, too.
        data_files_size_in_mb=1e-6 if small_files else 100,  # type: ignore[arg-type]
        video_files_size_in_mb=1e-6 if small_files else 200,  # type: ignore[arg-type]
    )
    rng = np.random.default_rng(0)
    with VideoEncodingManager(dataset):
        for episode, length in enumerate(lengths):
            for t in range(length):
                dataset.add_frame(
                    {
                        **{camera: moving_square(sizes[camera], episode, t) for camera in dtypes},
                        "observation.state": rng.normal(size=7).astype(np.float32),
                        "action": np.array([t / length, np.sin(t / 5 + episode), np.cos(t / 7)], np.float32),
                        "task": tasks[episode % len(tasks)],
                        **(extra_values or {}),
                    }
                )
            dataset.save_episode(parallel_encoding=False)
    return folder


def moving_square(size: tuple[int, int], episode: int, t: int) -> Picture:
    """A bright square that wanders over a dark, faintly structured table."""
    height, width = size
    rows, columns = np.mgrid[:height, :width]
    picture = np.stack([40 + rows // 2, 44 + columns // 3, 50 + (rows + columns) // 6], axis=-1).astype(np.uint8)
    top = (5 + 2 * t + 7 * episode) % (height - 10)
    left = (3 + 3 * t) % (width - 10)
    picture[top : top + 10, left : left + 10] = (230, 200 - 20 * (episode % 10), 80)
    return picture
