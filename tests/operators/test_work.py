"""Operators at many sessions: rewinds, branches, hand-backs, labels, several corrections from one state, a budget."""

from __future__ import annotations

from pathlib import Path

from hiwm.operators.desk import Desk, Start
from hiwm.operators.habits import Habits
from hiwm.operators.work import Budget, work
from hiwm.session.check import verify
from hiwm.session.file import SessionFile
from hiwm.session.phases import Command, Label
from hiwm.session.session import Session
from hiwm.types import Driver
from tests.fakes import ToyDynamics
from tests.operators.toy_operator import Drift, ForgetfulEyes, toy_operator, toy_session

STARTS = (Start(6, "stall", 1), Start(3, "stall", 2))
TO_THE_END = Habits(held=3, gain=1.0)


def _worked(desks: list[Desk], budget: Budget | None = None, batch: int = 4) -> None:
    work(iter(desks), desks[0].operator, Drift(), ToyDynamics(), batch, budget or Budget(None), lambda desk: None)


def test_two_different_corrections_from_one_failure(tmp_path: Path) -> None:
    session = toy_session(tmp_path)
    _worked([Desk(session, toy_operator(), TO_THE_END, STARTS)])
    first, second = session.corrections()
    assert (first.takeover, second.takeover) == (6, 3)
    assert [one.outcome for one in (first, second)] == [Label.SUCCESS, Label.SUCCESS]
    assert {first.replaces, second.replaces} == {12}
    assert {session.tree.row(node).driver for node in (*first.nodes, *second.nodes)} == {Driver.SCRIPT}
    assert first.reason == "stall"
    assert first.operator == "script:toy"
    session.close()
    reopened = Session(SessionFile.open(tmp_path / "toy-train-0.hiwm", read_only=True))
    assert [one.nodes for one in reopened.corrections()] == [first.nodes, second.nodes]


def test_it_hands_back_when_progress_has_recovered_and_helps_again(tmp_path: Path) -> None:
    session = toy_session(tmp_path)
    habits = Habits(held=3, gain=0.15, stall=6, fall=0.05, takeovers=2, steps=60)
    _worked([Desk(session, toy_operator(), habits, STARTS[:1])])
    commands = [event.kind for event in session.events]
    assert commands[:2] == [Command.REWIND, Command.TAKE_OVER]
    assert commands.count(Command.HAND_BACK) == 2
    first, second = session.corrections()
    between = session.tree.path(second.takeover)[session.tree.path(second.takeover).index(first.nodes[-1]) + 1 :]
    assert between, "the policy had the controls in between"
    assert {session.tree.row(node).driver for node in between} == {Driver.POLICY}
    assert second.reason in {"fall", "stall"}
    assert session.labels == {second.end: Label.FAILURE}
    session.close()


def test_it_rewinds_to_where_it_sees_the_object_whole(tmp_path: Path) -> None:
    for hidden, place in ((range(2, 7), 1), (range(4), 6), (range(7), 6)):
        session = toy_session(tmp_path / f"{place}-{len(hidden)}")
        pictures = [session.node(node).observation.images["observation.images.top"] for node in hidden]
        operator = toy_operator(ForgetfulEyes(pictures))
        desk = Desk(session, operator, TO_THE_END, STARTS[:1])
        desk.begin()
        assert session.head == place
        session.close()


def test_many_sessions_share_batches_and_places(tmp_path: Path) -> None:
    sessions = [toy_session(tmp_path, number) for number in range(5)]
    left: list[Desk] = []
    desks = [Desk(session, toy_operator(), TO_THE_END, STARTS[:1]) for session in sessions]
    work(iter(desks), desks[0].operator, Drift(), ToyDynamics(), 2, Budget(None), left.append)
    assert sorted(desk.session.about.id for desk in left) == [f"toy-{number}" for number in range(5)]
    assert all(list(desk.session.labels.values()) == [Label.SUCCESS] for desk in left)
    for session in sessions:
        session.close()


def test_a_correction_is_the_same_alone_and_in_a_batch(tmp_path: Path) -> None:
    together = [toy_session(tmp_path / "together", number) for number in range(3)]
    _worked([Desk(session, toy_operator(), TO_THE_END, STARTS) for session in together])
    alone = toy_session(tmp_path / "alone", 1)
    _worked([Desk(alone, toy_operator(), TO_THE_END, STARTS)])
    ours, theirs = alone.tree.rows, together[1].tree.rows
    assert [row.reading for row in ours] == [row.reading for row in theirs]
    for session in (*together, alone):
        session.close()


def test_a_budget_begins_no_more_than_it_has_steps_for(tmp_path: Path) -> None:
    sessions = [toy_session(tmp_path, number) for number in range(8)]
    left: list[Desk] = []
    desks = (Desk(session, toy_operator(), TO_THE_END, STARTS) for session in sessions)
    budget = Budget(25)
    work(desks, toy_operator(), Drift(), ToyDynamics(), 8, budget, left.append)
    steered = sum(desk.steered for desk in left)
    assert budget.spent == steered
    longest = max(len(correction.nodes) for session in sessions for correction in session.corrections())
    assert 25 <= steered < 25 + longest, "a whole batch does not begin at once"
    assert len(left) < len(sessions), "no further session was taken"
    for session in sessions:
        session.close()


def test_the_files_pass_their_check(tmp_path: Path) -> None:
    session = toy_session(tmp_path)
    _worked([Desk(session, toy_operator(), TO_THE_END, STARTS)])
    session.close()
    checked = verify(tmp_path / "toy-train-0.hiwm", lambda about: ToyDynamics())
    assert checked.nodes == len(session.tree)
