"""What the model worker of `hiwm serve` serves: a learned world or a simulator, and a policy, by their names."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hiwm.errors import BadInput
from hiwm.interfaces import Dynamics
from hiwm.perception.estimator import Estimator, load_estimator
from hiwm.perception.shipped import shipped_estimator
from hiwm.pipeline.dynamics import about_dynamics, open_dynamics
from hiwm.pipeline.model_worker import Errand, Models
from hiwm.pipeline.rollout_worker import about_policy
from hiwm.pipeline.scenes import DATASET, errand_of, first_observations, setting_for
from hiwm.pipeline.stored_values import know_stored_values
from hiwm.policies.loading import load_policy
from hiwm.sims.tasks import load_task
from hiwm.types import Observation, Picture, Reading, Scene
from hiwm.worldmodel.checkpoint import load_world
from hiwm.worldmodel.learned import LearnedWorld, WorldState
from hiwm.worldmodel.shipped import find_world


def open_models(settings: Mapping[str, Any]) -> Models:
    """The dynamics and policy that `hiwm serve` names: world or sim, policy, look, estimator, device, threads."""
    torch.set_num_threads(int(settings.get("threads") or 1))
    return named_models(settings)


def named_models(settings: Mapping[str, Any]) -> Models:
    """World or sim, policy, look, device and scenes (`task/split`) as `hiwm serve` was given them."""
    know_stored_values()
    world, sim, look = settings.get("world"), settings.get("sim"), settings.get("look", "plain")
    about = {"dynamics": about_dynamics(world, sim, look), "policy": about_policy(settings["policy"])}
    prompt = errand_of(Scene.parse(f"{settings['scenes']}/0")).prompt
    if world is None:
        simulator = open_dynamics(None, sim, look=look)
        policy = load_policy(
            settings["policy"], simulator.spec, device=settings.get("device", "cpu"), task_prompt=prompt
        )
        return Models(simulator, policy, _errand, about)
    seen: dict[str, Observation] = {}
    learned = LearnedWorld(load_world(find_world(world)), seen)
    policy = load_policy(settings["policy"], learned.spec, device=settings.get("device", "cpu"), task_prompt=prompt)
    reader = _reader(settings.get("estimator"), settings["scenes"])
    begin = None if reader is None else partial(begin_with_picture, learned, seen, reader)
    return Models(learned, policy, FirstLooks(learned, seen, look).prepare, about, begin)


def _reader(folder: str | None, scenes: str) -> Estimator | None:
    """The estimator of that folder, or the one that is shipped for the task of the scenes, if there is one."""
    found = Path(folder) if folder is not None else shipped_estimator(scenes.partition("/")[0])
    return None if found is None else load_estimator(found)


def begin_with_picture(
    learned: LearnedWorld, seen: dict[str, Observation], reader: Estimator, picture: Picture
) -> tuple[WorldState, Observation, Reading]:
    """State, observation and reading of a new scene; the robot state is what an estimator reads in the picture.

    seen: the first observations that the world knows, by scene. Raises BadInput where the picture does not show the
    whole object, or the estimator is another robot's.
    """
    spec = learned.spec
    names = list(reader.targets.state)
    if missing := [number.name for number in spec.state if number.name not in names]:
        raise BadInput(
            f"the estimator reads {', '.join(names[:4])} ..., this robot has {', '.join(missing[:4])} too; "
            "train one on the world's own dataset (hiwm train-estimator) and name it with --estimator"
        )
    estimates = reader.read([{reader.cameras[0].name: picture}])
    if not estimates.whole_n[0]:
        raise BadInput(
            f"the object is not seen whole in this picture (score {estimates.score_n[0]:.1f}, at least "
            f"{reader.threshold:.1f} is needed); take one that looks like those of the world's dataset"
        )
    low, high = ([getattr(number, side) for number in spec.state] for side in ("low", "high"))
    read = estimates.state_ns[0][[names.index(number.name) for number in spec.state]]
    scene = Scene("picture", "uploaded", zlib.crc32(picture.tobytes()))
    seen[scene.id] = Observation({spec.cameras[0].name: picture}, np.clip(read, low, high).astype(np.float32))
    [state], [observation], [reading] = learned.reset([scene])
    del seen[scene.id]
    return state, observation, reading


def _errand(scene: Scene) -> Errand:
    errand = errand_of(scene)
    return Errand(errand.prompt, errand.max_steps)


class FirstLooks:
    """Shows a world the first moment of a scene, which it does not know of itself; simulators stay open for the next.

    seen: the first observations that the world knows, by scene.
    """

    def __init__(self, learned: LearnedWorld, seen: dict[str, Observation], look: str) -> None:
        self._cameras, self._seen, self._look = learned.spec.cameras, seen, look
        self._simulators: dict[str, Dynamics] = {}

    def prepare(self, scene: Scene) -> Errand:
        """What shall be done in the scene that is begun now."""
        if scene.id not in self._seen:
            self._seen.clear()  # a state holds its own pictures; only this scene is needed
            self._seen |= self._recorded(scene) if scene.task.startswith(DATASET) else self._simulated(scene)
        return _errand(scene)

    def _recorded(self, scene: Scene) -> dict[str, Observation]:
        return first_observations([scene], self._cameras, self._look)

    def _simulated(self, scene: Scene) -> dict[str, Observation]:
        if scene.task not in self._simulators:
            self._simulators[scene.task] = load_task(scene.task, setting_for(self._cameras, self._look)).open()
        _, [observation], _ = self._simulators[scene.task].reset([scene])
        return {scene.id: observation}
