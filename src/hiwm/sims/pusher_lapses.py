"""The mistakes of a scripted pusher: which ones an episode has, when they begin, and how they are carried out.

About half of the failure episodes end failed (stopped just short, or given up); in the others the pusher notices and
goes on to finish the task.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from hiwm.sims.pusher_legs import APPROACH_LEAD_PX, PUSH_LEAD_PX, Leg, Seen
from hiwm.sims.pusher_model import WORKSPACE_PX
from hiwm.sims.pusher_plan import Push, worst_push
from hiwm.types import Doubles


class Mistake(StrEnum):
    """What a lapse is; its value is what is recorded."""

    MISALIGNED = "misaligned_push"
    WANDERING = "off_task_wandering"
    WRONG_SIDE = "wrong_side_push"
    NEAR_MISS = "stopped_short"
    GAVE_UP = "gave_up"


LAST = (Mistake.NEAR_MISS, Mistake.GAVE_UP)
"""Mistakes after which the pusher does not go on."""


@dataclass(frozen=True)
class Lapse:
    """One mistake: it begins at `from_step`, or sooner when the block is nearer to the goal than `near_px`."""

    mistake: Mistake
    from_step: float
    near_px: float


def draw_lapses(rng: np.random.Generator) -> tuple[Lapse, ...]:
    """The lapses of one failure episode, in the order in which they shall come."""
    fails = rng.random() < 0.5
    count = int(rng.integers(0, 3) if fails else rng.integers(1, 4))
    steps = np.cumsum(rng.uniform(8, 40, size=count + 1))
    passing = (Mistake.MISALIGNED, Mistake.WANDERING, Mistake.WRONG_SIDE)
    lapses = [Lapse(passing[rng.integers(3)], float(step), float(rng.uniform(10, 60))) for step in steps[:count]]
    if fails and rng.random() < 0.5:
        lapses.append(Lapse(Mistake.NEAR_MISS, np.inf, float(rng.uniform(6, 16))))
    elif fails:
        lapses.append(Lapse(Mistake.GAVE_UP, float(steps[-1]), float(rng.uniform(20, 80))))
    return tuple(lapses)


def lapse_legs(mistake: Mistake, seen: Seen, push: Push | None, rng: np.random.Generator) -> tuple[Leg, ...]:
    """How a mistake is carried out from what is seen; `push` is the one that the pusher was at, if any."""
    match mistake:
        case Mistake.WANDERING | Mistake.GAVE_UP:
            places = rng.uniform(30, WORKSPACE_PX - 30, size=(int(rng.integers(1, 4)), 2))
            return tuple(Leg(place, rng.uniform(0.5, 1.0) * APPROACH_LEAD_PX, around=True) for place in places)
        case Mistake.WRONG_SIDE:
            wrong = worst_push(seen.pose, seen.pusher, seen.goal)
            if wrong is None:
                return ()
            end = _clip(wrong.start + wrong.direction * rng.uniform(50, 110))
            return Leg(wrong.start, APPROACH_LEAD_PX, around=True), Leg(end, PUSH_LEAD_PX, around=False)
        case Mistake.MISALIGNED:
            heading = (0.0 if push is None else push.heading) + rng.choice([-1, 1]) * rng.uniform(0.35, 0.8)
            ahead = rng.uniform(50, 110) * np.array([np.cos(heading), np.sin(heading)])
            return (Leg(_clip(seen.pusher + ahead), PUSH_LEAD_PX, around=False),)
        case Mistake.NEAR_MISS:
            back = -40.0 * (np.zeros(2) if push is None else push.direction)
            return (Leg(_clip(seen.pusher + back), PUSH_LEAD_PX, around=False),)


def _clip(point: Doubles) -> Doubles:
    return np.clip(point, 0.0, WORKSPACE_PX)
