"""What a policy learns from: windows of numbers and pictures of one dataset, as batches for LeRobot's policies.

Frames of an episode that somebody else took over belong to another hand: a chunk of actions never runs from what the
policy did into what a person did next. Short episodes keep all their frames; what lies beyond their end is masked.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lerobot.configs import PreTrainedConfig
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from hiwm.data.dataset_files import read_parquet
from hiwm.data.source import Source
from hiwm.data.windows import Batch, Indices, Mask, Offsets, Windows, open_windows
from hiwm.errors import BadInput
from hiwm.policies.eye import EyeStep, object_names
from hiwm.policies.features import ACTION, ENVIRONMENT, STATE
from hiwm.runfolder import full_disk_is_clear, hiwm_home, write_bytes
from hiwm.types import Doubles, Driver, Floats

BLOCK = 2048
"""Frames that an eye reads and keeps together."""
INTERVENTION, TRUST = "intervention", "trust"
"""Columns of a dataset of corrections: a person steers here; the world's picture is right with this probability."""


@dataclass(frozen=True, eq=False)
class Examples:
    """A dataset as a policy sees it. Of its N frames those in `index` may begin a window, drawn by `weight`.

    read_ne: what the policy's eye reads in each frame, None where the policy looks itself. hand_n: frames of one
    stretch under the same hand share a number.
    """

    windows: Windows
    index: Indices
    weight: Doubles
    eye: EyeStep | None
    read_ne: Floats | None
    hand_n: Indices
    stacked: bool
    pictures: tuple[str, ...]

    def batch(self, index_b: Indices) -> dict[str, Any]:
        """A raw LeRobot batch, as its preprocessor takes it."""
        taken = self.windows.batch(index_b)
        state = taken.state_bts
        batch: dict[str, Any] = {STATE: self._time(state)}
        for name in self.pictures:
            batch[name] = self._time(taken.images[name]).movedim(-1, -3).float() / 255
        if self.eye is not None and self.read_ne is not None:
            read = self.read_ne[self._rows(taken)]
            batch[self.eye.into] = self._time(np.concatenate([state, read], -1) if self.eye.into == STATE else read)
        action, masked = self._actions(taken)
        prompts = self.windows.source.episodes.prompts
        return batch | {
            ACTION: torch.from_numpy(action),
            f"{ACTION}_is_pad": torch.from_numpy(masked),
            "task": [prompts[episode] for episode in taken.episode_b.tolist()],
        }

    def draw(self, count: int, rng: np.random.Generator) -> dict[str, Any]:
        """A batch of `count` windows drawn by weight."""
        ends = np.cumsum(self.weight)
        return self.batch(self.index[np.searchsorted(ends, rng.random(count) * ends[-1], side="right")])

    def _time(self, values_bt: NDArray[Any]) -> torch.Tensor:
        values = torch.from_numpy(np.ascontiguousarray(values_bt))
        return values if self.stacked else values[:, -1]

    def _rows(self, taken: Batch) -> Indices:
        """(B, T) dataset indices of the window's states, kept inside their episodes."""
        return self._inside(taken, self.windows.offsets.state)

    def _inside(self, taken: Batch, offsets: tuple[int, ...]) -> Indices:
        episodes = self.windows.source.episodes
        first_b = episodes.start_e[taken.episode_b]
        last_b = first_b + episodes.length_e[taken.episode_b] - 1
        return np.clip(taken.index_b[:, None] + np.array(offsets, np.int64), first_b[:, None], last_b[:, None])

    def _actions(self, taken: Batch) -> tuple[Floats, Mask]:
        """Actions and where they do not count; there the last one that counts is held, as chunks are seen whole."""
        rows = self._inside(taken, self.windows.offsets.action)
        other = self.hand_n[rows] > self.hand_n[taken.index_b][:, None]
        masked = taken.action_is_pad_bt | other
        steps = np.arange(masked.shape[1])
        last_b = np.where(~masked, steps, -1).max(1)
        held = np.where(other, np.minimum(steps, last_b[:, None]), steps)
        return np.take_along_axis(taken.action_bta, held[:, :, None], 1), masked


def open_examples(
    source: Source,
    config: PreTrainedConfig,
    eye: EyeStep | None,
    kinds: Sequence[str] = (),
    policy_weight: float = 0.25,
    show: Callable[[str], None] = lambda said: None,
) -> Examples:
    """Opens a dataset for a policy.

    kinds: only episodes of these kinds (demo, failure, edge); all where empty. policy_weight: of a frame in which the
    policy itself steers, in a dataset that says where a person did. Raises BadInput where nothing is left.
    """
    past = config.observation_delta_indices
    offsets = tuple(past or (0,))
    actions = tuple(config.action_delta_indices or range(getattr(config, "chunk_size", 1)))
    pictures = tuple(name for name in config.image_features if "empty_camera" not in name)
    windows = open_windows(source, Offsets(offsets if pictures else (), offsets, actions), None, show=False)
    index = _frames_of(windows, kinds)
    read = None if eye is None else read_frames(windows, eye, index, show)
    hands, weight = _hands_and_weights(windows, policy_weight)
    return Examples(windows, index, weight[index], eye, read, hands, past is not None, pictures)


def _frames_of(windows: Windows, kinds: Sequence[str]) -> Indices:
    """The frames of the episodes of these kinds."""
    every, kind = np.arange(len(windows)), windows.columns.kind
    if not kinds or kind is None:
        return every
    known = [code for code, word in enumerate(kind.vocabulary) if word in kinds]
    chosen = every[np.isin(kind.codes_n, known)]
    if not len(chosen):
        raise BadInput(
            f"expected episodes of kind {', '.join(kinds)}, {windows.source.folder} has {', '.join(kind.vocabulary)}; "
            "choose with --kinds"
        )
    return chosen


def _hands_and_weights(windows: Windows, policy_weight: float) -> tuple[Indices, Doubles]:
    """Per frame a number that grows where a person takes over, and how much the frame counts."""
    frames, source = len(windows), windows.source
    steered = _column(source, INTERVENTION)
    driver = windows.columns.driver
    if steered is None and driver is not None:
        # A dataset of demonstrations is all one hand; in one of corrections the policy drives somewhere.
        policy = [code for code, word in enumerate(driver.vocabulary) if word == Driver.POLICY]
        by_policy = np.isin(driver.codes_n, policy)
        steered = (~by_policy).astype(np.float64) if by_policy.any() and not by_policy.all() else None
    if steered is None:
        return np.zeros(frames, np.int64), np.ones(frames)
    person = steered > 0.5
    takes_over = np.concatenate([[False], person[1:] & ~person[:-1]])
    weight = np.where(person, 1.0, policy_weight)
    trust = _column(source, TRUST)
    if trust is not None:
        weight = weight * np.where(np.isfinite(trust), np.clip(trust, 0.05, 1), 1)
    return np.cumsum(takes_over), weight


def _column(source: Source, name: str) -> Doubles | None:
    """A column of one number a frame, None where the dataset has none."""
    if name not in source.features:
        return None
    files = dict.fromkeys(source.episodes.data_files)
    parts = [read_parquet(file, [name]).column(name).to_pylist() for file in files]
    return np.array([np.ravel(value)[0] if value is not None else np.nan for part in parts for value in part], float)


def read_frames(windows: Windows, eye: EyeStep, index: Indices, show: Callable[[str], None]) -> Floats:
    """(N, E) what an eye reads in the frames of `index` and around them, NaN elsewhere.

    Read once, block by block, and kept under $HIWM_HOME/cache, so that what was read before a stop stays read.
    """
    place = hiwm_home() / "cache" / "eyes" / _eye_key(windows, eye)
    place.mkdir(parents=True, exist_ok=True)
    cameras = [windows.frames[name].pictures_nhwc for name in eye.camera_names]
    blocks, read = np.unique(index // BLOCK), None
    missing = [block for block in blocks.tolist() if not (place / f"{block}.safetensors").exists()]
    if missing:
        show(f"the eye reads {len(missing) * BLOCK:,} pictures, once")
    for block in blocks.tolist():
        rows = slice(block * BLOCK, min((block + 1) * BLOCK, len(windows)))
        seen = _read_block(place / f"{block}.safetensors", eye, cameras, windows.columns.state_ns, rows)
        if read is None:
            read = np.full((len(windows), seen.shape[1]), np.nan, np.float32)
        read[rows] = seen
    assert read is not None  # there are no datasets without frames
    return read


def _read_block(path: Path, eye: EyeStep, cameras: list[NDArray[np.uint8]], states_ns: Floats, rows: slice) -> Floats:
    try:
        return np.asarray(load_file(path)["read"], np.float32)
    except (OSError, SafetensorError, KeyError):
        pass
    seen = eye.read(np.concatenate([frames[rows] for frames in cameras], -1), states_ns[rows])
    with full_disk_is_clear("keeping what the eye has read"):
        write_bytes(path, save({"read": np.ascontiguousarray(seen)}))  # it writes the bytes as they lie
    return seen


def _eye_key(windows: Windows, eye: EyeStep) -> str:
    """Changes with the pictures and with what the eye reads in them, wherever its numbers go then."""
    alone = {"into": ENVIRONMENT, "width": len(object_names(eye.known, eye.objects)), "keep": False}
    said = hashlib.sha256(json.dumps(eye.get_config() | alone, sort_keys=True, default=str).encode())
    for _, tensor in sorted(eye.state_dict().items()):
        said.update(tensor.numpy().tobytes())
    source = windows.source
    for files in source.episodes.video_files.values() or [source.episodes.data_files]:
        for path in dict.fromkeys(files):
            stat = path.stat()
            said.update(f"{path.resolve()} {stat.st_size} {stat.st_mtime_ns}".encode())
    return said.hexdigest()[:32]
