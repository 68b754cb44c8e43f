"""When a scripted operator hands back, takes over again, or gives up: from progress, success and trust as shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from hiwm.types import Reading


@dataclass(frozen=True)
class Habits:
    """Times in control steps, progress and trust 0..1.

    held: success for so long is success. gain: so much more progress than at the takeover, and the policy may try again
    (not where that much is not to be had: then the operator brings it to the end). steered: longest that it steers at
    a time. takeovers: how often it helps in one attempt. stall, fall: the policy has gone wrong again after so many
    steps without progress, or when so much is lost. blind, low_trust: it gives up after so many steps in which the
    object was not seen whole, or with less trust. steps: longest that an attempt goes on after the first takeover.
    """

    held: int = 5
    gain: float = 0.25
    steered: int = 90
    takeovers: int = 3
    stall: int = 30
    fall: float = 0.12
    blind: int = 15
    low_trust: float = 0.2
    steps: int = 220

    @property
    def most_gain(self) -> float:
        """Progress above which nothing but success counts as recovered."""
        return 0.95


NOISE = 0.02
"""Changes of progress that say nothing."""
SMOOTH = 3


class Wrong(StrEnum):
    """Why an operator takes over again."""

    STALL = "stall"
    FALL = "fall"


def succeeded(readings: Sequence[Reading], habits: Habits) -> bool:
    """Whether success was read for long enough at the end."""
    last = readings[-habits.held :]
    return len(last) == habits.held and all(reading.success for reading in last)


def recovered(at_takeover: float | None, readings: Sequence[Reading], habits: Habits) -> bool:
    """Whether progress is clearly above what it was; where nobody reads progress, never."""
    now = progress_of(readings)
    if now is None or at_takeover is None:
        return False
    wanted = at_takeover + habits.gain
    return wanted <= habits.most_gain and now >= wanted


def gone_wrong(readings: Sequence[Reading], habits: Habits) -> Wrong | None:
    """What is wrong with the policy's steps since it has the controls (readings, from the hand back on)."""
    known = [reading.progress for reading in readings if reading.progress is not None]
    if len(known) < SMOOTH:
        return None
    padded = np.lib.stride_tricks.sliding_window_view(np.array(known), SMOOTH)
    smooth = np.median(padded, axis=1)
    if smooth.max() - smooth[-1] >= habits.fall:
        return Wrong.FALL
    risen = np.maximum.accumulate(smooth)
    last_rise = int(np.argmax(smooth >= risen[-1] - NOISE))
    return Wrong.STALL if len(smooth) - 1 - last_rise >= habits.stall else None


def distrusted(readings: Sequence[Reading], habits: Habits) -> bool:
    """Whether the picture has been wrong for too long."""
    last = [reading.trust for reading in readings[-habits.blind :]]
    return len(last) == habits.blind and all(trust is not None and trust < habits.low_trust for trust in last)


def progress_of(readings: Sequence[Reading]) -> float | None:
    """Progress as shown now: the median of the last readings, None where nobody reads it."""
    known = [reading.progress for reading in readings[-SMOOTH:] if reading.progress is not None]
    return float(np.median(known)) if known else None
