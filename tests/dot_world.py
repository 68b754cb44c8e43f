"""The toy world seen by one square camera, with the dot itself in its truth: an object that moves."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hiwm.data.episode import Episode, episode_from_path
from hiwm.data.writer import write_dataset
from hiwm.interfaces import Stepped
from hiwm.rollout import run
from hiwm.sims.task import ScriptMemory, SimTask
from hiwm.spec import CameraSpec, RobotSpec
from hiwm.types import Floats, Kind, Observation, Scene
from tests.fakes import TOY_SPEC, TRUTH_NAMES, ToyDynamics, ToyScript, ToyState, _picture

CAMERA = CameraSpec("observation.images.top", 32, 32)
DOT_SPEC = dataclasses.replace(TOY_SPEC, cameras=(CAMERA,))
DOT_NAMES = (*TRUTH_NAMES, "dot_x", "dot_y")


class DotDynamics(ToyDynamics):
    """Truth: the goal, then the dot."""

    @property
    def spec(self) -> RobotSpec:
        return DOT_SPEC

    def _stepped(self, states: list[ToyState]) -> Stepped:
        _, seen, readings = super()._stepped(states)
        return states, [_with_dot(s, o) for s, o in zip(states, seen, strict=True)], readings


def _with_dot(state: ToyState, seen: Observation) -> Observation:
    truth = np.concatenate([state.goal, state.dot]).astype(np.float32)
    return Observation({CAMERA.name: _picture(CAMERA, state)}, seen.state, truth)


class DotScript(ToyScript):
    """The toy's script, which knows the goal only."""

    def act(
        self, memories: Sequence[ScriptMemory], observations: Sequence[Observation]
    ) -> tuple[list[ScriptMemory], list[Floats]]:
        goals = [dataclasses.replace(seen, truth=seen.require_truth()[:2]) for seen in observations]
        return super().act(memories, goals)


DOT_TASK = SimTask("toy", "bring the dot to the goal", 25, DOT_NAMES, DotDynamics, DotScript)


def dot_dataset(folder: Path, each: int) -> None:
    """Writes `each` episodes of each kind, of 20 frames."""
    episodes = [_episode(kind, 100 * i + j) for i, kind in enumerate(Kind) for j in range(each)]
    write_dataset(episodes, DOT_SPEC, folder, DOT_TASK.name, DOT_NAMES)


def _episode(kind: Kind, number: int) -> Episode:
    scene, script = Scene("toy", "train", number), DotScript(kind)
    [path] = run(script, DotDynamics(), [scene], DOT_TASK.max_steps, lambda p: script.finished(p[-1].memory))
    return episode_from_path(path, kind, scene.id, DOT_TASK.prompt, lambda memory: memory.lapse)
