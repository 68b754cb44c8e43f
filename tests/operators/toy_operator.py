"""A planner and eyes for the toy world, which see the goal; a policy that drifts away from it; sessions of both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from hiwm.operators.eyes import Glance
from hiwm.operators.scripted import ScriptedOperator
from hiwm.rollout import run
from hiwm.session.file import SessionFile
from hiwm.session.rows import SessionAbout
from hiwm.session.session import Session
from hiwm.session.values import register
from hiwm.types import Driver, Floats, Observation, Picture, Scene
from tests.fakes import TOY_SPEC, ToyDynamics, ToyState

SKILL = 3
"""Steps of a skill of the toy planner."""


@dataclass(frozen=True)
class ToyPlan:
    """Steps left of the skill, and skills done."""

    left: int = 0
    skills: int = 0


register(ToyState)


class ToyPlanner:
    """Moves towards what it is told as truth, in skills of SKILL steps."""

    driver = Driver.SCRIPT

    def start(self, seeds: Sequence[int]) -> list[ToyPlan]:
        return [ToyPlan() for _ in seeds]

    def act(
        self, memories: Sequence[ToyPlan], observations: Sequence[Observation]
    ) -> tuple[list[ToyPlan], list[Floats]]:
        after = [ToyPlan((m.left or SKILL) - 1, m.skills + (m.left == 0)) for m in memories]
        return after, [_towards(seen.state[:2], seen.require_truth()) for seen in observations]

    def watch(self, memories: Sequence[ToyPlan], observations: Sequence[Observation]) -> list[ToyPlan]:
        return [ToyPlan(0, m.skills) for m in memories]

    def looks_now(self, memory: ToyPlan) -> bool:
        return memory.left == 0

    def finished(self, memory: ToyPlan) -> bool:
        return False


def _towards(dot: Floats, goal: Floats) -> Floats:
    return np.asarray(dot + np.clip(goal - dot, -0.15, 0.15), np.float32)


class ToyEyes:
    """Finds the goal by its colour, as a person would; nothing where it is hidden, if only in part."""

    def __init__(self) -> None:
        self.looks = 0

    def read(self, seen: Sequence[Observation]) -> list[Glance]:
        self.looks += len(seen)
        return [self._glance(moment.images["observation.images.top"]) for moment in seen]

    def apart_m(self, one: Glance, other: Glance) -> float:
        return float(np.linalg.norm(one.truth_k - other.truth_k))

    def between(self, one: Glance, other: Glance) -> Glance:
        return Glance(np.asarray((one.truth_k + other.truth_k) / 2, np.float32), one.whole and other.whole)

    def _glance(self, picture: Picture) -> Glance:
        rows, columns = np.nonzero((picture[..., 1] > 150) & (picture[..., 0] < 100))
        if len(rows) < 16:  # the dot covers it, wholly or in part
            return Glance(np.zeros(2, np.float32), whole=False)
        high, wide = picture.shape[:2]
        place = np.array([columns.min() / (wide - 4), rows.min() / (high - 4)], np.float32)
        return Glance(place, whole=True)


class ForgetfulEyes(ToyEyes):
    """Sees nothing in some pictures."""

    def __init__(self, hidden: Sequence[Picture]) -> None:
        super().__init__()
        self.hidden = hidden

    def _glance(self, picture: Picture) -> Glance:
        glance = super()._glance(picture)
        return replace(glance, whole=False) if any(np.array_equal(picture, one) for one in self.hidden) else glance


@dataclass(frozen=True)
class Away:
    """Memory of Drift: steps so far."""

    steps: int = 0


register(Away)


class Drift:
    """Drives into a corner."""

    driver = Driver.POLICY

    def start(self, seeds: Sequence[int]) -> list[Away]:
        return [Away() for _ in seeds]

    def act(self, memories: Sequence[Away], observations: Sequence[Observation]) -> tuple[list[Away], list[Floats]]:
        return [Away(m.steps + 1) for m in memories], [np.zeros(2, np.float32) for _ in observations]

    def watch(self, memories: Sequence[Away], observations: Sequence[Observation]) -> list[Away]:
        return list(memories)


def toy_operator(eyes: ToyEyes | None = None) -> ScriptedOperator:
    """The operator of the toy world."""
    return ScriptedOperator("script:toy", TOY_SPEC, ToyPlanner(), eyes or ToyEyes())


def toy_about(number: int) -> SessionAbout:
    """What a session of the toy world is about."""
    scene = Scene("toy", "train", number)
    dynamics = {"kind": "simulator", "name": "toy", "hash": ""}
    prompt = "bring the dot to the goal"
    return SessionAbout(f"toy-{number}", "toy", prompt, scene.id, TOY_SPEC, dynamics, {"name": "drift", "hash": ""}, 0)


def toy_session(folder: Path, number: int = 0, steps: int = 12) -> Session:
    """A drifting policy in the toy world, as a session file that is open for writing."""
    folder.mkdir(parents=True, exist_ok=True)
    scene = Scene("toy", "train", number)
    [path] = run(Drift(), ToyDynamics(), [scene], steps, lambda path: False)
    session = Session(SessionFile.create(folder / f"toy-train-{number}.hiwm", toy_about(number)))
    session.start(path[0])
    session.record_all(path[1:])
    return session
