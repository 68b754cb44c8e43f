"""Choosing pushes for the T: which side to go to, which way to push and how far, by rolling the contact model.

A plan is the first of the two pushes that promise the fewest control steps to the goal, going there included; while
it is carried out, its heading is set right at every step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from hiwm.sims.pusher_model import (
    OUTLINE,
    PUSHER_RADIUS_PX,
    distance,
    pose_error,
    roll_pushes,
    to_world,
    wall_depth,
)
from hiwm.sims.pusher_route import Indices, find_routes, in_workspace
from hiwm.types import Doubles

# Costs, in control steps. The speeds are what the environment's controller makes of the leads in pusher_2d.
_TRAVEL_PX = 24.0  # going round the block, per step
_PUSH_PX = 11.0  # pushing, per step
_SETTLE = 8.0  # starting and stopping a push
_ONE_MORE = 28.0  # a push that is needed beyond those planned
_STEPS_PER_PX = 0.8  # per px of corner distance that the planned pushes leave
_ROUND_ABOUT = 1.3  # a way round the block, by the stretch of outline that it passes

# The search.
_GAP_PX = 4.0  # from where a push starts to the block
_SPACING_PX = 10.0  # between such places along the outline
_TURNS = np.radians([0.0, -30.0, 30.0])  # of the heading from square on
_TURN_COST = (0.0, 1.0, 1.0)  # steps: without friction a turn often changes nothing, and people push square on
_STROKES = 32  # lengths tried per push
_STRIDE_PX = (1.0, 5.0)  # between those lengths: small near the goal
_QUARTERS = 4
_AVOID_PX = 12.0
_BEAM = 16
_NEAR_PX = 2.5  # mean corner distance at which coverage is about 0.95

# Steering.
_STEER = np.radians([0.0, -12.0, 12.0, -25.0, 25.0])
_STEER_STROKES = 14
_WORTH_PX = 0.15  # pushing on for less gain than this is not worth it


@dataclass(frozen=True, eq=False)
class Push:
    """One planned push. start: (2,) px, where the pusher goes first. heading: rad.

    aim: the pose (3,) to bring the block to; seen: the pose at which this was planned.
    """

    start: Doubles
    heading: float
    aim: Doubles
    seen: Doubles

    @property
    def direction(self) -> Doubles:
        """(2,) unit vector of the heading."""
        return np.array([np.cos(self.heading), np.sin(self.heading)])


@dataclass(frozen=True, eq=False)
class _Faces:
    """Places where a push can start, in the block's frame: (N, 2) px, the inward angle, and px along the outline."""

    start_n2: Doubles
    inward_n: Doubles
    along_n: Doubles


def _faces() -> _Faces:
    edge = np.roll(OUTLINE, -1, axis=0) - OUTLINE
    length = np.hypot(edge[:, 0], edge[:, 1])
    inward = np.stack([-edge[:, 1], edge[:, 0]], axis=-1) / length[:, None]
    count = np.round(length / _SPACING_PX).astype(int)
    which = np.repeat(np.arange(len(edge)), count)
    share = np.concatenate([(np.arange(n) + 0.5) / n for n in count])[:, None]
    start = OUTLINE[which] + edge[which] * share - inward[which] * (PUSHER_RADIUS_PX + _GAP_PX)
    along = (np.cumsum(length) - length)[which] + length[which] * share[:, 0]
    free = distance(start, np.zeros(3)) > PUSHER_RADIUS_PX + _GAP_PX - 1.0  # not in the notches beside the stem
    return _Faces(start[free], np.arctan2(inward[which, 1], inward[which, 0])[free], along[free])


_FACES = _faces()
_OUTLINE_PX = float(np.hypot(*(np.roll(OUTLINE, -1, axis=0) - OUTLINE).T).sum())


def choose_push(pose: Doubles, pusher: Doubles, goal: Doubles, avoid: Sequence[Doubles] = ()) -> Push | None:
    """The push to make now, or None when there is no place to push from that can be reached.

    pose, goal: (3,). pusher: (2,) px. avoid: starts (2,) px of pushes that came to nothing; none begins near those.
    The same situation always gives the same push.
    """
    starts = to_world(_FACES.start_n2, pose)
    travel = find_routes(pusher, starts, pose).length_m
    usable = np.isfinite(travel) & in_workspace(starts)
    for place in avoid:
        usable &= np.linalg.norm(starts - place, axis=1) > _AVOID_PX
    face = np.repeat(np.flatnonzero(usable), len(_TURNS))
    if not len(face):
        return None
    heading = _FACES.inward_n[face] + pose[2] + np.resize(_TURNS, len(face))
    poses, cost = _roll(np.broadcast_to(pose, (len(face), 3)), starts[face], heading, goal)
    cost += travel[face] / _TRAVEL_PX + np.resize(_TURN_COST, len(face))
    # A push that hardly moves the block is dithering.
    cost[pose_error(poses, pose) < max(1.0, 0.25 * float(pose_error(pose, goal)))] = np.inf
    total = cost + _to_go(pose_error(poses, goal))
    stop, which = _beam(total)
    alone, reached = total[stop, which], poses[stop, which]
    paired = cost[stop, which] + _best_second(reached, _FACES.along_n[face[which]], goal)
    best = int(np.argmin(np.minimum(alone, paired)))
    if not np.isfinite(min(alone[best], paired[best])):
        return None
    final = alone[best] <= paired[best] and pose_error(reached[best], goal) < _NEAR_PX
    return Push(starts[face[which[best]]], float(heading[which[best]]), goal if final else reached[best], pose)


def worst_push(pose: Doubles, pusher: Doubles, goal: Doubles) -> Push | None:
    """The push, square on, that takes the block furthest from the goal: what one does from the wrong side."""
    starts = to_world(_FACES.start_n2, pose)
    face = np.flatnonzero(np.isfinite(find_routes(pusher, starts, pose).length_m) & in_workspace(starts))
    if not len(face):
        return None
    heading = _FACES.inward_n[face] + pose[2]
    poses, cost = _roll(np.broadcast_to(pose, (len(face), 3)), starts[face], heading, goal)
    harm = np.where(np.isfinite(cost), pose_error(poses, goal), -np.inf)
    stop, which = np.unravel_index(int(harm.argmax()), harm.shape)
    return Push(starts[face[which]], float(heading[which]), poses[stop, which], pose)


def steer_push(pose: Doubles, pusher: Doubles, push: Push) -> tuple[Push, Doubles] | None:
    """The push with its heading set right for what is seen now, and where (2,) the pusher shall stop.

    None when it is over: pushing on would bring the block no nearer to the aim.
    """
    now = float(pose_error(pose, push.aim))
    heading = push.heading + _STEER
    stride = np.clip(now / 8, *_STRIDE_PX)
    step = stride * np.stack([np.cos(heading), np.sin(heading)], axis=-1)
    poses = roll_pushes(pose, np.broadcast_to(pusher, (len(heading), 2)), step, _STEER_STROKES)
    error = pose_error(poses, push.aim)
    stop, which = np.unravel_index(int(error.argmin()), error.shape)
    if error[stop, which] > now - _WORTH_PX:
        return None
    return replace(push, heading=float(heading[which])), pusher + step[which] * (stop + 1)


def _roll(pose_n3: Doubles, start_n2: Doubles, heading_n: Doubles, goal: Doubles) -> tuple[Doubles, Doubles]:
    """Poses (K, N, 3) along N pushes and their cost (K, N) in steps; infinite where a wall is in the way."""
    stride = np.clip(pose_error(pose_n3, goal) / 10, *_STRIDE_PX)
    step = stride[:, None] * np.stack([np.cos(heading_n), np.sin(heading_n)], axis=-1)
    poses = roll_pushes(pose_n3, start_n2, step, _STROKES)
    strokes = np.arange(1, _STROKES + 1)[:, None]
    ends = start_n2 + strokes[:, :, None] * step
    blocked = wall_depth(poses) > np.maximum(wall_depth(pose_n3), 0.0) + 1.0
    return poses, np.where(blocked | ~in_workspace(ends), np.inf, _SETTLE + strokes * stride / _PUSH_PX)


def _beam(total_kn: Doubles) -> tuple[Indices, Indices]:
    """The strokes and pushes worth a second look: of each push the best in each quarter of its strokes."""
    quarters = total_kn.reshape(_QUARTERS, -1, total_kn.shape[1])
    stop, value = quarters.argmin(axis=1), quarters.min(axis=1)
    quarter, which = np.unravel_index(np.argsort(value, axis=None, kind="stable")[:_BEAM], value.shape)
    return stop[quarter, which] + quarter * quarters.shape[1], which


def _best_second(reached_b3: Doubles, along_b: Doubles, goal: Doubles) -> Doubles:
    """(B,) the fewest steps that a second push from each reached pose promises, with what remains after it."""
    beam, faces = len(reached_b3), len(_FACES.along_n)
    pose = np.repeat(reached_b3, faces, axis=0)
    starts = to_world(_FACES.start_n2, reached_b3).reshape(-1, 2)
    apart = np.abs(along_b[:, None] - _FACES.along_n)
    walk = np.minimum(apart, _OUTLINE_PX - apart).reshape(-1) * _ROUND_ABOUT / _TRAVEL_PX
    poses, cost = _roll(pose, starts, np.resize(_FACES.inward_n, len(pose)) + pose[:, 2], goal)
    total = np.where(in_workspace(starts), cost + walk + _to_go(pose_error(poses, goal)), np.inf)
    best: Doubles = total.min(axis=0).reshape(beam, faces).min(axis=1)
    return best


def _to_go(error: Doubles) -> Doubles:
    """Steps that a corner distance in px still costs; the price of one more push sets in between 1 and 5 px."""
    return _ONE_MORE * np.clip((error - 1.0) / 4.0, 0.0, 1.0) + _STEPS_PER_PX * error
