"""What a session does with steps and commands, and that its file alone gives the same session again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from hiwm.errors import BadInput, NotAllowed, SpecMismatch
from hiwm.rollout import Node
from hiwm.session.file import SessionFile
from hiwm.session.phases import Command, Label, Phase
from hiwm.session.session import Session
from hiwm.types import Driver
from tests.session.toy_sessions import (
    Clock,
    corrected_session,
    drive,
    first_node,
    new_session,
    same_node,
    stepped,
)


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with closing(new_session(tmp_path)) as made:
        yield made


def reopened(session: Session) -> Session:
    session.close()
    return Session(SessionFile.open(session.file.path), clock=Clock())


def test_every_step_comes_back_to_the_last_bit(tmp_path: Path) -> None:
    session = corrected_session(tmp_path)
    nodes = [session.node(i) for i in range(18)]
    assert [node.step for node in nodes] == [*range(11), *range(7, 14)]
    again = reopened(session)
    for place in np.random.default_rng(0).permutation(18):
        assert same_node(again.node(int(place)), nodes[place])
    assert again.node(4) is again.node(4)


def test_the_file_alone_gives_the_session(tmp_path: Path) -> None:
    session = corrected_session(tmp_path)
    before = (session.phase, session.head, session.labels, session.corrections(), session.path(17))
    again = reopened(session)
    assert (again.phase, again.head, again.labels, again.corrections(), again.path(17)) == before
    assert before[:3] == (Phase.WATCHING, 17, {10: Label.FAILURE, 17: Label.SUCCESS})


@pytest.mark.parametrize("command", [Command.HOLD, Command.TAKE_OVER, Command.FINISH])
def test_a_phase_survives_reopening(session: Session, command: Command) -> None:
    session.command(command)
    again = reopened(session)
    assert again.phase is session.phase
    if command is Command.TAKE_OVER:
        assert again.tree.row(drive(again, 1)[0]).takeover == 0


def test_a_small_cache_drops_copies_alone(tmp_path: Path) -> None:
    session = new_session(tmp_path, cache_bytes=20_000)
    nodes = [session.node(i) for i in (0, *drive(session, 20))]
    assert all(same_node(session.node(i), node) for i, node in enumerate(nodes))


def test_the_same_message_is_heard_once(session: Session) -> None:
    node = stepped(session.node(0))
    first = session.record(node, client="seat-1", seq=7)
    assert session.heard("seat-1", 7) == first
    assert session.record(stepped(node), client="seat-1", seq=7) == first
    assert (len(session.tree), session.head) == (2, first)
    assert session.record(stepped(node), client="seat-2", seq=7) == first + 1
    session.command(Command.HOLD, client="seat-1", seq=7)
    session.command(Command.RESUME, client="seat-1", seq=8)
    session.command(Command.HOLD, client="seat-1", seq=7)
    assert session.phase is Phase.WATCHING
    again = reopened(session)
    assert again.record(stepped(node), client="seat-1", seq=7) == first
    again.command(Command.HOLD, client="seat-1", seq=7)
    assert (len(again.tree), len(again.events), again.phase) == (3, 2, Phase.WATCHING)


def test_a_rewind_moves_the_head_and_the_next_step_begins_a_branch(session: Session) -> None:
    drive(session, 5)
    session.command(Command.REWIND, node=2)
    assert (session.phase, session.head) == (Phase.HOLDING, 2)
    session.command(Command.RESUME)
    assert drive(session, 2) == [6, 7]
    assert session.path(7) == [0, 1, 2, 6, 7]
    assert session.tree.branch(7) == 1
    session.command(Command.BRANCH)
    assert (session.phase, session.head) == (Phase.HOLDING, 7)
    session.command(Command.BRANCH, node=4)
    assert session.head == 4


def test_no_step_comes_while_holding_but_single_ones(session: Session) -> None:
    session.command(Command.HOLD)
    assert not session.may_step
    with pytest.raises(NotAllowed, match="holding takes no step"):
        drive(session, 1)
    session.command(Command.SINGLE_STEP)
    assert session.may_step
    assert drive(session, 1) == [1]
    with pytest.raises(NotAllowed):
        drive(session, 1)
    session.command(Command.SINGLE_STEP)
    session.command(Command.REWIND, node=0)
    assert not session.may_step
    session.command(Command.FINISH)
    with pytest.raises(NotAllowed, match="done takes no step"):
        drive(session, 1)


def test_a_step_from_a_node_that_is_no_longer_the_head_is_refused(session: Session) -> None:
    drive(session, 3)
    late = stepped(session.node(3))
    session.command(Command.REWIND, node=1)
    session.command(Command.RESUME)
    with pytest.raises(NotAllowed, match="from node 3, the session is at 1"):
        session.record(late, after=3)
    with pytest.raises(BadInput, match="expected step 2"):
        session.record(late)
    assert len(session.tree) == 4


def test_what_does_not_fit_is_refused_and_leaves_nothing(session: Session) -> None:
    good = stepped(session.node(0))
    with pytest.raises(NotAllowed, match="started already"):
        session.start(first_node())
    with pytest.raises(SpecMismatch):
        session.record(
            Node(good.state, good.memory, good.observation, good.reading, np.zeros(3, np.float32), Driver.POLICY, 1)
        )
    with pytest.raises(BadInput, match="with its action"):
        session.record(Node(good.state, good.memory, good.observation, good.reading, None, None, 1))
    with pytest.raises(BadInput, match="cannot be stored"):
        session.record(Node({1, 2}, good.memory, good.observation, good.reading, good.action, Driver.POLICY, 1))
    with pytest.raises(BadInput, match="nodes 0 to 0"):
        session.command(Command.REWIND, node=1)
    with pytest.raises(BadInput, match="rewind to"):
        session.command(Command.REWIND)
    with pytest.raises(BadInput, match="one of success"):
        session.command(Command.MARK)
    with pytest.raises(BadInput, match="is a command"):
        session.note("hold", {})
    assert (len(session.tree), session.events) == (1, [])
    assert session.record(good) == 1


def test_undo_takes_back_the_last_label(session: Session) -> None:
    drive(session, 4)
    for node, label in ((2, Label.SUCCESS), (2, Label.FAILURE), (4, Label.UNSURE)):
        session.command(Command.MARK, node=node, label=label)
    seen = []
    for _ in range(3):
        session.command(Command.UNDO)
        seen.append(dict(session.labels))
    assert seen == [{2: Label.FAILURE}, {2: Label.SUCCESS}, {}]
    with pytest.raises(NotAllowed, match="no label to undo"):
        session.command(Command.UNDO)
    assert reopened(session).labels == {}


def test_steps_in_one_transaction(session: Session) -> None:
    nodes = [stepped(session.node(0))]
    for _ in range(9):
        nodes.append(stepped(nodes[-1]))
    assert session.record_all(nodes) == list(range(1, 11))
    assert session.path(10) == list(range(11))
    nodes = [stepped(nodes[-1]), nodes[0]]
    with pytest.raises(BadInput, match="expected step 12"):
        session.record_all(nodes)
    assert len(session.tree) == 11
    again = reopened(session)
    assert same_node(again.node(10), session.node(10))


def test_other_events_are_kept_and_change_nothing(session: Session) -> None:
    session.note("lease", {"holder": "ann", "epoch": 3})
    session.command(Command.HOLD, operator="ann", device="pad", reason="look")
    again = reopened(session)
    assert [(event.kind, dict(event.data), event.operator) for event in again.events] == [
        ("lease", {"holder": "ann", "epoch": 3}, ""),
        ("hold", {"reason": "look", "device": "pad"}, "ann"),
    ]
    assert again.phase is Phase.HOLDING
