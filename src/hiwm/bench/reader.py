"""`hiwm bench reader`: windows a second from hiwm's reader and from LeRobot's own, in one run, on the same windows."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hiwm.data.source import Source, open_source
from hiwm.data.windows import Batch, Offsets, Windows, open_windows
from hiwm.data.writer import lerobot_ready

DIFFUSION = Offsets(images=(-1, 0), state=(-1, 0), action=tuple(range(16)))
"""Two pictures, two states, sixteen actions: the windows that a diffusion policy trains on."""
MIN_TIME_S = 0.5
"""The fast side repeats its pass over the windows for at least this long."""


def bench_reader(
    folder: Path, count: int = 128, batch_size: int = 32, seed: int = 0, offsets: Offsets = DIFFUSION
) -> dict[str, Any]:
    """Reads `count` random windows with both readers and compares speed and every value.

    Returns windows a second of each, their ratio, the largest difference (pictures in levels of 0..255, others in their
    own units), and the seconds that filling the frame cache took (near 0 where it was there). LeRobot runs in this
    process with its PyAV backend and hands out uint8 where it can, which is its fastest setting.
    """
    source = open_source(folder)
    started = time.perf_counter()
    windows = open_windows(source, offsets, show=False)
    cache_s = time.perf_counter() - started
    index_b = np.random.default_rng(seed).integers(0, len(windows), count)
    lerobot_s, items = _read_lerobot(source, offsets, index_b)
    ours_s, batches = _read_ours(windows, index_b, batch_size)
    return {
        "dataset": str(folder),
        "windows": count,
        "batch_size": batch_size,
        "lerobot_per_s": count / lerobot_s,
        "hiwm_per_s": count / ours_s,
        "ratio": lerobot_s / ours_s,
        "max_difference": max_difference(source, items, batches),
        "cache_s": cache_s,
    }


def open_lerobot(source: Source, offsets: Offsets) -> Any:
    """The same windows as a LeRobotDataset."""
    lerobot_ready()
    from lerobot.datasets import LeRobotDataset

    names, fps = source.names, source.spec.fps
    parts = {feature: offsets.images for feature in names.cameras.values()}
    parts[names.action] = offsets.action
    if names.state is not None:
        parts[names.state] = offsets.state
    deltas = {feature: [offset / fps for offset in part] for feature, part in parts.items()}
    return LeRobotDataset(
        "local/bench", root=source.folder, video_backend="pyav", return_uint8=True, delta_timestamps=deltas
    )


def _read_lerobot(source: Source, offsets: Offsets, index_b: NDArray[np.int64]) -> tuple[float, list[dict[str, Any]]]:
    dataset = open_lerobot(source, offsets)
    dataset[int(index_b[0])]
    started = time.perf_counter()
    items = [dataset[index] for index in index_b.tolist()]
    return time.perf_counter() - started, items


def _read_ours(windows: Windows, index_b: NDArray[np.int64], batch_size: int) -> tuple[float, list[Batch]]:
    """Seconds for one pass over the windows (mean of several), and the batches of the first."""
    parts = [index_b[start : start + batch_size] for start in range(0, len(index_b), batch_size)]
    batches = [windows.batch(part) for part in parts]
    passes, started = 0, time.perf_counter()
    while passes == 0 or time.perf_counter() - started < MIN_TIME_S:
        for part in parts:
            windows.batch(part)
        passes += 1
    return (time.perf_counter() - started) / passes, batches


def max_difference(source: Source, items: list[dict[str, Any]], batches: list[Batch]) -> float:
    """The largest difference between LeRobot's windows and ours, over pictures, states, actions and padding."""
    names, worst = source.names, 0.0
    rows = [(batch, row) for batch in batches for row in range(len(batch.index_b))]
    for item, (batch, row) in zip(items, rows, strict=True):
        pairs = [(names.action, batch.action_bta[row], batch.action_is_pad_bt[row])]
        if names.state is not None:
            pairs.append((names.state, batch.state_bts[row], batch.state_is_pad_bt[row]))
        for camera, feature in names.cameras.items():
            pairs.append((feature, batch.images[camera][row], batch.images_is_pad_bt[row]))
        for feature, values, is_pad in pairs:
            worst = max(worst, _difference(item[feature].numpy(), values))
            worst = max(worst, float((item[f"{feature}_is_pad"].numpy() != is_pad).max(initial=False)))
    return worst


def _difference(theirs: NDArray[Any], ours: NDArray[Any]) -> float:
    """Largest difference; LeRobot's pictures are channels first, and 0..1 where they are stored as images."""
    if ours.dtype != np.uint8:
        return float(np.abs(theirs.reshape(ours.shape).astype(np.float64) - ours).max(initial=0))
    last = np.moveaxis(theirs, -3, -1)
    if last.dtype == np.uint8:
        return float(np.abs(last.astype(np.int16) - ours).max(initial=0))
    return 255 * float(np.abs(last - ours.astype(last.dtype) / 255).max(initial=0))
