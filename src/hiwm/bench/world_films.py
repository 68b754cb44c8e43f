"""What is shown of a clip beside the simulator's own pictures: by a world, and by baselines that know no physics."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np

from hiwm.bench.world_clips import Clip, Film
from hiwm.interfaces import Dynamics
from hiwm.sims.mujoco_dynamics import MujocoDynamics
from hiwm.sims.physics import SimState
from hiwm.worldmodel.learned import LearnedWorld, WorldState

FIRST, FROZEN, ABSENT = "first_picture", "object_frozen", "object_absent"
LEFT_OUT = "object_frozen and object_absent need a simulator that shows mixed states (MuJoCo)"


def world_state(world: LearnedWorld, clip: Clip, seed: int) -> WorldState:
    """The state from which a world goes on after a clip's first pictures."""
    past, cameras = world.world.network.past, world.spec.cameras
    seen = [node.observation for node in clip.before]
    for observation in seen:
        world.spec.check_observation(observation)
    seen = [seen[0]] * (past - len(seen)) + seen
    return WorldState(
        shown=tuple(tuple(observation.images[camera.name] for camera in cameras) for observation in seen),
        states_ks=np.stack([observation.state for observation in seen]),
        actions=tuple(node.action for node in clip.before[1:] if node.action is not None),
        seed=zlib.crc32(f"{clip.scene.id}/{clip.kind}/{seed}".encode()),
    )


def world_films(world: LearnedWorld, clips: Sequence[Clip], seed: int) -> list[Film]:
    """The clips' actions in the world, in one batch."""
    states = [world_state(world, clip, seed) for clip in clips]
    films: list[Film] = [[] for _ in clips]
    for k in range(len(clips[0].after)):
        actions = [clip.after[k].action for clip in clips]
        states, seen, _ = world.step(states, [action for action in actions if action is not None])
        for film, observation in zip(films, seen, strict=True):
            film.append(dict(observation.images))
    return films


def baseline_films(dynamics: Dynamics, clip: Clip) -> dict[str, Film]:
    """The first picture repeated; and, where the simulator can show it, exact hands with the object still or gone."""
    films: dict[str, Film] = {FIRST: [dict(clip.first.observation.images) for _ in clip.after]}
    if isinstance(dynamics, MujocoDynamics):
        for name, things in ((FROZEN, clip.first.state), (ABSENT, None)):
            films[name] = [_shown(dynamics, dynamics.staged(node.state, things)) for node in clip.after]
    return films


def _shown(dynamics: MujocoDynamics, state: SimState) -> dict[str, np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]:
    return {view.feature: dynamics.picture(state, view.camera, view.size) for view in dynamics.views}
