"""Whole scripted episodes of held-out scenes: where they start, what was done, and how they ended in the simulator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hiwm.bench.world_clips import scripted_path
from hiwm.interfaces import Dynamics
from hiwm.sims.task import SimTask
from hiwm.types import Floats, Kind, Observation, Reading, Scene

SCENES_EACH = 4
"""Gives up after so many scenes for an episode that is wanted."""


@dataclass(frozen=True, eq=False)
class Trial:
    """An episode without its pictures: the simulator's first state, what was seen there, actions, the last reading."""

    kind: Kind
    scene: Scene
    state: Any
    first: Observation
    actions: tuple[Floats, ...]
    end: Reading

    @property
    def success(self) -> bool:
        """Whether the task was done at the end, hands away: how hiwm counts an episode everywhere."""
        return bool(self.end.success)


def play(task: SimTask, dynamics: Dynamics, kind: Kind, scene: Scene) -> Trial:
    """Plays the script of a kind in a scene."""
    path = scripted_path(task, dynamics, kind, scene)
    first = path[0]
    actions = tuple(node.action for node in path if node.action is not None)
    return Trial(kind, scene, first.state, first.observation, actions, path[-1].reading)


def draw_trials(task: SimTask, dynamics: Dynamics, wanted: int, found: Callable[[], object]) -> list[Trial]:
    """Half successes, half failures, from the evaluation scenes in order.

    Demonstrations and episodes with mistakes take turns until there are enough successes; mistakes that are made good
    are successes too. There are fewer where SCENES_EACH scenes for each do not give more. found: called for each.
    """
    room = {True: (wanted + 1) // 2, False: wanted // 2}
    trials: list[Trial] = []
    for number in range(SCENES_EACH * wanted):
        kind = Kind.DEMO if number % 2 == 0 and room[True] else Kind.FAILURE
        trial = play(task, dynamics, kind, Scene(task.name, "eval", number))
        if room[trial.success]:
            room[trial.success] -= 1
            trials.append(trial)
            found()
        if not any(room.values()):
            break
    return trials
