"""Success marks of episodes that do not carry their own: the sidecar `meta/hiwm_labels.json`, and what follows from it.

    {"format": 1, "marks": {"0": "success", "7": "failure"}}

An episode without an entry was not looked at yet. A successful episode gives progress t / (T - 1), so 1 at its last
frame, and success on its last half second (SUCCESS_S, at least one frame), none before. A failed episode gives no
success anywhere and no progress; an unsure or unmarked one gives neither.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

import numpy as np

from hiwm.errors import BadDataset
from hiwm.runfolder import write_json
from hiwm.types import Floats

SUCCESS_S = 0.5
FORMAT = 1


class Mark(StrEnum):
    """What a person says of an episode."""

    SUCCESS = "success"
    FAILURE = "failure"
    UNSURE = "unsure"


def marks_path(folder: Path) -> Path:
    """The sidecar of a dataset folder."""
    return folder / "meta" / "hiwm_labels.json"


def read_marks(folder: Path, episodes: int) -> dict[int, Mark]:
    """Episode -> mark, empty where there is no sidecar; raises BadDataset on a damaged one.

    episodes: how many the dataset has; a mark of one beyond means that the sidecar belongs to another dataset.
    """
    path = marks_path(folder)
    if not path.exists():
        return {}
    try:
        data = json.loads(path.read_text())
        marks = {int(episode): Mark(mark) for episode, mark in data["marks"].items()}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise BadDataset(f"{path} is damaged ({error}); delete it and label the dataset again") from error
    beyond = [episode for episode in marks if not 0 <= episode < episodes]
    if beyond:
        raise BadDataset(
            f"{path} marks episode {beyond[0]}, the dataset has episodes 0 to {episodes - 1}: it belongs to another "
            "dataset; move it there, or delete it and label this one"
        )
    return marks


def write_marks(folder: Path, marks: Mapping[int, Mark]) -> None:
    """Replaces the sidecar, whole or not at all."""
    entries = {str(episode): str(marks[episode]) for episode in sorted(marks)}
    write_json(marks_path(folder), {"format": FORMAT, "marks": entries})


def mark_progress(mark: Mark | None, length: int) -> Floats:
    """Progress of an episode's frames, (T,), NaN where nobody can say."""
    if mark is not Mark.SUCCESS:
        return np.full(length, np.nan, np.float32)
    return np.linspace(0, 1, length, dtype=np.float32) if length > 1 else np.ones(1, np.float32)


def mark_success(mark: Mark | None, length: int, fps: int) -> Floats:
    """Success of an episode's frames, (T,): 1, 0, or NaN where nobody can say."""
    if mark not in (Mark.SUCCESS, Mark.FAILURE):
        return np.full(length, np.nan, np.float32)
    success = np.zeros(length, np.float32)
    if mark is Mark.SUCCESS:
        success[-max(1, round(SUCCESS_S * fps)) :] = 1
    return success
