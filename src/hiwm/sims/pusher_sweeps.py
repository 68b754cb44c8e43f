"""Edge cases for `gym_pusht`: sweeps along the workspace's boundaries and motion limits, free and against the block.

An episode is a chain of sweeps in random order at changing speeds. Together they take both numbers of the action from
end to end, along all four borders, across the middle, at full speed, and with the block in the way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Any

import numpy as np

from hiwm.sims.pusher_legs import Leg, Seen, follow, see
from hiwm.sims.pusher_model import PUSHER_RADIUS_PX, WORKSPACE_PX, corners
from hiwm.sims.task import ScriptMemory
from hiwm.types import Doubles, Driver, Floats, Observation

_CORNERS = WORKSPACE_PX * np.array([(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)])
_STEPS = 240
_RUN_UP_PX = 130.0
_OVERLAP_PX = 4.0


class Sweep(Enum):
    """What a sweep does."""

    BORDER = auto()  # along two neighbouring borders, at the very limit of one number
    ACROSS = auto()  # one number from end to end, the other held
    JUMP = auto()  # to the far corner at the fastest that the controller gives
    PUSH = auto()  # into the block and on, until a wall is near
    SCRAPE = auto()  # past the block's edge, just touching it


@dataclass(frozen=True, eq=False)
class SweepPlan:
    """The plan in a ScriptMemory: sweeps to come, the legs of the one under way, and its clock."""

    seed: int
    to_come: tuple[Sweep, ...]
    legs: tuple[Leg, ...] = ()
    step: int = 0


class SweepingPusher:
    """A ScriptedPolicy that sweeps; its lapse is always "", for nothing is being attempted."""

    driver = Driver.SCRIPT

    def start(self, seeds: Sequence[int]) -> list[Any]:
        """A fresh memory per episode: every kind of sweep twice, those against the block four times, shuffled."""
        return [ScriptMemory(SweepPlan(seed, _shuffled(np.random.default_rng([seed])))) for seed in seeds]

    def act(self, memories: Sequence[Any], observations: Sequence[Observation]) -> tuple[list[Any], list[Floats]]:
        """New memories and targets (2,) px; raises SpecMismatch for another robot's observations."""
        pairs = [_act_one(memory.plan, see(seen)) for memory, seen in zip(memories, observations, strict=True)]
        return [ScriptMemory(plan) for plan, _ in pairs], [action for _, action in pairs]

    def watch(self, memories: Sequence[Any], observations: Sequence[Observation]) -> list[Any]:
        """Drops the sweep under way."""
        return [ScriptMemory(replace(memory.plan, legs=(), step=memory.plan.step + 1)) for memory in memories]

    def finished(self, memory: ScriptMemory) -> bool:
        """True when all sweeps are done, or time is up."""
        plan: SweepPlan = memory.plan
        return plan.step >= _STEPS or not (plan.to_come or plan.legs)


def _shuffled(rng: np.random.Generator) -> tuple[Sweep, ...]:
    sweeps = [*Sweep] * 2 + [Sweep.PUSH, Sweep.SCRAPE] * 2
    return tuple(sweeps[i] for i in rng.permutation(len(sweeps)))


def _act_one(plan: SweepPlan, seen: Seen) -> tuple[SweepPlan, Floats]:
    rng = np.random.default_rng([plan.seed, plan.step])
    legs, target = follow(plan.legs, seen)
    while target is None and plan.to_come:
        plan = replace(plan, to_come=plan.to_come[1:], legs=_sweep_legs(plan.to_come[0], seen, rng))
        legs, target = follow(plan.legs, seen)
    action = np.clip(seen.pusher if target is None else target, 0.0, WORKSPACE_PX).astype(np.float32)
    return replace(plan, legs=legs, step=plan.step + 1), action


def _sweep_legs(sweep: Sweep, seen: Seen, rng: np.random.Generator) -> tuple[Leg, ...]:
    """The legs of one sweep from here; every leg has a speed of its own."""
    match sweep:
        case Sweep.BORDER:
            first, way = int(rng.integers(4)), int(rng.choice([-1, 1]))
            return _legs([_CORNERS[(first + way * k) % 4] for k in range(3)], rng)
        case Sweep.ACROSS:
            held = rng.uniform(0.0, WORKSPACE_PX)
            ends = np.array([(0.0, held), (WORKSPACE_PX, held)])
            ends = ends if rng.random() < 0.5 else ends[:, ::-1]
            return _legs(list(ends), rng)
        case Sweep.JUMP:
            far = _CORNERS[int(np.argmax(np.linalg.norm(_CORNERS - seen.pusher, axis=1)))]
            return (Leg(far, 2 * WORKSPACE_PX, around=False),)
        case Sweep.PUSH | Sweep.SCRAPE:
            return _contact_legs(seen, rng, scrape=sweep is Sweep.SCRAPE)


def _legs(places: list[Doubles], rng: np.random.Generator) -> tuple[Leg, ...]:
    """To the first place round the block, then straight on from place to place."""
    return tuple(Leg(place, _lead(rng), around=i == 0) for i, place in enumerate(places))


def _lead(rng: np.random.Generator) -> float:
    return float(rng.uniform(25.0, 110.0))


def _contact_legs(seen: Seen, rng: np.random.Generator, scrape: bool) -> tuple[Leg, ...]:
    """A straight run at the block: through its middle, or past it with a little overlap.

    It runs towards a place near the middle of the workspace, so that the block is not left against a wall.
    """
    at = corners(seen.pose)
    middle = at.mean(axis=0)
    ahead = rng.uniform(0.25, 0.75, size=2) * WORKSPACE_PX - middle
    ahead /= np.linalg.norm(ahead)
    aside = np.array([-ahead[1], ahead[0]])
    reach = float(((at - middle) @ aside).max()) + PUSHER_RADIUS_PX
    line = middle + aside * (reach - _OVERLAP_PX if scrape else rng.uniform(-0.3, 0.3) * reach)
    start, end = np.clip([line - _RUN_UP_PX * ahead, line + _RUN_UP_PX * ahead], 0.0, WORKSPACE_PX)
    return Leg(start, _lead(rng), around=True), Leg(end, 0.4 * _lead(rng), around=False)
