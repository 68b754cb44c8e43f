"""When an attempt ends, whether it has succeeded, and why it failed: one rule, from readings alone.

An attempt ends when success has been read at HELD_STEPS nodes in a row, or with its time; it has succeeded if success
is read at its last node.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import numpy as np

from hiwm.rollout import Path, held_success
from hiwm.types import Reading

HELD_STEPS = 5
"""Half a second at 10 Hz: a block that slides through its goal has not been put there."""
MOVED = 0.03
"""Change of progress from which something has happened to the object."""
NEAR = 0.8
LOST = 0.1


class Failure(StrEnum):
    """Why an attempt failed."""

    NONE = ""
    UNTOUCHED = "never touched"
    LOST = "lost near the goal"
    WORSE = "ended worse than it began"
    STALLED = "stalled"
    TIME = "out of time"
    UNKNOWN = "unknown"


def ended(path: Path) -> bool:
    """True when success has been held: `done` of a rollout."""
    return held_success(path, HELD_STEPS)


def succeeded(readings: Sequence[Reading]) -> bool:
    """Success at the last reading; an unknown one is none."""
    return bool(readings[-1].success)


def failure_of(readings: Sequence[Reading]) -> Failure:
    """The kind of an attempt's failure, the first that holds in the order of Failure; NONE for a success."""
    if succeeded(readings):
        return Failure.NONE
    progress = np.array([reading.progress for reading in readings if reading.progress is not None])
    if len(progress) < 2:
        return Failure.UNKNOWN
    if np.abs(progress - progress[0]).max() < MOVED:
        return Failure.UNTOUCHED
    if progress.max() >= NEAR and progress.max() - progress[-1] >= LOST:
        return Failure.LOST
    if progress[-1] < progress[0] - MOVED:
        return Failure.WORSE
    last_third = progress[-max(2, len(progress) // 3) :]
    return Failure.STALLED if np.ptp(last_third) < MOVED else Failure.TIME
