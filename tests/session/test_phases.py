"""Every phase with every command: what the table says is what a session does."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from hiwm.errors import NotAllowed
from hiwm.session.phases import NEXT, Command, Label, Phase, allowed, next_phase
from hiwm.session.session import Session
from tests.session.toy_sessions import drive, new_session

WAY_TO = {
    Phase.WATCHING: (),
    Phase.HOLDING: (Command.HOLD,),
    Phase.STEERING: (Command.TAKE_OVER,),
    Phase.DONE: (Command.FINISH,),
}
PAIRS = list(product(Phase, Command))


def session_in(folder: Path, phase: Phase) -> Session:
    session = new_session(folder)
    drive(session, 3)
    session.command(Command.MARK, label=Label.UNSURE)
    for command in WAY_TO[phase]:
        session.command(command)
    assert session.phase is phase
    return session


@pytest.mark.parametrize(("phase", "command"), PAIRS)
def test_every_pair(tmp_path: Path, phase: Phase, command: Command) -> None:
    session = session_in(tmp_path, phase)
    node, label = (1 if command is Command.REWIND else None), (Label.SUCCESS if command is Command.MARK else None)
    if (phase, command) in NEXT:
        assert command in allowed(phase)
        session.command(command, node=node, label=label)
        assert session.phase is NEXT[phase, command]
    else:
        assert command not in allowed(phase)
        events = list(session.events)
        with pytest.raises(NotAllowed, match=f"{phase} takes .*got {command}"):
            session.command(command, node=node, label=label)
        assert (session.phase, session.events) == (phase, events)


def test_every_phase_can_be_reached_and_left() -> None:
    assert {phase for (before, _), phase in NEXT.items() if before is not phase} == set(Phase)
    assert all(any(NEXT[phase, command] is not phase for command in allowed(phase)) for phase in Phase)


def test_an_operator_never_takes_over_from_an_operator() -> None:
    with pytest.raises(NotAllowed, match="steering takes hand_back"):
        next_phase(Phase.STEERING, Command.TAKE_OVER)
