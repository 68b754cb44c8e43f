"""Where attempts began to go wrong, on readings that are drawn here, and through a file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hiwm.session.file import SessionFile
from hiwm.session.inbox import InboxItem, Signs, Why, failures_of, find_failure, find_failures, ranked, usual_rise
from hiwm.session.rows import NodeRow
from hiwm.types import Reading
from tests.session.toy_sessions import corrected_session, drive, first_node, new_session, stepped

FPS = 10
RISE = np.linspace(0, 0.6, 61).tolist()


def path_of(
    progress: Iterable[float | None],
    success: Sequence[bool | None] | None = None,
    trust: Sequence[float | None] | None = None,
) -> list[NodeRow]:
    said = list(progress)
    count = len(said)
    readings = zip(said, success or [False] * count, trust or [0.9] * count, strict=True)
    return [NodeRow(i, i - 1 if i else None, i, None, None, Reading(*r), 0.0) for i, r in enumerate(readings)]


def found(path: list[NodeRow]) -> InboxItem:
    item = find_failure(path, FPS, Signs())
    assert item is not None
    return item


def test_a_success_is_none() -> None:
    success = [False] * 57 + [True] * 4
    assert find_failure(path_of(RISE, success), FPS, Signs()) is None
    assert find_failure(path_of(RISE, success, [None] * 61), FPS, Signs()) is None


def test_a_success_that_was_read_in_a_wrong_picture_is_none() -> None:
    success = [False] * 57 + [True] * 4
    item = found(path_of(RISE, success, [0.9] * 30 + [0.2] * 10 + [0.9] * 21))
    assert (item.why, item.began, item.node) == (Why.LOW_TRUST, 30, 20)
    assert item.score > found(path_of(RISE, success, [0.9] * 30 + [0.45] * 10 + [0.9] * 21)).score


def test_a_stall_begins_where_progress_rose_last() -> None:
    item = found(path_of([*RISE, *[0.6] * 60]))
    assert item.why is Why.STALL
    assert abs(item.began - 60) <= 2
    assert item.node == item.began  # until then the policy did well
    assert (item.end, item.thumbnails[0], item.thumbnails[-1], len(item.thumbnails)) == (120, item.node, 120, 6)


def test_what_never_rose_went_wrong_before_others_rise() -> None:
    good = path_of([*[0.1] * 31, *np.linspace(0.1, 1, 30)], [False] * 57 + [True] * 4)
    rises_at = usual_rise([good, good, path_of([0.1] * 90), path_of([*RISE, *[0.6] * 60])], FPS, Signs())
    assert rises_at is not None
    assert abs(rises_at - 31) <= 2
    never, later = path_of([0.1] * 90), path_of([*RISE, *[0.6] * 60])
    item = find_failure(never, FPS, Signs(), rises_at)
    assert item is not None
    assert (item.why, item.node, item.began) == (Why.STALL, rises_at - 10, rises_at - 10)
    assert find_failure(later, FPS, Signs(), rises_at) == found(later)
    slow = path_of([*[0.1] * 35, *np.linspace(0.1, 0.4, 20), *np.linspace(0.4, 0.45, 35)])
    assert found(slow).node == 0
    assert (late := find_failure(slow, FPS, Signs(), rises_at)) is not None
    assert late.why is Why.TIME
    assert late.node > 40
    assert usual_rise([never, later], FPS, Signs()) is None
    assert found(never).node == 0


def test_a_noisy_stall_is_found_all_the_same() -> None:
    noise = np.random.default_rng(0).normal(0, 0.008, 121)
    item = found(path_of((np.array([*RISE, *[0.6] * 60]) + noise).tolist()))
    assert item.why is Why.STALL
    assert abs(item.began - 60) <= 12


def test_a_fall_begins_where_progress_was_lost() -> None:
    item = found(path_of([*RISE, *[0.6] * 20, *np.linspace(0.6, 0.2, 20), *[0.2] * 10]))
    assert item.why is Why.FALL
    assert 76 <= item.began <= 84


def test_a_loss_that_is_made_good_is_no_fall() -> None:
    item = found(path_of([*RISE, *np.linspace(0.6, 0.3, 20), *np.linspace(0.3, 0.8, 30)]))
    assert item.why is Why.TIME


def test_low_trust_is_no_reason_where_the_policy_has_failed() -> None:
    trust = [0.9] * 20 + [0.1] * 15 + [0.9] * 86
    assert found(path_of([*RISE, *[0.6] * 60], trust=trust)).why is Why.STALL
    slow = [*np.linspace(0, 0.4, 20), *np.linspace(0.4, 0.5, 40), *np.linspace(0.5, 0.9, 61)]
    assert found(path_of(slow, trust=trust)).why is Why.TIME


def test_low_trust_counts_when_it_lasts() -> None:
    success = [False] * 57 + [True] * 4
    assert found(path_of(RISE, success, [0.9] * 20 + [0.1] * 15 + [0.9] * 26)).why is Why.LOW_TRUST
    assert find_failure(path_of(RISE, success, [0.9] * 20 + [0.1] * 2 + [0.9] * 39), FPS, Signs()) is None


def test_a_success_that_is_lost_is_the_judges() -> None:
    success = [False] * 40 + [True] * 10 + [False] * 11
    item = found(path_of(RISE, success))
    assert (item.why, item.began) == (Why.JUDGE, 49)


def test_out_of_time_begins_where_it_was_slowest() -> None:
    slow = [*np.linspace(0, 0.4, 20), *np.linspace(0.4, 0.5, 40), *np.linspace(0.5, 0.9, 20)]
    item = found(path_of(slow))
    assert item.why is Why.TIME
    assert 18 <= item.began <= 32


def test_nothing_said_is_out_of_time() -> None:
    item = found(path_of([None] * 30, [None] * 30, [None] * 30))
    assert (item.why, item.node, item.score) == (Why.TIME, 0, 1.0)


@pytest.mark.parametrize("length", [1, 2, 5])
def test_short_attempts(length: int) -> None:
    item = found(path_of([0.1] * length))
    assert (item.node, item.end) == (0, length - 1)


def test_what_can_be_trusted_and_is_far_from_done_comes_first() -> None:
    far, near = found(path_of([0.1] * 60)), found(path_of([*RISE, *[0.6] * 60]))
    unsure = found(path_of([0.1] * 60, trust=[0.55] * 60))
    assert ranked([near, unsure, far]) == [far, unsure, near]
    success = [False] * 57 + [True] * 4
    doubtful = found(path_of(RISE, success, [0.9] * 30 + [0.4] * 10 + [0.9] * 21))
    assert ranked([doubtful, near]) == [near, doubtful]


def test_through_a_file_and_as_json(tmp_path: Path) -> None:
    session = corrected_session(tmp_path)
    session.close()
    with_failure = SessionFile.open(session.file.path, read_only=True)
    item = find_failures(with_failure)
    assert item is not None
    assert (item.session, item.end, item.why) == ("a.hiwm", 10, Why.FALL)
    assert InboxItem.from_json(json.loads(json.dumps(item.to_json()))) == item
    steered = find_failures(with_failure, end=17)
    assert steered is None or steered.end == 17


def test_attempts_are_seen_beside_those_that_went_well(tmp_path: Path) -> None:
    start = first_node().reading.progress or 0.0
    said = {"good.hiwm": [*[start] * 30, *np.linspace(start, start + 0.5, 20)], "never.hiwm": [start] * 70}
    for name, progress in said.items():
        session = new_session(tmp_path, name)
        for k, value in enumerate(progress):
            reading = Reading(float(value), name == "good.hiwm" and k >= 40, 0.9)
            session.record(replace(stepped(session.node(session.head)), reading=reading))
        session.close()
    [item] = failures_of([tmp_path / name for name in said])
    assert (item.session, item.why) == ("never.hiwm", Why.STALL)
    assert 15 <= item.node <= 25
    [alone] = failures_of([tmp_path / "never.hiwm"])
    assert alone.node <= 2


def test_a_session_that_did_not_begin_has_none(tmp_path: Path) -> None:
    session = new_session(tmp_path)
    drive(session, 3)
    empty = SessionFile.create(tmp_path / "b.hiwm", session.about)
    assert find_failures(empty) is None
