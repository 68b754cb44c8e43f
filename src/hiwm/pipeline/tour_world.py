"""What `hiwm tour` shows of a learned world: the actions of an episode, in the simulator and in the world."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hiwm.bench.world import setting_of
from hiwm.rollout import Path as Rollout
from hiwm.rollout import run
from hiwm.sims.tasks import load_task
from hiwm.types import Driver, Floats, Observation, Picture, Scene
from hiwm.worldmodel.checkpoint import load_world
from hiwm.worldmodel.learned import LearnedWorld


@dataclass(frozen=True, eq=False)
class SameActions:
    """One camera's pictures of the same actions from the same scene, and how many steps a second the world made."""

    simulator: list[Picture]
    world: list[Picture]
    frames_per_second: float


@dataclass(frozen=True, eq=False)
class Replay:
    """A policy that gives recorded actions, one after the other; its memory is how many it has given."""

    actions: Sequence[Floats]
    driver = Driver.SCRIPT

    def start(self, seeds: Sequence[int]) -> list[Any]:
        """Every episode starts with the first action."""
        return [0] * len(seeds)

    def act(self, memories: Sequence[Any], observations: Sequence[Observation]) -> tuple[list[Any], list[Floats]]:
        """The next recorded action of each episode, whatever is seen."""
        return [given + 1 for given in memories], [self.actions[given] for given in memories]

    def watch(self, memories: Sequence[Any], observations: Sequence[Observation]) -> list[Any]:
        """Somebody else's step stands for a recorded one."""
        return [given + 1 for given in memories]


def same_actions(task: str, scene: Scene, actions: Sequence[Floats], folder: Path) -> SameActions:
    """Plays the actions in the simulator, shown as the world in `folder` shows it, and from its first picture there."""
    world, replay = load_world(folder), Replay(actions)
    simulator = load_task(task, setting_of(world)).open()
    try:
        [true] = run(replay, simulator, [scene], len(actions), _never)
    finally:
        simulator.close()
    learned = LearnedWorld(world, {scene.id: true[0].observation})
    began = time.perf_counter()
    [made] = run(replay, learned, [scene], len(actions), _never)
    wall_s = time.perf_counter() - began
    camera = world.spec.cameras[0].name
    return SameActions(_pictures(true, camera), _pictures(made, camera), len(actions) / wall_s)


def _never(path: Rollout) -> bool:
    return False


def _pictures(path: Rollout, camera: str) -> list[Picture]:
    return [node.observation.images[camera] for node in path]
