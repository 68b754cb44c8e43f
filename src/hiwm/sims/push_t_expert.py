"""The scripted expert of Push-T: one straight push after another, each chosen with a quasi-static model of the block.

Its habits are a person's: it prefers a push that gains much in little time, with the hand that is already there, and it
goes over the block, never through it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from hiwm.sims.push_t import BAR, GOAL, STEM, TIPS, UNIT_M, PushT, coverage, inside_t, place_2d, tip_distance_m, turn_2d
from hiwm.sims.pushing import Slider, push_paths
from hiwm.sims.robot import FINGER_CLOSED_M, FINGER_RADIUS_M, FPS, Reach
from hiwm.sims.script import Skill, WayPoint, log_uniform
from hiwm.types import Doubles, Observation

BLOCK = Slider(centre=(0.0, -0.107 * UNIT_M), c_m=0.06, friction=1.2)
"""c is a fit: with it the model is off by 5 mm and 3 degrees (medians) after pushes of 60 mm in MuJoCo."""
PUSH_STEP_M = 0.006
PUSH_STEPS = 26
PUSH_MPS = 0.28
PUSH_Z_M, TRAVEL_Z_M = 0.012, 0.07
FRONT_M = FINGER_CLOSED_M + FINGER_RADIUS_M - 0.002
"""From the middle of the closed hand to the middle of its front finger."""
BEFORE_M = 0.008
"""How far from the side the finger comes down."""
ENOUGH_COVERAGE = 0.93
MOST_SKILLS = 26
RELUCTANCE_S = 1.0
"""Time that any push costs on top of its motion, in seconds: makes few long pushes win over many short ones."""


def _contacts() -> tuple[Doubles, Doubles]:
    """(N, 2) points on the T's sides and (N, 2) inward normals, in its frame."""
    top, low = BAR[0][1] + BAR[1][1], BAR[0][1] - BAR[1][1]
    foot = STEM[0][1] - STEM[1][1]
    points: list[tuple[float, float]] = []
    normals: list[tuple[float, float]] = []
    for x in np.linspace(-1.75, 1.75, 8) * UNIT_M:
        points.append((x, top))
        normals.append((0, -1))
    for x in np.array([-1.75, -1.25, 1.25, 1.75]) * UNIT_M:
        points.append((x, low))
        normals.append((0, 1))
    for side in (-1, 1):
        points.append((side * BAR[1][0], BAR[0][1]))
        normals.append((-side, 0))
        for y in np.linspace(-2.5, -0.5, 5) * UNIT_M:
            points.append((side * STEM[1][0], y))
            normals.append((-side, 0))
    for x in (-0.3 * UNIT_M, 0.3 * UNIT_M):
        points.append((x, foot))
        normals.append((0, 1))
    return np.array(points), np.array(normals, float)


def _candidates() -> tuple[Doubles, Doubles, Doubles]:
    """Contact points, normals and push directions, all in the T's frame, every point with five directions."""
    points, normals = _contacts()
    turned = [normals @ turn_2d(angle).T for angle in (-0.5, -0.25, 0.0, 0.25, 0.5)]
    return np.tile(points, (5, 1)), np.tile(normals, (5, 1)), np.concatenate(turned)


POINTS, NORMALS, DIRECTIONS = _candidates()


@dataclass(frozen=True, eq=False)
class Push:
    """A straight push of one hand (0 left, 1 right): where it comes down, where it ends (m), and the hand's turn
    (rad).
    """

    arm: int
    start: Doubles
    end: Doubles
    turn: float


class PushTExpert:
    """Greedy over pushes: the one that brings the tips nearest to their goals per second of work."""

    home: Doubles = PushT().home
    reach: tuple[Reach, Reach] = PushT().reach
    mistakes: tuple[str, ...] = ("misaligned_push", "wandering", "wrong_side", "stops_early")
    usual_skills = 4

    def next_skill(
        self, seen: Observation, command: Doubles, number: int, mistake: str, rng: np.random.Generator
    ) -> Skill | None:
        """The next push; None when the block is home, or nothing helps any more."""
        pose = seen.require_truth()[:3].astype(float)
        if number >= MOST_SKILLS or coverage(pose) >= ENOUGH_COVERAGE:
            return None
        if mistake == "wandering":
            return Skill(self._wander(command, rng), mistake)
        push = self.best_push(pose, command)
        if push is None:
            return None
        if mistake == "misaligned_push":
            push = _shifted(push, rng)
        elif mistake == "wrong_side":
            push = self._pushed_away(pose, push)
        elif mistake == "stops_early":
            share = 1 - log_uniform(rng, 0.04, 0.8)
            push = Push(push.arm, push.start, push.start + (push.end - push.start) * share, push.turn)
        return Skill(self._way(push, command), mistake)

    def best_push(self, pose: Doubles, command: Doubles) -> Push | None:
        """The push with the greatest gain per second, or None where none gains anything."""
        directions = DIRECTIONS @ turn_2d(pose[2]).T
        normals = NORMALS @ turn_2d(pose[2]).T
        path, sticks = push_paths(BLOCK, pose, POINTS, NORMALS, directions, PUSH_STEP_M, PUSH_STEPS)
        fingers = place_2d(POINTS, pose) - normals * FINGER_RADIUS_M - directions * BEFORE_M
        start = fingers - directions * FRONT_M
        way = np.asarray(PUSH_STEP_M * np.arange(1, PUSH_STEPS + 1)[:, None] + BEFORE_M, float)
        end = start + directions * way[..., None]
        gain = tip_distance_m(pose) - _tip_distances(path)
        time, arm = self._effort(start, end, way, command)
        allowed = sticks & _free(start, fingers, pose) & (arm >= 0)
        score = np.where(allowed & (gain > 0.0008), gain / time, -np.inf)
        k, i = np.unravel_index(int(score.argmax()), score.shape)
        if not np.isfinite(score[k, i]):
            return None
        return Push(int(arm[k, i]), start[i], end[k, i], _finger_turn(directions[i]))

    def _effort(
        self, start: Doubles, end: Doubles, way: Doubles, command: Doubles
    ) -> tuple[Doubles, np.ndarray[Any, Any]]:
        """(steps, N) seconds that each push takes, and which hand does it: -1 where neither reaches."""
        seconds = np.full(end.shape[:2], np.inf)
        arm = np.full(end.shape[:2], -1)
        for hand, reach in enumerate(self.reach):
            low, high = np.array([reach.x[0], reach.y[0]]), np.array([reach.x[1], reach.y[1]])
            reached = ((start >= low) & (start <= high)).all(-1) & ((end >= low) & (end <= high)).all(-1)
            travel = np.linalg.norm(start - command[hand * 7 : hand * 7 + 2], axis=-1) / 0.45
            needed = np.where(reached, RELUCTANCE_S + travel + way / PUSH_MPS, np.inf)
            better = needed < seconds
            seconds, arm = np.where(better, needed, seconds), np.where(better, hand, arm)
        return seconds, arm

    def _way(self, push: Push, command: Doubles) -> tuple[WayPoint, ...]:
        """Up, over, down, push, back off a little; the other hand rises and goes home meanwhile."""
        arm, other = slice(push.arm * 7, push.arm * 7 + 7), slice((1 - push.arm) * 7, (1 - push.arm) * 7 + 7)
        along = (push.end - push.start) / np.linalg.norm(push.end - push.start)
        push_steps = max(2, round(float(np.linalg.norm(push.end - push.start)) / PUSH_MPS * FPS))
        stages = (
            (push.start, TRAVEL_Z_M, 2),
            (push.start, PUSH_Z_M, 2),
            (push.end, PUSH_Z_M, push_steps),
            (push.end - 0.012 * along, PUSH_Z_M, 1),
        )
        up = command.copy()
        up[[2, 9]] = np.maximum(up[[2, 9]], TRAVEL_Z_M)
        way = [WayPoint(up, 2)] if (up != command).any() else []
        for xy, z, steps in stages:
            target = command.copy()
            target[other] = self.home[other]
            target[arm] = [*xy, z, 0, 0, push.turn, 0]
            way.append(WayPoint(target, steps))
        return tuple(way)

    def _wander(self, command: Doubles, rng: np.random.Generator) -> tuple[WayPoint, ...]:
        """Both hands up, then one or both somewhere else, for one to two seconds."""
        here = command.copy()
        here[[2, 9]] = np.maximum(here[[2, 9]], TRAVEL_Z_M)
        points = [WayPoint(here, 2)]
        for _ in range(int(rng.integers(2, 4))):
            target = points[-1].command.copy()
            for arm, reach in enumerate(self.reach):
                target[arm * 7 : arm * 7 + 2] = [rng.uniform(*reach.x), rng.uniform(*reach.y)]
                target[arm * 7 + 2] = rng.uniform(TRAVEL_Z_M, 0.14)
                target[arm * 7 + 5] = rng.uniform(-1, 1)
            points.append(WayPoint(target, int(rng.integers(4, 9))))
        return tuple(points)

    def _pushed_away(self, pose: Doubles, push: Push) -> Push:
        """The push from the opposite side of the block, if this hand reaches there; else the push itself."""
        across = 2 * (pose[:2] - push.start)
        start, end = push.start + across, push.end + across
        direction = (push.end - push.start) / np.linalg.norm(push.end - push.start)
        reach = self.reach[push.arm]
        swapped = Push(push.arm, start + direction * 0.02, start - (end - start) * 0.8, push.turn)
        low, high = np.array([reach.x[0], reach.y[0]]), np.array([reach.x[1], reach.y[1]])
        fits = all(((p >= low) & (p <= high)).all() for p in (swapped.start, swapped.end))
        clear = not inside_t((swapped.start - pose[:2])[None] @ turn_2d(pose[2])).any()
        return swapped if fits and clear else push


def _shifted(push: Push, rng: np.random.Generator) -> Push:
    """The push beside its line by 3 to 40 mm, turned by 0.02 to 0.5 rad, and mostly too long."""
    along = (push.end - push.start) / np.linalg.norm(push.end - push.start)
    beside = np.array([-along[1], along[0]]) * rng.choice([-1, 1]) * log_uniform(rng, 0.003, 0.04)
    turn = rng.choice([-1, 1]) * float(log_uniform(rng, 0.02, 0.5))
    end = push.start + turn_2d(turn) @ (push.end - push.start) * rng.uniform(0.9, 1.4)
    return Push(push.arm, push.start + beside, end + beside, push.turn)


def _tip_distances(path: Doubles) -> Doubles:
    """(steps, N) mean distance of the three tips from their goals, for poses (steps, N, 3)."""
    cos, sin = np.cos(path[..., 2]), np.sin(path[..., 2])
    goal = place_2d(TIPS, np.array(GOAL))
    total = np.zeros(path.shape[:2])
    for tip, target in zip(TIPS, goal, strict=True):
        x = path[..., 0] + cos * tip[0] - sin * tip[1] - target[0]
        y = path[..., 1] + sin * tip[0] + cos * tip[1] - target[1]
        total += np.hypot(x, y)
    return total / len(TIPS)


def _free(start: Doubles, fingers: Doubles, pose: Doubles) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """(N,) whether neither finger comes down on the block."""
    clear = np.ones(len(start), bool)
    for middle in (fingers, 2 * start - fingers):
        for angle in np.linspace(0, 2 * np.pi, 8, endpoint=False):
            rim = middle + (FINGER_RADIUS_M + 0.002) * np.array([np.cos(angle), np.sin(angle)])
            clear &= ~inside_t((rim - pose[:2]) @ turn_2d(pose[2]))
    return clear


def _finger_turn(direction: Doubles) -> float:
    """The hand's turn in (-pi/2, pi/2] that puts one finger behind the other along the push."""
    turn = float(np.arctan2(direction[1], direction[0]))
    return (turn + np.pi / 2) % np.pi - np.pi / 2
