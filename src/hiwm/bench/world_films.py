"""What is shown of a clip beside the simulator's own pictures: by a world, and by baselines that know no physics."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hiwm.bench.world_clips import Clip, Film
from hiwm.interfaces import Dynamics
from hiwm.sims.mujoco_dynamics import MujocoDynamics
from hiwm.sims.physics import SimState
from hiwm.types import Doubles, Floats, Kind, Observation, Picture, Reading, Scene
from hiwm.worldmodel.learned import LearnedWorld, WorldState

FIRST, FROZEN, ABSENT = "first_picture", "object_frozen", "object_absent"
LEFT_OUT = "object_frozen and object_absent need a simulator that shows mixed states (MuJoCo)"

type Step = list[tuple[int, Observation, Reading]]
"""What a batch shows at one step: (number of the branch, observation, reading)."""


@dataclass(frozen=True, eq=False)
class WorldFilm:
    """What a world shows of a clip, and how far it trusts each step (T,), None where it cannot say."""

    film: Film
    trust_t: Doubles | None


def stepped(dynamics: Dynamics, states: Sequence[Any], actions: Sequence[Sequence[Floats]]) -> Iterator[Step]:
    """Plays given actions from given states in one batch; a branch leaves it when its actions are used up."""
    at = list(states)
    for k in range(max(map(len, actions))):
        going = [i for i, given in enumerate(actions) if k < len(given)]
        after, seen, readings = dynamics.step([at[i] for i in going], [actions[i][k] for i in going])
        for i, state in zip(going, after, strict=True):
            at[i] = state
        yield list(zip(going, seen, readings, strict=True))


def noise_seed(scene: Scene, kind: Kind, seed: int) -> int:
    """The seed of a world's noise in an episode."""
    return zlib.crc32(f"{scene.id}/{kind}/{seed}".encode())


def world_state(world: LearnedWorld, clip: Clip, seed: int) -> WorldState:
    """The state from which a world goes on after a clip's first pictures."""
    seen = [node.observation for node in clip.before]
    actions = [node.action for node in clip.before[1:] if node.action is not None]
    return world.state_after(seen, actions, noise_seed(clip.scene, clip.kind, seed))


def world_films(world: LearnedWorld, clips: Sequence[Clip], seed: int) -> list[WorldFilm]:
    """The clips' actions in the world, in one batch."""
    states = [world_state(world, clip, seed) for clip in clips]
    films: list[Film] = [[] for _ in clips]
    readings: list[list[Reading]] = [[] for _ in clips]
    for step in stepped(world, states, [clip.actions for clip in clips]):
        for i, observation, reading in step:
            films[i].append(dict(observation.images))
            readings[i].append(reading)
    return [WorldFilm(film, trust_of(read)) for film, read in zip(films, readings, strict=True)]


def trust_of(readings: Sequence[Reading]) -> Doubles | None:
    """(T,) trust by step; None where a step has none."""
    told = [reading.trust for reading in readings if reading.trust is not None]
    return np.array(told, np.float64) if told and len(told) == len(readings) else None


def baseline_films(dynamics: Dynamics, clip: Clip) -> dict[str, Film]:
    """The first picture repeated; and, where the simulator can show it, exact hands with the object still or gone."""
    films: dict[str, Film] = {FIRST: [dict(clip.first.observation.images) for _ in clip.after]}
    if isinstance(dynamics, MujocoDynamics):
        for name, things in ((FROZEN, clip.first.state), (ABSENT, None)):
            films[name] = [_shown(dynamics, dynamics.staged(node.state, things)) for node in clip.after]
    return films


def _shown(dynamics: MujocoDynamics, state: SimState) -> dict[str, Picture]:
    return {view.feature: dynamics.picture(state, view.camera, view.size) for view in dynamics.views}
