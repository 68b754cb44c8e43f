"""What the scripted pusher sees, and plain legs of motion: go there, round the block or straight on.

Lapses and sweeps are sequences of such legs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hiwm.errors import SpecMismatch
from hiwm.sims.pusher_model import PUSHER_RADIUS_PX, distance, wall_depth
from hiwm.sims.pusher_route import along, find_routes
from hiwm.types import Doubles, Observation

TRUTH_NAMES = ("block_x", "block_y", "block_angle", "goal_x", "goal_y", "goal_angle")
"""`Observation.truth` that the pusher reads: px, px, rad."""

APPROACH_LEAD_PX = 50.0
"""How far ahead of the pusher its target is while it goes round the block.

The environment's controller (gains 100 and 20) trails a moving target by 0.2 s: a lead of L px moves L / 2 px a step.
"""
PUSH_LEAD_PX = 24.0
"""The same while it pushes."""

_REACHED_PX = 6.0
_TOUCH_PX = 2.0


@dataclass(frozen=True, eq=False)
class Seen:
    """One observation taken apart: the pusher (2,) px, the block's pose (3,) and the goal pose (3,)."""

    pusher: Doubles
    pose: Doubles
    goal: Doubles


def see(observation: Observation) -> Seen:
    """Reads state and truth; raises SpecMismatch where they are not those of `gym_pusht`."""
    truth = observation.truth
    if truth is None or truth.shape != (6,) or observation.state.shape != (2,):
        raise SpecMismatch(
            f"the scripted pusher needs a state of 2 numbers and the truth {', '.join(TRUTH_NAMES)}, got "
            f"{observation.state.shape} and {None if truth is None else truth.shape}; it only drives gym_pusht"
        )
    return Seen(observation.state.astype(float), truth[:3].astype(float), truth[3:].astype(float))


@dataclass(frozen=True, eq=False)
class Leg:
    """Go to `target` (2,) px with the given lead, around the block or straight on, and through it if it is there."""

    target: Doubles
    lead_px: float
    around: bool


def follow(legs: tuple[Leg, ...], seen: Seen) -> tuple[tuple[Leg, ...], Doubles | None]:
    """The legs that are left, and the target (2,) px to command now, None when all legs are done.

    A leg is done when its target is reached, or when going on would press the block into a wall.
    """
    while legs and _done(legs[0], seen):
        legs = legs[1:]
    if not legs:
        return (), None
    return legs, head_for(legs[0].target, seen, legs[0].lead_px, legs[0].around)


def head_for(target: Doubles, seen: Seen, lead_px: float, around: bool = True) -> Doubles:
    """The point to command now, `lead_px` along the way to `target`; straight on where no way leads around."""
    way = find_routes(seen.pusher, target[None], seen.pose).turns(0) if around else []
    return along(seen.pusher, [*way, target], lead_px)


def _done(leg: Leg, seen: Seen) -> bool:
    if float(np.hypot(*(leg.target - seen.pusher))) < _REACHED_PX:
        return True
    gap = float(distance(seen.pusher[None], seen.pose)[0]) - PUSHER_RADIUS_PX
    return not leg.around and gap < _TOUCH_PX and float(wall_depth(seen.pose)) > 0.0
