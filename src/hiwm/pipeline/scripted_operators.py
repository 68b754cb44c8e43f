"""The scripted operators by task: each plays its task's expert, from what an estimator reads in the pictures."""

from __future__ import annotations

from pathlib import Path

from hiwm.errors import UnknownName
from hiwm.operators.eyes import EstimatorEyes
from hiwm.operators.habits import Habits
from hiwm.operators.scripted import ScriptedOperator
from hiwm.perception.estimator import load_estimator
from hiwm.sims.script import ExpertDriver
from hiwm.sims.tasks import load_task
from hiwm.spec import RobotSpec
from hiwm.types import Kind

HABITS = {
    "push_t": Habits(),
    "route_rope": Habits(gain=0.3, steered=150, stall=40, steps=260),
    "fold_towel": Habits(gain=0.3, steered=150, stall=40, steps=260),
}
"""Ropes and towels move in longer skills than a push: the operator holds on longer, and waits longer for the policy."""


def open_operator(task: str, spec: RobotSpec, estimator: Path) -> tuple[ScriptedOperator, Habits]:
    """The operator of a task and its habits; raises UnknownName for a task without one, BadCheckpoint."""
    if task not in HABITS:
        raise UnknownName("scripted operator", task, HABITS)
    planner = load_task(task).script(Kind.DEMO)
    assert isinstance(planner, ExpertDriver)  # it is, for all tasks of the bimanual robot
    eyes = EstimatorEyes(load_estimator(estimator))
    return ScriptedOperator(f"script:{task}", spec, planner, eyes), HABITS[task]
