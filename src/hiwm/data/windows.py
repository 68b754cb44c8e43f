"""The fast reader for training: windows of pictures, states and actions around any frame, as numpy arrays.

Pictures come from the frame cache, all else from memory, so a window is an indexing operation. Values and padding equal
those of `LeRobotDataset` with `delta_timestamps` (float columns as float32, pictures as uint8 and channels last).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hiwm.data.columns import Columns, first_nonfinite, read_columns
from hiwm.data.frame_cache import Frames, Size, open_frames
from hiwm.data.source import Source
from hiwm.errors import BadDataset, BadInput
from hiwm.types import Floats

type Indices = NDArray[np.int64]
type Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Offsets:
    """Which frames, relative to a window's index, give its pictures (and readings), states and actions.

    0 is the index itself, -1 the frame before it. Two pictures and states and the next sixteen actions:
    `Offsets(images=(-1, 0), state=(-1, 0), action=tuple(range(16)))`.
    """

    images: tuple[int, ...] = (0,)
    state: tuple[int, ...] = (0,)
    action: tuple[int, ...] = (0,)

    @staticmethod
    def span(past: int, future: int) -> Offsets:
        """Everything from `past` frames before the index to `future` frames after it, past + 1 + future in all."""
        offsets = tuple(range(-past, future + 1))
        return Offsets(offsets, offsets, offsets)

    @property
    def past(self) -> int:
        """How many frames before its index a window reaches."""
        return max(0, -min(self.images + self.state + self.action, default=0))

    @property
    def future(self) -> int:
        """How many frames after its index a window reaches."""
        return max(0, max(self.images + self.state + self.action, default=0))


@dataclass(frozen=True, eq=False)
class Batch:
    """B windows; T is the number of offsets of pictures (Ti), states (Ts) and actions (Ta).

    Beyond the ends of its episode a window repeats the first or last frame, and `*_is_pad` is True there. progress,
    success and truth belong to the pictures; progress and success are NaN where nobody can say, truth is None outside a
    simulator.
    """

    index_b: Indices
    episode_b: Indices
    images: Mapping[str, NDArray[np.uint8]]
    images_is_pad_bt: Mask
    state_bts: Floats
    state_is_pad_bt: Mask
    action_bta: Floats
    action_is_pad_bt: Mask
    progress_bt: Floats
    success_bt: Floats
    truth_btk: Floats | None


@dataclass(frozen=True, eq=False)
class Windows:
    """A dataset opened for training. `columns` and `frames` hold all N frames, for what does not come in windows."""

    source: Source
    offsets: Offsets
    columns: Columns
    frames: Mapping[str, Frames]

    def __len__(self) -> int:
        """Number of frames; every frame has a window."""
        return self.source.episodes.frames

    def batch(self, index_b: Indices) -> Batch:
        """The windows around some dataset indices; raises BadInput where one is outside the dataset."""
        if len(index_b) and not 0 <= index_b.min() <= index_b.max() < len(self):
            raise BadInput(f"expected dataset indices from 0 to {len(self) - 1}, got {index_b.min()}..{index_b.max()}")
        images, images_is_pad = self._rows(index_b, self.offsets.images)
        state, state_is_pad = self._rows(index_b, self.offsets.state)
        action, action_is_pad = self._rows(index_b, self.offsets.action)
        truth = self.columns.truth_nk
        return Batch(
            index_b=index_b,
            episode_b=self._episodes(index_b),
            images={name: frames.pictures_nhwc[images] for name, frames in self.frames.items()},
            images_is_pad_bt=images_is_pad,
            state_bts=self.columns.state_ns[state],
            state_is_pad_bt=state_is_pad,
            action_bta=self.columns.action_na[action],
            action_is_pad_bt=action_is_pad,
            progress_bt=self.columns.progress_n[images],
            success_bt=self.columns.success_n[images],
            truth_btk=None if truth is None else truth[images],
        )

    def valid_starts(self, past: int | None = None, future: int | None = None) -> Indices:
        """The indices whose window lies within one episode, ascending; by default the window of the offsets."""
        past = self.offsets.past if past is None else past
        future = self.offsets.future if future is None else future
        episodes = self.source.episodes
        spans = zip(episodes.start_e.tolist(), episodes.length_e.tolist(), strict=True)
        return np.concatenate([np.arange(start + past, start + length - future) for start, length in spans])

    def _episodes(self, index_b: Indices) -> Indices:
        return np.searchsorted(self.source.episodes.start_e, index_b, side="right") - 1

    def _rows(self, index_b: Indices, offsets: tuple[int, ...]) -> tuple[Indices, Mask]:
        """Dataset indices (B, T) clamped to the episodes, and where they were clamped."""
        episode_b = self._episodes(index_b)
        first_b = self.source.episodes.start_e[episode_b]
        last_b = first_b + self.source.episodes.length_e[episode_b] - 1
        wanted_bt = index_b[:, None] + np.array(offsets, np.int64)
        inside_bt = np.clip(wanted_bt, first_b[:, None], last_b[:, None])
        return inside_bt, wanted_bt != inside_bt


def open_windows(source: Source, offsets: Offsets, size: Size | None = None, show: bool = True) -> Windows:
    """Opens a dataset for training; the first time its pictures are decoded into the frame cache.

    size: (H, W) that all pictures are resized to, None keeps each camera's own. Raises BadDataset where an action or
    state is not finite or an episode cannot be decoded: `hiwm data check` lists all of those.
    """
    columns = read_columns(source)
    for name, values_nk in (("action", columns.action_na), ("state", columns.state_ns)):
        bad = first_nonfinite(source, values_nk)
        if bad is not None:
            raise BadDataset(
                f"episode {bad[0]} of {source.folder} has a number in its {name} at frame {bad[1]} that is not finite; "
                "remove the episode or record it again (hiwm data check lists all such episodes)"
            )
    frames = {c.name: open_frames(source, c.name, columns.time_n, size, show) for c in source.spec.cameras}
    for camera in frames.values():
        camera.require_whole()
    return Windows(source, offsets, columns, frames)


def kept_out(windows: Windows, share: float = 0.04, least: int = 2) -> Indices:
    """Episodes kept out of training, spread evenly over the dataset (so over its kinds, which are grouped)."""
    count = windows.source.episodes.count
    return np.unique(np.linspace(0, count - 1, max(least, round(count * share))).round().astype(np.int64))


def random_indices(pool: Indices, batch_size: int, rng: np.random.Generator) -> Iterator[Indices]:
    """Endless batches of indices from a pool: every index once per pass, in a new random order each pass.

    A batch may span two passes, so that all have `batch_size` entries. Raises BadInput on an empty pool.
    """
    if not len(pool):
        raise BadInput("no window fits into any episode; use fewer frames per window or record longer episodes")
    waiting = pool[:0]
    while True:
        while len(waiting) < batch_size:
            waiting = np.concatenate([waiting, rng.permutation(pool)])
        yield waiting[:batch_size]
        waiting = waiting[batch_size:]
