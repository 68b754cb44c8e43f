"""The inbox: each item is with one operator at a time, can be skipped, and is seen twice where somebody was unsure."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hiwm.errors import BadInput
from hiwm.server.database import Database
from hiwm.server.desk import HELD_S, Desk, read_inbox
from hiwm.session.inbox import InboxItem, Why, failures_of
from tests.server.recorded import recorded_session
from tests.server.test_leases import Clock

ITEMS = [InboxItem(f"toy-eval-{n}.hiwm", 4 + n, 6, 9, Why.STALL, 0.9 - 0.1 * n, (4, 6, 9)) for n in range(3)]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def desk(tmp_path: Path, clock: Clock) -> Desk:
    desk = Desk(Database(tmp_path / "server.db"), clock)
    desk.add(ITEMS)
    return desk


def taken(desk: Desk, user: str) -> str | None:
    item = desk.take(user)
    return None if item is None else item.session


def test_the_worst_comes_first_and_nobody_gets_what_another_has(desk: Desk) -> None:
    assert [taken(desk, user) for user in ("ada", "bob", "cy", "dee")] == [
        "toy-eval-0",
        "toy-eval-1",
        "toy-eval-2",
        None,
    ]


def test_adding_again_changes_nothing(desk: Desk) -> None:
    assert taken(desk, "ada") == "toy-eval-0"
    desk.add(ITEMS)
    assert taken(desk, "bob") == "toy-eval-1"
    assert len(desk.waiting()) == 3


def test_who_skips_an_item_is_not_asked_again(desk: Desk) -> None:
    desk.take("ada")
    desk.put_back("ada", "toy-eval-0", 4, skip=True)
    assert taken(desk, "ada") == "toy-eval-1"
    assert taken(desk, "bob") == "toy-eval-0"


def test_what_is_put_back_is_offered_again(desk: Desk) -> None:
    desk.take("ada")
    desk.put_back("ada", "toy-eval-0", 4, skip=False)
    assert taken(desk, "bob") == "toy-eval-0"


def test_an_item_of_somebody_who_left_is_free_after_a_while(desk: Desk, clock: Clock) -> None:
    desk.take("ada")
    clock.now += HELD_S - 1
    desk.renew("ada", "toy-eval-0", 4)
    clock.now += HELD_S - 1
    assert taken(desk, "bob") == "toy-eval-1"
    clock.now += 2
    assert taken(desk, "cy") == "toy-eval-0"


def test_a_finished_item_is_done(desk: Desk) -> None:
    desk.take("ada")
    desk.finish("ada", "toy-eval-0", 4, unsure=False)
    assert (len(desk.waiting()), desk.done()) == (2, 1)


def test_an_unsure_operator_asks_for_a_second_review_by_another(desk: Desk) -> None:
    for _ in range(3):
        item = desk.take("ada")
        assert item is not None
        desk.finish("ada", item.session, item.node, unsure=True)
    assert taken(desk, "ada") is None
    second = desk.take("bob")
    assert second is not None
    assert (second.session, second.reviews, second.reviewers) == ("toy-eval-0", 1, ("ada",))
    desk.finish("bob", second.session, second.node, unsure=True)
    assert desk.done() == 1


def test_rollouts_without_an_inbox_are_looked_through(tmp_path: Path) -> None:
    paths = [recorded_session(tmp_path / f"toy-eval-{number}.hiwm", steps=60) for number in range(2)]
    found = failures_of(paths)
    assert [item.session for item in found] == ["toy-eval-0.hiwm", "toy-eval-1.hiwm"]
    (tmp_path / "inbox.json").write_text(json.dumps({"items": [item.to_json() for item in found]}))
    assert read_inbox(tmp_path / "inbox.json") == found


def test_an_inbox_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "inbox.json").write_text("[]")
    with pytest.raises(BadInput, match="is no inbox"):
        read_inbox(tmp_path / "inbox.json")
