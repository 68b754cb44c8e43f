"""What counts as a correction, and what is told of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hiwm.session.phases import Command, Label
from tests.session.toy_sessions import corrected_session, drive, new_session

ASIDE = np.array([0.9, 0.2], np.float32)


def test_a_correction_tells_all(tmp_path: Path) -> None:
    session = corrected_session(tmp_path)
    [correction] = session.corrections()
    assert (correction.session, correction.takeover, correction.nodes) == ("toy-train-1", 6, (11, 12, 13, 14))
    assert correction.lead_in == (0, 1, 2, 3, 4, 5, 6)
    assert (correction.end, correction.outcome, correction.replaces) == (17, Label.SUCCESS, 10)
    assert (correction.operator, correction.device) == ("ann", "keys")
    assert correction.reason == "it goes away from the goal"
    assert (correction.least_trust, correction.mean_trust) == (1.0, 1.0)


def test_several_corrections_from_one_state_replace_the_same_failure(tmp_path: Path) -> None:
    session = corrected_session(tmp_path)
    session.command(Command.REWIND, node=6)
    session.command(Command.TAKE_OVER, operator="bob")
    drive(session, 3, ASIDE)
    first, second = session.corrections()
    assert (first.end, first.outcome, first.replaces) == (17, Label.SUCCESS, 10)
    assert (second.nodes, second.end, second.outcome, second.replaces) == ((18, 19, 20), 20, None, 10)


def test_a_takeover_without_rewind_replaces_nothing(tmp_path: Path) -> None:
    session = new_session(tmp_path)
    drive(session, 3)
    session.command(Command.TAKE_OVER)
    drive(session, 2, ASIDE)
    session.command(Command.HAND_BACK)
    drive(session, 4)
    session.command(Command.TAKE_OVER)
    drive(session, 2, ASIDE)
    first, second = session.corrections()
    assert (first.takeover, first.replaces, first.end) == (3, None, 11)
    assert (second.takeover, second.replaces, second.lead_in) == (9, None, tuple(range(10)))


def test_the_policy_may_go_on_for_a_while_before_the_takeover(tmp_path: Path) -> None:
    session = new_session(tmp_path)
    drive(session, 20)
    session.command(Command.REWIND, node=10)
    session.command(Command.RESUME)
    drive(session, 3)
    session.command(Command.TAKE_OVER)
    drive(session, 2, ASIDE)
    [correction] = session.corrections()
    assert (correction.takeover, correction.replaces) == (23, 20)
    assert correction.lead_in[:2] == (0, 1)
    assert correction.lead_in[-4:] == (10, 21, 22, 23)


def test_a_takeover_without_steps_is_none_and_the_lead_in_is_short(tmp_path: Path) -> None:
    session = new_session(tmp_path)
    drive(session, 30)
    session.command(Command.TAKE_OVER)
    session.command(Command.HAND_BACK)
    assert session.corrections() == []
    session.command(Command.TAKE_OVER)
    drive(session, 1, ASIDE)
    [correction] = session.corrections()
    assert correction.lead_in == tuple(range(14, 31))


def test_an_undone_label_is_no_outcome(tmp_path: Path) -> None:
    session = corrected_session(tmp_path)
    session.command(Command.UNDO)
    assert session.corrections()[0].outcome is None
