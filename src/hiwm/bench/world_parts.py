"""What a world is measured with, how much is measured, and whether the parts fit together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.progress import Progress

from hiwm.bench.world_clips import WORKSPACE, Ruler
from hiwm.errors import BadInput, SpecMismatch
from hiwm.interfaces import Dynamics
from hiwm.perception.estimator import Estimator
from hiwm.sims.task import SimTask
from hiwm.spec import RobotSpec
from hiwm.worldmodel.learned import LearnedWorld

BATCH = 8
"""Branches that a world steps together."""
GROUPS = ("clips", "success", "actions", "long", "speed")
"""What can be measured by itself; trust is read from the clips."""


@dataclass(frozen=True)
class Plan:
    """How much is measured.

    clips: of each kind of episodes. steps: of a clip. episodes: judged for success. long_steps: of the long run, 0 for
    none. seed: of the clips' moments, of what is drawn at random, and of the world's noise. groups: of GROUPS.
    """

    clips: int = 20
    steps: int = 64
    episodes: int = 200
    long_steps: int = 6000
    seed: int = 0
    groups: tuple[str, ...] = GROUPS

    def check(self) -> None:
        """Raises BadInput where there is too little to measure."""
        if self.clips < 1 or self.steps < 2:
            raise BadInput(f"expected at least 1 clip of at least 2 steps, got {self.clips} of {self.steps}")
        if self.episodes < 2:
            raise BadInput(f"expected at least 2 episodes to judge, a success and a failure, got {self.episodes}")
        if self.long_steps and self.long_steps < 20:
            raise BadInput(f"expected a long run of 0 or at least 20 steps, got {self.long_steps}")
        if unknown := [group for group in self.groups if group not in GROUPS]:
            raise BadInput(f"expected groups of figures among {', '.join(GROUPS)}, got {', '.join(unknown)}")


@dataclass(frozen=True, eq=False)
class Bench:
    """The simulator, the world, what reads their pictures, and whether progress is shown."""

    task: SimTask
    dynamics: Dynamics
    world: LearnedWorld
    estimator: Estimator
    ruler: Ruler
    plan: Plan
    show: bool = True

    @property
    def cameras(self) -> tuple[str, ...]:
        """Full feature names of the cameras."""
        return tuple(camera.name for camera in self.estimator.cameras)

    @contextmanager
    def bar(self, what: str, total: int) -> Iterator[Callable[[], object]]:
        """A progress bar on the terminal; what it yields moves it on by one."""
        with Progress(console=Console(stderr=True), transient=True, disable=not self.show) as progress:
            bar = progress.add_task(what, total=total)
            yield lambda: progress.advance(bar)


def ruler_of(spec: RobotSpec, estimator: Estimator) -> Ruler:
    """The measure of object errors; raises BadInput where the robot's numbers or the object cannot be measured."""
    unit = spec.state[0].unit if spec.state else ""
    if unit not in WORKSPACE or not estimator.object_points or not estimator.hand_points:
        raise BadInput(
            f"expected hands and a moving object in {' or '.join(WORKSPACE)}, the robot's numbers are in {unit!r} and "
            f"the estimator reads {len(estimator.object_points)} moving points; train it on a simulated task's dataset"
        )
    return Ruler(estimator.object_points, WORKSPACE[unit], unit)


def require_fit(task: SimTask, shown: RobotSpec, world: RobotSpec, estimator: Estimator) -> None:
    """Raises SpecMismatch where task, world and estimator are not about the same robot and truth."""
    parts = {
        "cameras": (shown.cameras, world.cameras, estimator.cameras),
        "state": tuple(tuple(n.name for n in spec.state) for spec in (shown, world)) + (estimator.targets.state,),
        "truth": (task.truth_names, task.truth_names, estimator.targets.truth),
        "rate": (shown.fps, world.fps, world.fps),
    }
    for name, (of_task, of_world, of_estimator) in parts.items():
        if not of_task == of_world == of_estimator:
            raise SpecMismatch(
                f"{name} of {task.name} {_brief(of_task)}, of the world {_brief(of_world)}, of the estimator "
                f"{_brief(of_estimator)} differ; train both on a dataset of this task"
            )


def _brief(part: Any) -> str:
    text = str(part)
    return text if len(text) < 120 else text[:117] + "..."
