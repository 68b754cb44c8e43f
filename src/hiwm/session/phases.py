"""Who holds the controls, and which command leads where: one table, drawn from by sessions and by the page."""

from __future__ import annotations

from enum import StrEnum

from hiwm.errors import NotAllowed


class Phase(StrEnum):
    """The policy drives, nobody drives, an operator drives, or the work is finished."""

    WATCHING = "watching"
    HOLDING = "holding"
    STEERING = "steering"
    DONE = "done"


class Command(StrEnum):
    """What an operator can ask of a session."""

    TAKE_OVER = "take_over"
    HAND_BACK = "hand_back"
    HOLD = "hold"
    RESUME = "resume"
    SINGLE_STEP = "single_step"
    REWIND = "rewind"
    BRANCH = "branch"
    MARK = "mark"
    UNDO = "undo"
    FINISH = "finish"


class Label(StrEnum):
    """How an attempt went, in the operator's judgement."""

    SUCCESS = "success"
    FAILURE = "failure"
    UNSURE = "unsure"


NEXT: dict[tuple[Phase, Command], Phase] = {
    (Phase.WATCHING, Command.TAKE_OVER): Phase.STEERING,
    (Phase.WATCHING, Command.HOLD): Phase.HOLDING,
    (Phase.WATCHING, Command.REWIND): Phase.HOLDING,
    (Phase.WATCHING, Command.BRANCH): Phase.HOLDING,
    (Phase.WATCHING, Command.MARK): Phase.WATCHING,
    (Phase.WATCHING, Command.UNDO): Phase.WATCHING,
    (Phase.WATCHING, Command.FINISH): Phase.DONE,
    (Phase.HOLDING, Command.TAKE_OVER): Phase.STEERING,
    (Phase.HOLDING, Command.RESUME): Phase.WATCHING,
    (Phase.HOLDING, Command.SINGLE_STEP): Phase.HOLDING,
    (Phase.HOLDING, Command.REWIND): Phase.HOLDING,
    (Phase.HOLDING, Command.BRANCH): Phase.HOLDING,
    (Phase.HOLDING, Command.MARK): Phase.HOLDING,
    (Phase.HOLDING, Command.UNDO): Phase.HOLDING,
    (Phase.HOLDING, Command.FINISH): Phase.DONE,
    (Phase.STEERING, Command.HAND_BACK): Phase.WATCHING,
    (Phase.STEERING, Command.HOLD): Phase.HOLDING,
    (Phase.STEERING, Command.REWIND): Phase.HOLDING,
    (Phase.STEERING, Command.BRANCH): Phase.HOLDING,
    (Phase.STEERING, Command.MARK): Phase.STEERING,
    (Phase.STEERING, Command.UNDO): Phase.STEERING,
    (Phase.STEERING, Command.FINISH): Phase.DONE,
    (Phase.DONE, Command.REWIND): Phase.HOLDING,  # opens it again
    (Phase.DONE, Command.MARK): Phase.DONE,
    (Phase.DONE, Command.UNDO): Phase.DONE,
}
"""(phase, command) -> the next phase; what is not here is not allowed. UNDO takes back the last label."""


def allowed(phase: Phase) -> tuple[Command, ...]:
    """The commands that this phase takes, in the order of Command."""
    return tuple(command for command in Command if (phase, command) in NEXT)


def next_phase(phase: Phase, command: Command) -> Phase:
    """Where a command leads; raises NotAllowed."""
    if (phase, command) not in NEXT:
        raise NotAllowed(f"a session that is {phase} takes {', '.join(allowed(phase))}, got {command}")
    return NEXT[phase, command]
