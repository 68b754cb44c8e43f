"""Scripted expert of Route Rope: both hands take the rope, stretch it over both slots, lower it and let go.

What to do next follows from what is seen alone: a rope that is held by one hand is put down, one that lies badly is
taken again and laid anew, one that is folded up or lies beyond the reach is sorted out first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hiwm.sims.robot import Reach
from hiwm.sims.route_rope import SEGMENT_M, SEGMENTS, RouteRope, threaded
from hiwm.sims.script import Skill, WayPoint, interpolate, log_uniform
from hiwm.types import Doubles, Observation

OVER_M, CARRY_M, DOWN_M = 0.065, 0.095, 0.012
"""Heights of the fingertips before a grasp, while carrying, and at the table."""
DRAG_M = 0.05
"""Height while one hand draws the rope along: over the pegs."""
OPEN, GRIP = 1.0, 0.1
BESIDE_SLOT_M = 0.062
"""The hands hold the rope this far outside of the slots."""
TAUT = 0.985
"""Distance of the hands as a share of the rope between them."""
APART_M = 0.10
"""Hands nearer to each other than this would be in each other's way."""
HELD_M = 0.03
"""A closed hand this near to the rope's axis is taken to hold it."""
LIFTED_M = 0.04
"""Held segments higher than this are in the air."""
HIGHEST_GRASP_M = 0.06
EDGE_M = 0.005
"""Grasps keep this far inside of the reach."""
MISS_M, MISPLACED_M = (0.004, 0.05), (0.008, 0.085)
"""How far beside the rope, or above it, a hand may close, and beside a slot lay it: from what still does to what
cannot.
"""


@dataclass(frozen=True, eq=False)
class Scenery:
    """What the expert sees: rope points (22, 3), segment middles (21, 3), slots (2, 3), the segment each hand holds."""

    points: Doubles
    middles: Doubles
    slots: Doubles
    held: tuple[int | None, int | None]

    @staticmethod
    def of(seen: Observation, command: Doubles) -> Scenery:
        """Reads the truth; a hand holds the nearest segment when its gripper is told to be closed and it is near."""
        truth = seen.require_truth().astype(float)
        points = truth[: 3 * (SEGMENTS + 1)].reshape(-1, 3)
        middles = (points[1:] + points[:-1]) / 2
        held: list[int | None] = []
        for arm in range(2):
            gaps = np.linalg.norm(middles - seen.state[arm * 7 : arm * 7 + 3], axis=1)
            near = bool(gaps.min() < HELD_M and command[arm * 7 + 6] < 0.5)
            held.append(int(gaps.argmin()) if near else None)
        return Scenery(points, middles, truth[-6:].reshape(2, 3), (held[0], held[1]))

    @property
    def done(self) -> bool:
        """The rope runs through both slots."""
        return all(threaded(self.points, slot) for slot in self.slots)

    @property
    def span_m(self) -> float:
        """Distance of the slots."""
        return float(np.linalg.norm(self.slots[1, :2] - self.slots[0, :2]))

    def turn(self, segment: int) -> float:
        """Turn in rad of a hand whose fingers stand beside the rope there: pi / 2 where the rope runs along x."""
        way = self.points[segment + 1, :2] - self.points[segment, :2]
        return float(np.pi / 2 + np.arctan(way[1] / (way[0] if abs(way[0]) > 1e-6 else 1e-6)))


class RouteRopeExpert:
    """Two skills do the task: take the rope, and lay it."""

    mistakes: tuple[str, ...] = ("missed_grasp", "early_release", "misaligned", "wandering")
    usual_skills = 2

    def __init__(self) -> None:
        physics = RouteRope()
        self.home = physics.home
        self.reach = physics.reach

    def next_skill(
        self, seen: Observation, command: Doubles, number: int, mistake: str, rng: np.random.Generator
    ) -> Skill | None:
        """Lay a rope that both hands hold, put down one that is held badly, else take it; None when it lies well."""
        sight = Scenery.of(seen, command)
        holding = [segment is not None for segment in sight.held]
        if mistake == "wandering":
            return Skill(_wander(command, any(holding), rng), mistake)
        if self._can_lay(sight) and mistake != "missed_grasp":  # which needs a grasp: the rope is put down for it
            return self._lay(sight, command, mistake, rng)
        if any(holding):
            return Skill(_put_down(command, [arm for arm in range(2) if holding[arm]]))
        if sight.done:
            return None
        pair = self._grasps(sight)
        if pair is None:
            return self._sort_out(sight, command)
        return self._take(sight, command, pair, mistake, rng)

    def _can_lay(self, sight: Scenery) -> bool:
        """Both hands hold the rope in the air, with enough of it between them."""
        left, right = sight.held
        if left is None or right is None or sight.done:
            return False
        in_the_air = bool(sight.middles[[left, right], 2].min() > LIFTED_M)
        return in_the_air and abs(right - left) * SEGMENT_M > sight.span_m + BESIDE_SLOT_M

    def _grasps(self, sight: Scenery) -> tuple[int, int] | None:
        """Segments for the left and the right hand, in reach and apart, as near to symmetric as can be; else None."""
        between = round((sight.span_m + 2 * BESIDE_SLOT_M) / SEGMENT_M)
        first = (SEGMENTS - 1 - between) // 2
        for shift in sorted(range(-first, SEGMENTS - between - first), key=abs):
            pair = sorted((first + shift, first + shift + between), key=lambda i: sight.middles[i, 0])
            apart = np.linalg.norm(sight.middles[pair[0], :2] - sight.middles[pair[1], :2])
            if apart > APART_M and all(_within(self.reach[arm], sight.middles[pair[arm]]) for arm in range(2)):
                return pair[0], pair[1]
        return None

    def _take(
        self, sight: Scenery, command: Doubles, pair: tuple[int, int], mistake: str, rng: np.random.Generator
    ) -> Skill:
        """Both hands go over the rope, down, close, rise and stretch it."""
        at = sight.middles[list(pair), :2].copy()
        made = "missed_grasp" if mistake == "missed_grasp" else ""
        depth = np.full(2, DOWN_M)
        if made:
            for arm in [[0], [1], [0, 1]][int(rng.integers(3))]:
                if rng.random() < 0.3:
                    depth[arm] += log_uniform(rng, *MISS_M)
                else:
                    at[arm] += _any_direction(rng) * log_uniform(rng, *MISS_M)
        turns = np.array([self._clipped(arm, sight.turn(segment)) for arm, segment in enumerate(pair)])
        over = _hands(at, OVER_M, turns, OPEN)
        low = _hands(at, depth, turns, OPEN)
        closed = _hands(at, depth, turns, GRIP)
        lifted = _hands(_stretched(at, pair), CARRY_M, turns, GRIP)
        return Skill((WayPoint(over, 11), WayPoint(low, 6), WayPoint(closed, 3), WayPoint(lifted, 9)), made)

    def _lay(self, sight: Scenery, command: Doubles, mistake: str, rng: np.random.Generator) -> Skill:
        """Carries the stretched rope over both slots, lowers it, lets go."""
        held = [segment for segment in sight.held if segment is not None]
        slots = sight.slots[:, :2]
        targets = _stretched(slots, held)
        made = mistake if mistake in ("early_release", "misaligned") else ""
        if made == "misaligned":
            targets = targets + _misplaced(rng)
        turns = np.full(2, np.pi / 2 + np.arctan2(*(slots[1] - slots[0])[::-1]))
        over = _hands(targets, CARRY_M, turns, GRIP)
        down = _hands(targets, DOWN_M, turns, GRIP)
        way: tuple[WayPoint, ...] = (WayPoint(over, 14), WayPoint(over, 2), WayPoint(down, 8), WayPoint(down, 2))
        if made == "early_release":
            way = _let_go_on_the_way(command, way, rng)
        return Skill((*way, *_release(down, [0, 1])), made)

    def _sort_out(self, sight: Scenery, command: Doubles) -> Skill | None:
        """One hand draws a rope that both cannot take yet: into reach, or an end outwards; None where it cannot."""
        arms = [[arm for arm in range(2) if _within(self.reach[arm], m)] for m in sight.middles]
        beyond = [i for i in range(SEGMENTS) if not arms[i]]
        if len(beyond) == SEGMENTS:
            return None
        if beyond:
            segment = min((i for i in range(SEGMENTS) if arms[i]), key=lambda i: min(abs(i - k) for k in beyond))
            near_arm = int(sight.middles[segment, 0] > 0)
            arm = near_arm if near_arm in arms[segment] else arms[segment][0]
            return self._drag(sight, command, arm, segment, np.array([0.0, -0.06]))
        first_is_left = bool(sight.middles[0, 0] < sight.middles[-1, 0])
        choices = ((0, 0 if first_is_left else SEGMENTS - 1), (1, SEGMENTS - 1 if first_is_left else 0))
        for arm, segment in choices:
            if arm in arms[segment]:
                out = np.array([(-0.22, 0.22)[arm], np.clip(sight.middles[segment, 1], -0.15, 0.0)])
                return self._drag(sight, command, arm, segment, out)
        return None

    def _drag(self, sight: Scenery, command: Doubles, arm: int, segment: int, to_2: Doubles) -> Skill:
        """One hand takes a segment, draws it along low above the table, and lets go."""
        turn = self._clipped(arm, sight.turn(segment))
        at = sight.middles[segment, :2]
        poses = (
            ([*at, OVER_M, 0, 0, turn, OPEN], 10),
            ([*at, DOWN_M, 0, 0, turn, OPEN], 5),
            ([*at, DOWN_M, 0, 0, turn, GRIP], 3),
            ([*to_2, DRAG_M, 0, 0, turn, GRIP], 12),
        )
        way = []
        for pose, steps in poses:
            moved = command.copy()
            moved[arm * 7 : arm * 7 + 7] = pose
            way.append(WayPoint(moved, steps))
        return Skill((*way, *_put_down(way[-1].command, [arm])))

    def _clipped(self, arm: int, turn: float) -> float:
        return float(np.clip(turn, *self.reach[arm].turn))


def _within(reach: Reach, point: Doubles) -> bool:
    """True where a hand can take the rope."""
    low = np.array([reach.x[0], reach.y[0]]) + EDGE_M
    high = np.array([reach.x[1], reach.y[1]]) - EDGE_M
    return bool((low < point[:2]).all() and (point[:2] < high).all() and point[2] < HIGHEST_GRASP_M)


def _stretched(at_22: Doubles, pair: Sequence[int]) -> Doubles:
    """(2, 2) places on the line through two points, around their middle, that stretch the rope between two segments."""
    way = at_22[1] - at_22[0]
    half = way / np.linalg.norm(way) * abs(pair[1] - pair[0]) * SEGMENT_M * TAUT / 2
    middle = at_22.mean(0)
    return np.stack([middle - half, middle + half])


def _hands(at_22: Doubles, height: float | Doubles, turns: Doubles, gripper: float) -> Doubles:
    """The command (14,) of both hands upright at these places (2, 2), heights, turns (2,) and openings."""
    hands = np.zeros((2, 7))
    hands[:, :2], hands[:, 2], hands[:, 5], hands[:, 6] = at_22, height, turns, gripper
    return hands.ravel()


def _opened(command: Doubles, arms: Sequence[int]) -> Doubles:
    hands = command.reshape(2, 7).copy()
    hands[list(arms), 6] = OPEN
    return hands.ravel()


def _at_height(command: Doubles, arms: Sequence[int], height_m: float) -> Doubles:
    hands = command.reshape(2, 7).copy()
    hands[list(arms), 2] = height_m
    return hands.ravel()


def _release(command: Doubles, arms: Sequence[int]) -> tuple[WayPoint, ...]:
    """Open, then straight up."""
    opened = _opened(command, arms)
    return WayPoint(opened, 3), WayPoint(_at_height(opened, arms, CARRY_M), 6)


def _put_down(command: Doubles, arms: Sequence[int]) -> tuple[WayPoint, ...]:
    """Lower what these hands hold where it is, and let go of it."""
    down = _at_height(command, arms, DOWN_M)
    return WayPoint(down, 6), *_release(down, arms)


def _any_direction(rng: np.random.Generator) -> Doubles:
    angle = rng.uniform(0, 2 * np.pi)
    return np.array([np.cos(angle), np.sin(angle)])


def _misplaced(rng: np.random.Generator) -> Doubles:
    """(2, 2) error of both hands along y, alike or turned about the middle."""
    size = log_uniform(rng, *MISPLACED_M) * rng.choice([-1, 1])
    kind = rng.choice(["both", "left", "right"])
    shares = {"both": (1.0, 1.0), "left": (1.0, 0.0), "right": (0.0, 1.0)}[str(kind)]
    return np.array([[0.0, size * share] for share in shares])


def _let_go_on_the_way(command: Doubles, way: Sequence[WayPoint], rng: np.random.Generator) -> tuple[WayPoint, ...]:
    """The same way, but one or both hands open somewhere between the table and the slots."""
    commands = interpolate(command, way)
    when = round(rng.uniform(0.05, 0.48) * len(commands))
    arms = [[0], [1], [0, 1]][int(rng.integers(3))]
    return tuple(WayPoint(c if k < when else _opened(c, arms)) for k, c in enumerate(commands))


def _wander(command: Doubles, holding: bool, rng: np.random.Generator) -> tuple[WayPoint, ...]:
    """Off the task: empty hands roam above the table; a held rope is put down somewhere else."""
    hands = command.reshape(2, 7)
    if holding:
        away = hands.copy()
        away[:, 2] = CARRY_M
        away[:, :2] += [rng.uniform(-0.05, 0.05), rng.uniform(-0.20, 0.20) - hands[:, 1].mean()]
        return WayPoint(away.ravel(), 14), *_put_down(away.ravel(), [0, 1])
    way = []
    for _ in range(int(rng.integers(2, 4))):
        roam = hands.copy()
        roam[:, 0] = [rng.uniform(-0.22, -0.05), rng.uniform(0.05, 0.22)]
        roam[:, 1], roam[:, 2] = rng.uniform(-0.2, 0.2, 2), rng.uniform(0.05, 0.14, 2)
        way.append(WayPoint(roam.ravel(), 9))
    return tuple(way)
