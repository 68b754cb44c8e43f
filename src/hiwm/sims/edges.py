"""Edge episodes: sweeps along the workspace boundaries and motion limits of every number, free and in contact.

A world model learns from these what demonstrations never show: hands in the corners, at full tilt and turn, opening and
closing in the air, and pushing or dragging the object towards the rim. Works for any robot of absolute target poses
whose numbers come in arms of seven (x y z, rotation vector, gripper); ranges are the robot spec's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from hiwm.sims.robot import Reach
from hiwm.sims.script import WayPoint, interpolate
from hiwm.sims.task import ScriptMemory
from hiwm.types import Doubles, Driver, Floats, Observation

CONTACT_Z_M = (0.006, 0.02)
FREE_Z_M = (0.04, 0.16)


@dataclass(frozen=True, eq=False)
class _Plan:
    seed: int
    command: Doubles
    ahead: tuple[Doubles, ...] = ()
    sweeps: int = 0
    steps: int = 0


class EdgeSweeps:
    """A scripted policy that sweeps for `steps` control steps, one random sweep after another.

    object_at: indices in `Observation.truth` of pairs x, y of object points, for sweeps through the object.
    """

    driver = Driver.SCRIPT

    def __init__(
        self, reach: tuple[Reach, Reach], home: Doubles, object_at: Sequence[tuple[int, int]], steps: int = 80
    ) -> None:
        numbers = [n for arm in reach for n in arm.numbers("")]
        self.low_a = np.array([n.low for n in numbers])
        self.high_a = np.array([n.high for n in numbers])
        self.home = home
        self.object_at = [list(pair) for pair in object_at]
        self.steps = steps

    def start(self, seeds: Sequence[int]) -> list[ScriptMemory]:
        """A memory per episode."""
        return [ScriptMemory(_Plan(seed, self.home)) for seed in seeds]

    def act(
        self, memories: Sequence[ScriptMemory], observations: Sequence[Observation]
    ) -> tuple[list[ScriptMemory], list[Floats]]:
        """The next command of each episode."""
        plans = [self._planned(m.plan, seen) for m, seen in zip(memories, observations, strict=True)]
        actions = [plan.ahead[0].astype(np.float32) for plan in plans]
        after = [replace(p, ahead=p.ahead[1:], command=p.ahead[0], steps=p.steps + 1) for p in plans]
        return [ScriptMemory(plan) for plan in after], actions

    def watch(self, memories: Sequence[ScriptMemory], observations: Sequence[Observation]) -> list[ScriptMemory]:
        """After somebody else's step, a new sweep starts from where the hands are."""
        return [
            ScriptMemory(replace(m.plan, ahead=(), command=o.state.astype(float)))
            for m, o in zip(memories, observations, strict=True)
        ]

    def finished(self, memory: ScriptMemory) -> bool:
        """True after the given number of steps."""
        return bool(memory.plan.steps >= self.steps)

    def _planned(self, plan: _Plan, seen: Observation) -> _Plan:
        if plan.ahead:
            return plan
        rng = np.random.default_rng([plan.seed, plan.sweeps])
        kinds = (self._number_sweep, self._rim, self._through_object, self._extremes)
        sweep = kinds[rng.choice(len(kinds), p=[0.3, 0.15, 0.4, 0.15])]
        way = sweep(rng, plan.command, seen)
        return replace(plan, ahead=interpolate(plan.command, way), sweeps=plan.sweeps + 1)

    def _number_sweep(self, rng: np.random.Generator, command: Doubles, seen: Observation) -> list[WayPoint]:
        """One or two numbers, one per hand, from limit to limit and back; the rest stays or moves to a new hold."""
        hold = self._somewhere(rng) if rng.random() < 0.5 else command.copy()
        chosen = rng.permutation([rng.integers(0, 7), rng.integers(7, 14)])[: rng.integers(1, 3)]
        ends = rng.permutation(2)
        low, high = hold.copy(), hold.copy()
        low[chosen], high[chosen] = self.low_a[chosen], self.high_a[chosen]
        first, second = ((low, high), (high, low))[ends[0]]
        steps = int(rng.integers(4, 12))
        return [WayPoint(hold, 2), WayPoint(first, steps), WayPoint(second, steps)]

    def _rim(self, rng: np.random.Generator, command: Doubles, seen: Observation) -> list[WayPoint]:
        """One or both hands along two or three sides of their rectangle, low or high."""
        arms = rng.permutation(2)[: rng.integers(1, 3)]
        corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
        first, way, turn = rng.integers(4), int(rng.choice([-1, 1])), int(rng.integers(3, 5))
        z = self._height(rng)
        out: list[WayPoint] = []
        for k in range(turn):
            target = (out[-1].command if out else command).copy()
            for arm in arms:
                at = arm * 7
                corner = corners[(first + way * k) % 4]
                target[at : at + 2] = np.where(corner, self.high_a[at : at + 2], self.low_a[at : at + 2])
                target[at + 2] = z
            out.append(WayPoint(target, int(rng.integers(5, 10))))
        return out

    def _through_object(self, rng: np.random.Generator, command: Doubles, seen: Observation) -> list[WayPoint]:
        """One hand comes down beside or on the object, open or closed, goes low through it towards the rim, and up."""
        arm = int(rng.integers(2))
        at = arm * 7
        point = seen.require_truth()[self.object_at[rng.integers(len(self.object_at))]].astype(float)
        direction = rng.normal(size=2)
        direction /= np.linalg.norm(direction)
        start = point - direction * rng.choice([0.0, 0.07])
        end = point + direction * rng.uniform(0.08, 0.25)
        turn, gripper = rng.uniform(self.low_a[at + 5], self.high_a[at + 5]), float(rng.integers(2))
        out: list[WayPoint] = []
        for xy, z, steps in ((start, 0.07, 2), (start, rng.uniform(*CONTACT_Z_M), 3), (end, None, 5), (end, 0.10, 2)):
            target = (out[-1].command if out else command).copy()
            target[at : at + 2] = np.clip(xy, self.low_a[at : at + 2], self.high_a[at : at + 2])
            target[at + 2] = target[at + 2] if z is None else z
            target[at + 3 : at + 6] = [0, 0, turn]
            target[at + 6] = gripper if len(out) < 2 else rng.choice([0.0, gripper])
            out.append(WayPoint(target, steps))
        return out

    def _extremes(self, rng: np.random.Generator, command: Doubles, seen: Observation) -> list[WayPoint]:
        """All fourteen numbers at once at one of their limits, with hands high, as fast as the robot goes."""
        out: list[WayPoint] = []
        for _ in range(int(rng.integers(1, 3))):
            target = np.where(rng.random(14) < 0.5, self.low_a, self.high_a)
            target[[2, 9]] = rng.uniform(*FREE_Z_M, size=2)
            out.append(WayPoint(target, int(rng.integers(3, 7))))
        return out

    def _somewhere(self, rng: np.random.Generator) -> Doubles:
        target = rng.uniform(self.low_a, self.high_a)
        target[[2, 9]] = [self._height(rng), self._height(rng)]
        target[[6, 13]] = rng.integers(0, 2, 2)
        return target

    @staticmethod
    def _height(rng: np.random.Generator) -> float:
        return float(rng.uniform(*CONTACT_Z_M) if rng.random() < 0.4 else rng.uniform(*FREE_Z_M))
