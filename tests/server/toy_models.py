"""What a model worker serves in tests: a dot that follows its target, and a policy that goes in circles.

Imports next to nothing, so that a worker starts in a fraction of a second.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hiwm.interfaces import Stepped
from hiwm.pipeline.model_worker import Errand, Models
from hiwm.session.values import register
from hiwm.spec import CameraSpec, NumberSpec, RobotSpec
from hiwm.types import Doubles, Driver, Floats, Observation, Picture, Reading, Scene

DOT_SPEC = RobotSpec(
    robot_type="dot",
    fps=10,
    cameras=(CameraSpec("observation.images.top", 32, 48), CameraSpec("observation.images.side", 24, 24)),
    state=(NumberSpec("x", "m", 0, 1), NumberSpec("y", "m", 0, 1)),
    action=(NumberSpec("x", "m", 0, 1), NumberSpec("y", "m", 0, 1)),
)
ABOUT = {
    "dynamics": {"kind": "simulator", "name": "dot", "hash": "dot 1"},
    "policy": {"name": "wanderer", "hash": "wanderer 1"},
}
STEP_M = 0.08


@dataclass(frozen=True, eq=False)
class DotState:
    """Where the dot and its goal are, (2,) metres."""

    dot: Doubles
    goal: Doubles


@dataclass(frozen=True)
class DotMemory:
    """Counts the decisions of an episode."""

    seed: int
    steps: int


class DotDynamics:
    """Progress is nearness to the goal. `$TOY_STEP_S` slows every step down; an action of exactly (0, 1) breaks it."""

    @property
    def spec(self) -> RobotSpec:
        return DOT_SPEC

    def reset(self, scenes: Sequence[Scene]) -> Stepped:
        drawn = [scene.rng().uniform(0.1, 0.9, (2, 2)) for scene in scenes]
        return self._stepped([DotState(dot, goal) for dot, goal in drawn])

    def step(self, states: Sequence[Any], actions: Sequence[Floats]) -> Stepped:
        time.sleep(float(os.environ.get("TOY_STEP_S", "0")))
        if any(list(action) == [0.0, 1.0] for action in actions):
            raise ValueError("the dot is lost")
        return self._stepped([_moved(state, action) for state, action in zip(states, actions, strict=True)])

    def close(self) -> None:
        pass

    def _stepped(self, states: list[DotState]) -> Stepped:
        return states, [_seen(state) for state in states], [_read(state) for state in states]


def _moved(state: DotState, action: Floats) -> DotState:
    way = np.clip(action, 0, 1) - state.dot
    way *= min(1.0, STEP_M / max(float(np.linalg.norm(way)), 1e-9))
    return DotState(state.dot + way, state.goal)


def _seen(state: DotState) -> Observation:
    return Observation({c.name: _picture(c, state) for c in DOT_SPEC.cameras}, state.dot.astype(np.float32))


def _picture(camera: CameraSpec, state: DotState) -> Picture:
    picture = np.full((camera.height, camera.width, 3), 90, np.uint8)
    for place, colour in ((state.goal, (40, 200, 60)), (state.dot, (220, 40, 40))):
        row, column = (place[::-1] * (camera.height - 4, camera.width - 4)).astype(int)
        picture[row : row + 4, column : column + 4] = colour
    return picture


def _read(state: DotState) -> Reading:
    distance_m = float(np.linalg.norm(state.goal - state.dot))
    return Reading(progress=max(0.0, 1 - distance_m), success=distance_m < 0.02, trust=0.9)


class Wanderer:
    """Goes round in a circle that its seed and the number of steps decide."""

    driver = Driver.POLICY

    def start(self, seeds: Sequence[int]) -> list[DotMemory]:
        return [DotMemory(seed, 0) for seed in seeds]

    def act(self, memories: Sequence[Any], observations: Sequence[Observation]) -> tuple[list[Any], list[Floats]]:
        after = [DotMemory(memory.seed, memory.steps + 1) for memory in memories]
        angles = [0.3 * memory.steps + memory.seed for memory in memories]
        actions = [np.array([0.5 + 0.2 * np.cos(a), 0.5 + 0.2 * np.sin(a)], np.float32) for a in angles]
        return after, actions

    def watch(self, memories: Sequence[Any], observations: Sequence[Observation]) -> list[Any]:
        return list(memories)


def dot(settings: Mapping[str, Any]) -> Models:
    """A factory for the worker."""
    register(DotState, DotMemory)
    return Models(DotDynamics(), Wanderer(), errand, ABOUT)


def errand(scene: Scene) -> Errand:
    return Errand("bring the dot to the goal", int(1e6))
