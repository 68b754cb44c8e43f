"""When an attempt ends and why it failed, from readings."""

from __future__ import annotations

import numpy as np
import pytest

from hiwm.evaluation.ending import HELD_STEPS, Failure, ended, failure_of
from hiwm.rollout import Node
from hiwm.types import Observation, Reading

SEEN = Observation({}, np.zeros(2, np.float32))


def read(*progress: float) -> list[Reading]:
    return [Reading(value, value == 1.0, 1.0) for value in progress]


@pytest.mark.parametrize(
    ("progress", "kind"),
    [
        ([0.3, 0.6, 1.0], Failure.NONE),
        ([0.3] * 30, Failure.UNTOUCHED),
        ([0.3, 0.9, 0.6, 0.6, 0.6, 0.6], Failure.LOST),
        ([0.3, 1.0, 0.7], Failure.LOST),
        ([0.5, 0.6, 0.2], Failure.WORSE),
        ([0.3, 0.5, *[0.6] * 10], Failure.STALLED),
        ([0.3, 0.4, 0.5, 0.6, 0.65, 0.7], Failure.TIME),
    ],
)
def test_failure_kinds(progress: list[float], kind: Failure) -> None:
    assert failure_of(read(*progress)) is kind


def test_without_readings_nobody_knows() -> None:
    assert failure_of([Reading(None, None)] * 3) is Failure.UNKNOWN


def test_success_ends_an_attempt_only_when_it_is_held() -> None:
    path = [Node(None, None, SEEN, reading) for reading in read(0.5, *[1.0] * HELD_STEPS)]
    assert ended(path)
    assert not ended(path[:-1])
