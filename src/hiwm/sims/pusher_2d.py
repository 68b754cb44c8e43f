"""A scripted pusher for `gym_pusht`: it does the task as a person would, with a person's noise, and lapses on request.

Closed loop: every action follows from what is seen now (block and goal pose, pusher) and a small plan in the memory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from hiwm.sims.pusher_lapses import LAST, Lapse, Mistake, lapse_legs
from hiwm.sims.pusher_legs import APPROACH_LEAD_PX, PUSH_LEAD_PX, Leg, Seen, follow, head_for, see
from hiwm.sims.pusher_model import WORKSPACE_PX, coverage, pose_error
from hiwm.sims.pusher_plan import Push, choose_push, steer_push
from hiwm.sims.pusher_route import along
from hiwm.sims.task import ScriptMemory
from hiwm.types import Doubles, Driver, Floats, Observation

_COVERED = 0.9502  # the environment asks for more than 0.95; what is seen is rounded
_MOVED_PX = 0.3  # less is no motion of the block
_REST_STEPS = 12  # a little over a second at 10 Hz
_BACK_OFF_PX = 30.0
_NOISE_KEEP = 0.8  # AR(1) coefficient of the hand's noise from step to step


@dataclass(frozen=True, eq=False)
class Hand:
    """What the pusher is at. push: the one in hand; pushing: its start was reached.

    rest: (2,) px, where to wait once the goal is covered; rested: for how many steps it has.
    fruitless: starts (2,) px of pushes from which nothing was gained, since the block last moved.
    """

    push: Push | None = None
    pushing: bool = False
    rest: Doubles | None = None
    rested: int = 0
    fruitless: tuple[Doubles, ...] = ()


def work(hand: Hand, seen: Seen) -> tuple[Hand, Doubles]:
    """One step of the task itself, without noise or lapses: the new hand and the target (2,) px to command."""
    if coverage(seen.pose, seen.goal) > _COVERED:
        back = 0.0 if hand.push is None else _BACK_OFF_PX * hand.push.direction
        rest = np.clip(seen.pusher - back, 0.0, WORKSPACE_PX) if hand.rest is None else hand.rest
        return replace(hand, rest=rest, rested=hand.rested + 1), rest
    error = float(pose_error(seen.pose, seen.goal))
    if hand.push is None or hand.rest is not None or _knocked(hand, seen, error):
        push = choose_push(seen.pose, seen.pusher, seen.goal, hand.fruitless)
        hand = Hand(push, fruitless=hand.fruitless)
    if hand.push is None:  # shut in: the only way out is through
        return Hand(), head_for(np.full(2, WORKSPACE_PX / 2), seen, APPROACH_LEAD_PX, around=False)
    if not hand.pushing and float(np.hypot(*(seen.pusher - hand.push.start))) > np.clip(error / 10, 1.5, 6.0):
        return hand, head_for(hand.push.start, seen, APPROACH_LEAD_PX)
    steered = steer_push(seen.pose, seen.pusher, hand.push)
    if steered is None:
        moved = float(pose_error(seen.pose, hand.push.seen)) > _MOVED_PX
        return Hand(fruitless=() if moved else (*hand.fruitless, hand.push.start)), seen.pusher
    push, end = steered
    return Hand(push, pushing=True), along(seen.pusher, [end], PUSH_LEAD_PX)


def _knocked(hand: Hand, seen: Seen, error: float) -> bool:
    """True when the block was moved on the way to a push, so that the plan is for another place."""
    if hand.push is None or hand.pushing:
        return False
    return float(pose_error(seen.pose, hand.push.seen)) > 1.0 + 0.1 * error


@dataclass(frozen=True, eq=False)
class PusherPlan:
    """The plan in a ScriptMemory. due: lapses still to come; slip: the legs of the one being made.

    noise: (2,) px, the hand's AR(1) noise in units of its size. idle: steps since the script has nothing left to do.
    """

    seed: int
    due: tuple[Lapse, ...]
    step: int = 0
    hand: Hand = field(default_factory=Hand)
    slip: tuple[Leg, ...] = ()
    noise: Doubles = field(default_factory=lambda: np.zeros(2))
    idle: int = 0


class ScriptedPusher:
    """A ScriptedPolicy. noise_px: spread of the noise on its targets. lapses: draws those of an episode, if any.

    The noise shrinks as the hand slows down before its target, as a person's does (Harris and Wolpert, 1998).
    """

    driver = Driver.SCRIPT

    def __init__(
        self, noise_px: float = 2.0, lapses: Callable[[np.random.Generator], tuple[Lapse, ...]] | None = None
    ) -> None:
        self._noise_px = noise_px
        self._draw = lapses

    def start(self, seeds: Sequence[int]) -> list[Any]:
        """A fresh memory per episode."""
        return [ScriptMemory(PusherPlan(seed, self._draw(_rng(seed)) if self._draw else ())) for seed in seeds]

    def act(self, memories: Sequence[Any], observations: Sequence[Observation]) -> tuple[list[Any], list[Floats]]:
        """New memories and targets (2,) px; raises SpecMismatch for another robot's observations."""
        pairs = [self._act_one(memory, see(seen)) for memory, seen in zip(memories, observations, strict=True)]
        return [memory for memory, _ in pairs], [action for _, action in pairs]

    def watch(self, memories: Sequence[Any], observations: Sequence[Observation]) -> list[Any]:
        """Drops the push or slip in hand; lapses that are due stay due."""
        return [
            ScriptMemory(replace(memory.plan, step=memory.plan.step + 1, hand=Hand(), slip=(), idle=0))
            for memory in memories
        ]

    def finished(self, memory: ScriptMemory) -> bool:
        """True when the goal was held covered for a second, or the pusher has given up for good."""
        plan: PusherPlan = memory.plan
        return plan.idle >= _REST_STEPS or plan.hand.rested >= _REST_STEPS

    def _act_one(self, memory: ScriptMemory, seen: Seen) -> tuple[ScriptMemory, Floats]:
        plan: PusherPlan = memory.plan
        rng = _rng(plan.seed, plan.step)
        fresh = rng.normal(size=2)
        noise = _NOISE_KEEP * plan.noise + np.sqrt(1 - _NOISE_KEEP**2) * fresh
        plan, lapse = _lapse(plan, memory.lapse, seen, rng)
        plan, target, lapse = _next_target(plan, lapse, seen)
        lead = float(np.hypot(*(target - seen.pusher)))
        target = target + self._noise_px * min(1.0, lead / PUSH_LEAD_PX) * noise
        action = np.clip(target, 0.0, WORKSPACE_PX).astype(np.float32)
        return ScriptMemory(replace(plan, step=plan.step + 1, noise=noise), lapse), action


def _lapse(plan: PusherPlan, lapse: str, seen: Seen, rng: np.random.Generator) -> tuple[PusherPlan, str]:
    """Begins the next lapse if it is time for it."""
    if lapse or not plan.due or plan.hand.rested:
        return plan, lapse
    due = plan.due[0]
    if plan.step < due.from_step and float(pose_error(seen.pose, seen.goal)) > due.near_px:
        return plan, lapse
    if due.mistake in (Mistake.MISALIGNED, Mistake.NEAR_MISS) and not plan.hand.pushing:
        return plan, lapse
    legs = lapse_legs(due.mistake, seen, plan.hand.push, rng)
    return replace(plan, due=plan.due[1:], slip=legs), due.mistake.value


def _next_target(plan: PusherPlan, lapse: str, seen: Seen) -> tuple[PusherPlan, Doubles, str]:
    """The target (2,) px of a lapse while one is being made, else that of the task; and the lapse's name."""
    if lapse:
        legs, target = follow(plan.slip, seen)
        if target is not None:
            return replace(plan, slip=legs), target, lapse
        if lapse in LAST:
            return replace(plan, slip=(), idle=plan.idle + 1), seen.pusher, lapse
        plan = replace(plan, slip=(), hand=Hand())
    hand, target = work(plan.hand, seen)
    return replace(plan, hand=hand), target, ""


def _rng(seed: int, step: int | None = None) -> np.random.Generator:
    """Numbers that depend on the episode's seed and the step alone."""
    return np.random.default_rng([seed] if step is None else [seed, step])
