"""A toy world with two small cameras, scripted drivers for it, and small real datasets made with them."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from hiwm.data.episode import Episode, episode_from_path
from hiwm.data.writer import write_dataset
from hiwm.interfaces import Stepped
from hiwm.rollout import run
from hiwm.sims.task import ScriptMemory, SimTask
from hiwm.spec import CameraSpec, NumberSpec, RobotSpec
from hiwm.types import Doubles, Driver, Floats, Kind, Observation, Picture, Reading, Scene

TOY_SPEC = RobotSpec(
    robot_type="toy",
    fps=10,
    cameras=(CameraSpec("observation.images.top", 32, 48), CameraSpec("observation.images.side", 24, 24)),
    state=(NumberSpec("x", "m", 0, 1), NumberSpec("y", "m", 0, 1), NumberSpec("speed", "m/s", 0, 1)),
    action=(NumberSpec("x", "m", 0, 1), NumberSpec("y", "m", 0, 1)),
)
TRUTH_NAMES = ("goal_x", "goal_y")
_STEP_M = 0.08
_REACH_M = 0.05


@dataclass(frozen=True, eq=False)
class ToyState:
    """Positions in the unit square, (2,) metres: the dot and its goal; and the speed of the dot in m/s."""

    dot: Doubles
    goal: Doubles
    speed: float = 0.0


class ToyDynamics:
    """A dot that follows its target; done when it is at the goal. `$TOY_STEP_S` slows every step down."""

    @property
    def spec(self) -> RobotSpec:
        return TOY_SPEC

    def reset(self, scenes: Sequence[Scene]) -> Stepped:
        drawn = [scene.rng().uniform(0.1, 0.9, (2, 2)) for scene in scenes]
        return self._stepped([ToyState(dot, goal) for dot, goal in drawn])

    def step(self, states: Sequence[Any], actions: Sequence[Floats]) -> Stepped:
        time.sleep(float(os.environ.get("TOY_STEP_S", "0")))
        checked = [TOY_SPEC.check_action(action) for action in actions]
        return self._stepped([_moved(state, action) for state, action in zip(states, checked, strict=True)])

    def close(self) -> None:
        pass

    def _stepped(self, states: list[ToyState]) -> Stepped:
        return states, [_seen(state) for state in states], [_read(state) for state in states]


def _moved(state: ToyState, action: Floats) -> ToyState:
    way = np.clip(action, 0, 1) - state.dot
    way *= min(1.0, _STEP_M / max(float(np.linalg.norm(way)), 1e-9))
    return ToyState(state.dot + way, state.goal, float(np.linalg.norm(way)) * TOY_SPEC.fps)


def _seen(state: ToyState) -> Observation:
    images = {camera.name: _picture(camera, state) for camera in TOY_SPEC.cameras}
    numbers = np.array([*state.dot, state.speed], np.float32)
    return Observation(images, numbers, state.goal.astype(np.float32))


def _picture(camera: CameraSpec, state: ToyState) -> Picture:
    rows = np.linspace(60, 120, camera.height)[:, None, None]
    picture = np.broadcast_to(rows, (camera.height, camera.width, 3)).astype(np.uint8)
    for place, colour in ((state.goal, (40, 200, 60)), (state.dot, (220, 40, 40))):
        row, column = (place[::-1] * (camera.height - 4, camera.width - 4)).astype(int)
        picture[row : row + 4, column : column + 4] = colour
    return picture


def _read(state: ToyState) -> Reading:
    distance_m = float(np.linalg.norm(state.goal - state.dot))
    return Reading(progress=max(0.0, 1 - distance_m), success=distance_m < _REACH_M, trust=1.0)


class ToyScript:
    """Drives to the goal (demo), away from it (failure; every second one recovers), or along the border (edge)."""

    driver = Driver.SCRIPT

    def __init__(self, kind: Kind) -> None:
        self.kind = kind

    def start(self, seeds: Sequence[int]) -> list[ScriptMemory]:
        return [ScriptMemory((seed, 0)) for seed in seeds]

    def act(
        self, memories: Sequence[ScriptMemory], observations: Sequence[Observation]
    ) -> tuple[list[ScriptMemory], list[Floats]]:
        pairs = [self._decided(memory, seen) for memory, seen in zip(memories, observations, strict=True)]
        return [memory for memory, _ in pairs], [action for _, action in pairs]

    def watch(self, memories: Sequence[ScriptMemory], observations: Sequence[Observation]) -> list[ScriptMemory]:
        return list(memories)

    def finished(self, memory: ScriptMemory) -> bool:
        return bool(memory.plan[1] >= 20)

    def _decided(self, memory: ScriptMemory, seen: Observation) -> tuple[ScriptMemory, Floats]:
        seed, step = memory.plan
        assert seen.truth is not None
        if self.kind is Kind.EDGE:
            return ScriptMemory((seed, step + 1)), np.array([step / 19, (seed % 2)], np.float32)
        lapse = "wander" if self.kind is Kind.FAILURE and (step < 5 or seed % 2) else ""
        return ScriptMemory((seed, step + 1), lapse), 1 - seen.truth if lapse else seen.truth


TOY_TASK = SimTask("toy", "bring the dot to the goal", 25, TRUTH_NAMES, ToyDynamics, ToyScript)


def toy_episode(kind: Kind, number: int, split: str = "train") -> Episode:
    """A scripted episode of the toy world: 20 frames."""
    scene, script = Scene("toy", split, number), ToyScript(kind)
    [path] = run(script, ToyDynamics(), [scene], TOY_TASK.max_steps, lambda p: script.finished(p[-1].memory))
    return episode_from_path(path, kind, scene.id, TOY_TASK.prompt, lambda memory: memory.lapse)


def toy_dataset(folder: Path, each: int = 3) -> list[Episode]:
    """Writes a dataset of `each` episodes of each kind, of 20, 17, 14 ... frames; returns what it was made from."""
    episodes = [toy_episode(kind, 10 * i + j) for i, kind in enumerate(Kind) for j in range(each)]
    episodes = [shortened(episode, 20 - 3 * (n % each)) for n, episode in enumerate(episodes)]
    write_dataset(episodes, TOY_SPEC, folder, TOY_TASK.name, TRUTH_NAMES)
    return episodes


def shortened(episode: Episode, length: int) -> Episode:
    """The first `length` frames of an episode."""
    return replace(
        episode,
        images={name: frames[:length] for name, frames in episode.images.items()},
        state=episode.state[:length],
        action=episode.action[:length],
        success=episode.success[:length],
        progress=episode.progress[:length],
        drivers=episode.drivers[:length],
        lapses=episode.lapses[:length],
        truth=None if episode.truth is None else episode.truth[:length],
    )
