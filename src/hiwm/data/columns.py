"""Everything of a dataset that is not a picture, as arrays: actions, states, times, readings, and who drove.

A thousand episodes of a hundred frames are about 15 MB, so all of it is read at once, straight from the parquet files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hiwm.data.dataset_files import RESTORE, read_parquet
from hiwm.data.marks import Mark, mark_progress, mark_success
from hiwm.data.source import Source
from hiwm.errors import BadDataset
from hiwm.types import Doubles, Floats


@dataclass(frozen=True, eq=False)
class Words:
    """A column of strings: `vocabulary[codes_n[i]]` is that of frame i."""

    codes_n: NDArray[np.int32]
    vocabulary: tuple[str, ...]

    def at(self, index: int) -> str:
        """The string of one frame."""
        return self.vocabulary[int(self.codes_n[index])]


@dataclass(frozen=True, eq=False)
class Columns:
    """All columns of a dataset of N frames, S state numbers, A action numbers; None where the dataset has none.

    time_n: seconds since the start of the episode. progress_n: 0..1, success_n: 1 or 0, both NaN where nobody can say.
    kind, driver, scene, lapse: see hiwm.types. truth_nk: privileged quantities of a simulator.
    """

    action_na: Floats
    state_ns: Floats
    time_n: Doubles
    progress_n: Floats
    success_n: Floats
    kind: Words | None
    driver: Words | None
    scene: Words | None
    lapse: Words | None
    truth_nk: Floats | None


def read_columns(source: Source) -> Columns:
    """Reads all columns; what is not a number stays as it is (NaN), a row of another length raises BadDataset.

    Readings come from the dataset's own columns where it has them, otherwise from the marks (see hiwm.data.marks).
    """
    names, extra = source.names, source.names.extra
    numbers = [n for n in (names.state, names.success, names.progress, "truth" if "truth" in extra else None) if n]
    words = [name for name in extra if name != "truth"]
    table = _read_table(source, [names.action, "timestamp", *numbers, *words])
    frames = source.episodes.frames

    def matrix(name: str) -> Floats:
        return _matrix(source, table, name).astype(np.float32)

    def strings(name: str) -> Words | None:
        return _words(table.column(name)) if name in words else None

    success_n = matrix(names.success)[:, 0] if names.success else _marked_success(source, source.marks)
    ends = dict(enumerate(success_n[source.episodes.start_e + source.episodes.length_e - 1].tolist()))
    marks = {e: Mark.SUCCESS if end else Mark.FAILURE for e, end in ends.items() if not np.isnan(end)}
    return Columns(
        action_na=matrix(names.action),
        state_ns=matrix(names.state) if names.state else np.zeros((frames, 0), np.float32),
        time_n=_times(source, table),
        progress_n=matrix(names.progress)[:, 0] if names.progress else _marked_progress(source, marks),
        success_n=success_n,
        kind=strings("kind"),
        driver=strings("driver"),
        scene=strings("scene"),
        lapse=strings("lapse"),
        truth_nk=matrix("truth") if "truth" in extra else None,
    )


def _read_table(source: Source, names: list[str]) -> Any:
    import pyarrow as pa

    wanted = list(dict.fromkeys([*names, "episode_index"]))
    files = dict.fromkeys(source.episodes.data_files)
    table = pa.concat_tables([read_parquet(file, wanted) for file in files], promote_options="permissive")
    expected = np.repeat(np.arange(source.episodes.count), source.episodes.length_e)
    found = table.column("episode_index").to_numpy()
    if not np.array_equal(found, expected):
        raise BadDataset(
            f"the frames of episode {expected[np.argmax(found != expected)]} of {source.folder} are not where the "
            f"episode table says; {RESTORE}"
        )
    return table


def _matrix(source: Source, table: Any, name: str) -> Doubles:
    """A numeric column as (N, K) float64, where K is what info.json declares."""
    import pyarrow as pa
    import pyarrow.compute as pc

    column = table.column(name)
    width = int(np.prod(source.features[name]["shape"]))
    if not _is_list(column.type):
        return np.asarray(column.to_numpy(zero_copy_only=False), np.float64).reshape(-1, 1)
    lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy()
    wrong = np.flatnonzero(lengths != width)
    if len(wrong):
        episode = source.episodes.episode_of(int(wrong[0]))
        raise BadDataset(
            f"episode {episode} of {source.folder} has rows of {lengths[wrong[0]]} numbers in {name}, meta/info.json "
            f"declares {width} ({source.episodes.data_files[episode].name}); remove the episode or record it again"
        )
    values = pc.list_flatten(column)
    while _is_list(values.type):
        values = pc.list_flatten(values)
    return np.asarray(values.cast(pa.float64()).to_numpy(zero_copy_only=False)).reshape(-1, width)


def _times(source: Source, table: Any) -> Doubles:
    time_n = _matrix(source, table, "timestamp")
    bad = first_nonfinite(source, time_n)
    if bad is not None:
        raise BadDataset(f"episode {bad[0]} of {source.folder} has no valid timestamp at frame {bad[1]}; {RESTORE}")
    return time_n[:, 0]


def _is_list(kind: Any) -> bool:
    import pyarrow.types as pt

    return any(is_list(kind) for is_list in (pt.is_list, pt.is_large_list, pt.is_fixed_size_list))


def _words(column: Any) -> Words:
    import pyarrow.compute as pc

    coded = pc.fill_null(column, "").combine_chunks().dictionary_encode()
    return Words(coded.indices.to_numpy().astype(np.int32), tuple(coded.dictionary.to_pylist()))


def _marked_success(source: Source, marks: Mapping[int, Mark]) -> Floats:
    return _per_episode(source, lambda e, length: mark_success(marks.get(e), length, source.spec.fps))


def _marked_progress(source: Source, marks: Mapping[int, Mark]) -> Floats:
    return _per_episode(source, lambda e, length: mark_progress(marks.get(e), length))


def _per_episode(source: Source, frames_of: Callable[[int, int], Floats]) -> Floats:
    return np.concatenate([frames_of(e, n) for e, n in enumerate(source.episodes.length_e.tolist())])


def first_nonfinite(source: Source, values_nk: Floats | Doubles) -> tuple[int, int] | None:
    """Episode and frame in the episode of the first NaN or infinity in a column, None where there is none."""
    bad = np.flatnonzero(~np.isfinite(values_nk).all(axis=1))
    if not len(bad):
        return None
    episode = source.episodes.episode_of(int(bad[0]))
    return episode, int(bad[0] - source.episodes.start_e[episode])
