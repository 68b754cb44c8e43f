"""Sessions of the toy world in which a scripted operator has corrected something."""

from __future__ import annotations

from pathlib import Path

from hiwm.corrections.gates import Gates
from hiwm.operators.desk import Desk, Start
from hiwm.operators.habits import Habits
from hiwm.operators.work import Budget, work
from tests.fakes import ToyDynamics
from tests.operators.toy_operator import Drift, toy_operator, toy_session

STARTS = (Start(6, "stall", 1), Start(3, "fall", 2))
HABITS = Habits(held=3, gain=1.0)
TOY_GATES = Gates(jerk=1.0)
"""The toy's policy commands a far corner, so its operator has to jump."""


def corrected_session(folder: Path, number: int = 0, starts: tuple[Start, ...] = STARTS, steps: int = 12) -> Path:
    """A drifting attempt of so many steps with a correction from each start, all of which succeed."""
    session = toy_session(folder, number, steps)
    operator = toy_operator()
    desk = Desk(session, operator, HABITS, starts)
    work(iter([desk]), operator, Drift(), ToyDynamics(), 1, Budget(None), lambda done: done.session.close())
    return folder / f"toy-train-{number}.hiwm"
