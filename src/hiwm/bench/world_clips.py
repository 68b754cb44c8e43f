"""Clips that a world is measured on: held-out scenes, driven by the task's scripts, in which the object moves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from hiwm.interfaces import Dynamics
from hiwm.perception.points import Point, distances
from hiwm.rollout import Node, Path, run
from hiwm.sims.arena import VIEW_M
from hiwm.sims.task import SimTask
from hiwm.types import Doubles, Floats, Kind, Picture, Scene

WORKSPACE = {"m": VIEW_M, "px": 512.0}
"""Width of the table in view, by the unit of the robot's numbers."""
LEAST_MOVED = 0.1
"""Share of the workspace by which the object is somewhere else at a clip's end."""
LEVER = 0.15
"""Of the workspace: where the tips are by which a turn counts as displacement; about the T's."""

type Film = list[dict[str, Picture]]
"""A picture per camera for each step."""


@dataclass(frozen=True)
class Ruler:
    """Measures how far apart two truths are. workspace: in the unit of the truth's positions."""

    points: tuple[Point, ...]
    workspace: float
    unit: str

    def apart(self, a_nk: Floats, b_nk: Floats) -> Doubles:
        """(N,) mean distance of the object's points."""
        return distances(a_nk, b_nk, self.points, LEVER * self.workspace)


@dataclass(frozen=True, eq=False)
class Clip:
    """`before`: the moments that a world starts from, the last being the clip's first picture; `after`: its steps."""

    kind: Kind
    scene: Scene
    before: tuple[Node, ...]
    after: tuple[Node, ...]

    @property
    def first(self) -> Node:
        """The node that the first action is taken from."""
        return self.before[-1]

    @property
    def film(self) -> Film:
        """What the simulator shows."""
        return [dict(node.observation.images) for node in self.after]

    @property
    def actions(self) -> list[Floats]:
        """The action of each step, (A,)."""
        return [node.action for node in self.after if node.action is not None]

    @property
    def truth_tk(self) -> Floats:
        """(T, K) the truth after each step."""
        return np.stack([node.observation.require_truth() for node in self.after])

    @property
    def state_ts(self) -> Floats:
        """(T, S) the robot state after each step."""
        return np.stack([node.observation.state for node in self.after])


def find_clips(
    task: SimTask,
    dynamics: Dynamics,
    kind: Kind,
    wanted: int,
    steps: int,
    past: int,
    ruler: Ruler,
    rng: np.random.Generator,
    found: Callable[[], object],
) -> list[Clip]:
    """At most one clip from each evaluation scene, from a moment drawn among those where the object moves enough.

    Gives up after five scenes a clip, so that there may be fewer. found: called for each clip.
    """
    clips = list[Clip]()
    for number in range(5 * wanted):
        scene = Scene(task.name, "eval", number)
        path = scripted_path(task, dynamics, kind, scene)
        start = _start(path, steps, ruler, rng)
        if start is not None:
            before = tuple(path[max(0, start - past + 1) : start + 1])
            clips.append(Clip(kind, scene, before, tuple(path[start + 1 : start + steps + 1])))
            found()
        if len(clips) == wanted:
            break
    return clips


def scripted_path(task: SimTask, dynamics: Dynamics, kind: Kind, scene: Scene) -> Path:
    """The episode that the script of this kind makes in a scene."""
    script = task.script(kind)
    return run(script, dynamics, [scene], task.max_steps, lambda path: script.finished(path[-1].memory))[0]


def _start(path: Sequence[Node], steps: int, ruler: Ruler, rng: np.random.Generator) -> int | None:
    """A step of an episode from which the object is displaced enough `steps` later."""
    if len(path) <= steps:
        return None
    truth = np.stack([node.observation.require_truth() for node in path])
    moved = ruler.apart(truth[steps:], truth[:-steps])
    fitting = np.flatnonzero(moved >= LEAST_MOVED * ruler.workspace)
    return int(rng.choice(fitting)) if len(fitting) else None
