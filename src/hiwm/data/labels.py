"""Success labels of datasets that have none of their own: who needs them, and how all or one are set."""

from __future__ import annotations

import numpy as np

from hiwm.data.columns import read_columns
from hiwm.data.marks import Mark, read_marks, write_marks
from hiwm.data.source import Source
from hiwm.errors import BadInput, NeedsFailures


def require_own_readings_absent(source: Source) -> None:
    """Raises BadInput where the dataset says itself which episodes succeed: marks would not be looked at."""
    if source.names.success is not None:
        raise BadInput(
            f"{source.folder} has its own success column ({source.names.success}), labels would not be used; "
            "train on it as it is"
        )


def set_mark(source: Source, episode: int, mark: Mark | None) -> dict[int, Mark]:
    """Marks one episode (None takes its mark away), saves, and returns all marks; raises BadInput."""
    require_own_readings_absent(source)
    count = source.episodes.count
    if not 0 <= episode < count:
        raise BadInput(f"no episode {episode}; {source.folder} has episodes 0 to {count - 1}")
    marks = read_marks(source.folder, count)
    if mark is None:
        marks.pop(episode, None)
    else:
        marks[episode] = mark
    write_marks(source.folder, marks)
    return marks


def label_all_success(source: Source) -> int:
    """Marks every unmarked episode as a success, keeps other marks, and returns how many were marked."""
    require_own_readings_absent(source)
    marks = read_marks(source.folder, source.episodes.count)
    new = {episode: Mark.SUCCESS for episode in range(source.episodes.count) if episode not in marks}
    write_marks(source.folder, {**marks, **new})
    return len(new)


def end_marks(source: Source) -> dict[int, Mark]:
    """Episode -> success or failure at its end, by the dataset's own column or the marks; unsure ones are left out."""
    if source.names.success is None:
        return {episode: mark for episode, mark in source.marks.items() if mark is not Mark.UNSURE}
    last_e = source.episodes.start_e + source.episodes.length_e - 1
    ends = read_columns(source).success_n[last_e].tolist()
    return {e: Mark.SUCCESS if end else Mark.FAILURE for e, end in enumerate(ends) if not np.isnan(end)}


def require_failures(source: Source, what: str) -> None:
    """Raises NeedsFailures unless at least one episode is known to end in failure.

    what: the feature that needs them, as the start of a sentence ("training the judge").
    """
    ends = end_marks(source)
    if not ends:
        raise NeedsFailures(
            f"{what} needs failed episodes, and nothing says which episodes of {source.folder} failed; "
            f"mark them with: hiwm data label {source.folder}"
        )
    if Mark.FAILURE not in ends.values():
        add = (
            f"mark those that failed with: hiwm data label {source.folder}"
            if source.names.success is None
            else "collect some with: hiwm collect TASK --failures N --out DIR"
        )
        raise NeedsFailures(
            f"{what} needs failed episodes, and all {len(ends)} known ends in {source.folder} are successes; {add}"
        )
