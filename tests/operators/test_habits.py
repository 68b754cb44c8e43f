"""When an operator hands back, helps again, or gives up."""

from __future__ import annotations

import numpy as np
import pytest

from hiwm.operators.habits import Habits, Wrong, distrusted, gone_wrong, progress_of, recovered, succeeded
from hiwm.types import Reading

HABITS = Habits(held=3, gain=0.2, stall=10, fall=0.1, blind=4)


def _readings(*progress: float | None, success: bool = False, trust: float = 1.0) -> list[Reading]:
    return [Reading(p, success, trust) for p in progress]


def test_success_has_to_be_held() -> None:
    assert succeeded(_readings(1, 1, 1, success=True), HABITS)
    assert not succeeded(_readings(1, 1, success=True), HABITS)
    assert not succeeded([*_readings(1, 1, success=True), *_readings(1)], HABITS)


@pytest.mark.parametrize(
    ("before", "now", "enough"),
    [(0.3, 0.6, True), (0.3, 0.45, False), (0.8, 1.0, False), (None, 0.9, False)],
)
def test_recovered_means_clearly_more_progress_if_there_is_more_to_be_had(
    before: float | None, now: float, enough: bool
) -> None:
    assert recovered(before, _readings(now, now, now), HABITS) is enough


def test_one_jumpy_reading_changes_nothing() -> None:
    assert not recovered(0.3, _readings(0.3, 0.9, 0.3), HABITS)
    assert progress_of(_readings(0.3, 0.9, 0.31)) == pytest.approx(0.31)
    assert gone_wrong(_readings(0.5, 0.5, 0.2, 0.5, 0.5), HABITS) is None


def test_falls_and_stalls_are_seen_in_time() -> None:
    rising = np.linspace(0.3, 0.6, 20).tolist()
    assert gone_wrong(_readings(*rising), HABITS) is None
    assert gone_wrong(_readings(*rising, 0.45, 0.45, 0.45), HABITS) is Wrong.FALL
    assert gone_wrong(_readings(*rising, *[0.6] * 6), HABITS) is None
    assert gone_wrong(_readings(*rising, *[0.6] * 14), HABITS) is Wrong.STALL


def test_without_progress_nothing_is_wrong_and_nothing_recovers() -> None:
    nobody_says = _readings(*[None] * 40)
    assert gone_wrong(nobody_says, HABITS) is None
    assert not recovered(0.1, nobody_says, HABITS)


def test_distrust_has_to_last() -> None:
    assert distrusted(_readings(*[0.5] * 4, trust=0.1), HABITS)
    assert not distrusted([*_readings(0.5), *_readings(*[0.5] * 3, trust=0.1)], HABITS)
