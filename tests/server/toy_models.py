"""What a model worker serves in tests: the toy world and a policy that goes half of the way to the goal; no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hiwm.pipeline.model_worker import Errand, Models
from hiwm.session.values import register
from hiwm.types import Driver, Floats, Observation, Scene
from tests.fakes import ToyDynamics, ToyState

ABOUT = {
    "dynamics": {"kind": "simulator", "name": "toy", "hash": "toy 1"},
    "policy": {"name": "wanderer", "hash": "wanderer 1"},
}


@dataclass(frozen=True)
class ToyMemory:
    """Counts the decisions of an episode."""

    seed: int
    steps: int


class Wanderer:
    """Goes round in a circle that its seed and the number of steps decide."""

    driver = Driver.POLICY

    def start(self, seeds: Sequence[int]) -> list[ToyMemory]:
        return [ToyMemory(seed, 0) for seed in seeds]

    def act(self, memories: Sequence[Any], observations: Sequence[Observation]) -> tuple[list[Any], list[Floats]]:
        after = [ToyMemory(memory.seed, memory.steps + 1) for memory in memories]
        angles = [0.3 * memory.steps + memory.seed for memory in memories]
        actions = [np.array([0.5 + 0.2 * np.cos(a), 0.5 + 0.2 * np.sin(a)], np.float32) for a in angles]
        return after, actions

    def watch(self, memories: Sequence[Any], observations: Sequence[Observation]) -> list[Any]:
        return list(memories)


def toy(settings: Mapping[str, Any]) -> Models:
    """A factory for the worker."""
    register(ToyState, ToyMemory)
    return Models(ToyDynamics(), Wanderer(), errand, ABOUT)


def errand(scene: Scene) -> Errand:
    return Errand("bring the dot to the goal", int(1e6))
