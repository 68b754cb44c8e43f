"""What the model worker of `hiwm serve` serves: a learned world or a simulator, and a policy, by their names."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import torch

from hiwm.errors import BadInput
from hiwm.pipeline.dynamics import about_dynamics, open_dynamics
from hiwm.pipeline.model_worker import Errand, Models
from hiwm.pipeline.rollout_worker import about_policy
from hiwm.pipeline.scenes import errand_of, first_observations
from hiwm.pipeline.stored_values import know_stored_values
from hiwm.policies.loading import load_policy
from hiwm.types import Observation, Picture, Reading, Scene
from hiwm.worldmodel.checkpoint import load_world
from hiwm.worldmodel.learned import LearnedWorld
from hiwm.worldmodel.shipped import find_world


def open_models(settings: Mapping[str, Any]) -> Models:
    """The dynamics and policy that `hiwm serve` names: world or sim, policy, look, device, threads."""
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
    return Models(learned, policy, partial(_prepare, learned, seen, look), about, partial(_begin, learned))


def _errand(scene: Scene) -> Errand:
    errand = errand_of(scene)
    return Errand(errand.prompt, errand.max_steps)


def _prepare(learned: LearnedWorld, seen: dict[str, Observation], look: str, scene: Scene) -> Errand:
    """Shows the world the first moment of a scene, which it does not know of itself."""
    if scene.id not in seen:
        seen.clear()  # a state holds its own pictures; only the scene that is begun now is needed
        seen |= first_observations([scene], learned.spec.cameras, look)
    return _errand(scene)


def _begin(learned: LearnedWorld, picture: Picture) -> tuple[Any, Observation, Reading]:
    raise BadInput("this world has no head that reads the robot state from a picture; begin with a scene of a dataset")
