"""Ways around the T: shortest routes for the pusher that do not touch the block, and points along them.

A visibility graph (Lozano-Perez and Wesley, 1979) over the corners of the grown outline; a leg is clear when samples
along it keep their distance from the block.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hiwm.sims.pusher_model import OUTLINE, PUSHER_RADIUS_PX, WORKSPACE_PX, distance, to_world
from hiwm.types import Doubles

type Indices = NDArray[np.int64]
type Flags = NDArray[np.bool_]

_CLEARANCE_PX = 5.0  # room kept between pusher and block on the way
_NODE_PX = 26.0  # from the outline to the graph's nodes: the pusher's radius, clearance, and room to cut corners
_RAMP = 0.05  # a leg that starts or ends nearer than the clearance must gain this much room per px of its length
_SLACK_PX = 0.5
_SAMPLES = np.linspace(0.0, 1.0, 25)

_NODES = OUTLINE + _NODE_PX * np.array([(-1, -1), (1, -1), (1, 1), (1, 1), (1, 1), (-1, 1), (-1, 1), (-1, 1)])
"""(8, 2) the outline's corners, each moved out along its diagonal."""


@dataclass(frozen=True, eq=False)
class Routes:
    """Shortest ways from one place to M targets. length_m: (M,) px, infinite where there is none.

    last_m: the node before each target, before_k: the node before each node, -1 for none; nodes_k2: (K, 2) px.
    """

    length_m: Doubles
    last_m: Indices
    before_k: Indices
    nodes_k2: Doubles

    def turns(self, target: int) -> list[Doubles]:
        """The nodes (2,) to pass on the way to a target, first one first."""
        way: list[Doubles] = []
        node = int(self.last_m[target])
        while node >= 0:
            way.append(self.nodes_k2[node])
            node = int(self.before_k[node])
        return way[::-1]


def find_routes(start: Doubles, targets_m2: Doubles, pose: Doubles) -> Routes:
    """Shortest routes from `start` (2,) to each target (M, 2) around the block at `pose` (3,), all in px."""
    nodes = to_world(_NODES, pose)
    nodes = nodes[in_workspace(nodes)]
    count = len(nodes)
    legs = _leg_lengths(np.concatenate([start[None], nodes]), np.concatenate([nodes, targets_m2]), pose)
    reach, before = _reach_nodes(legs[0, :count], legs[1:, :count])
    ways = np.concatenate([legs[:1, count:], reach[:, None] + legs[1:, count:]])
    last = ways.argmin(axis=0)
    return Routes(ways.min(axis=0), last - 1, before, nodes)


def in_workspace(points: Doubles) -> Flags:
    """(...) whether points (..., 2) px lie where the pusher may go."""
    return np.asarray(((points >= 0) & (points <= WORKSPACE_PX)).all(axis=-1))


def _reach_nodes(direct_k: Doubles, between_kk: Doubles) -> tuple[Doubles, Indices]:
    """Bellman-Ford: the length of the shortest way to each node, and the node before it, -1 for none."""
    reach: Doubles = direct_k
    before: Indices = np.full(len(direct_k), -1)
    for _ in range(len(direct_k)):
        through = reach[:, None] + between_kk
        shorter = through.min(axis=0) < reach - 1e-9
        before = np.where(shorter, through.argmin(axis=0), before)
        reach = np.where(shorter, through.min(axis=0), reach)
    return reach, before


def along(start: Doubles, way: list[Doubles], reach_px: float) -> Doubles:
    """The point (2,) that lies `reach_px` along the polyline from `start` through `way`, or its end."""
    here = start
    for point in way:
        leg = float(np.hypot(*(point - here)))
        if leg >= reach_px:
            return np.asarray(here + (point - here) * (reach_px / leg))
        here, reach_px = point, reach_px - leg
    return here


def _leg_lengths(from_n2: Doubles, to_m2: Doubles, pose: Doubles) -> Doubles:
    """(N, M) lengths of straight legs in px, infinite where one would come too close to the block."""
    delta = to_m2[None] - from_n2[:, None]
    length = np.linalg.norm(delta, axis=-1)
    points = from_n2[:, None, None] + delta[:, :, None] * _SAMPLES[:, None]
    room = distance(points.reshape(-1, 2), pose).reshape(points.shape[:3]) - PUSHER_RADIUS_PX
    gained = _RAMP * length[..., None] * _SAMPLES - _SLACK_PX
    needed = np.minimum(room[:, :, :1] + gained, room[:, :, -1:] + gained[:, :, ::-1])
    clear = (room >= np.minimum(needed, _CLEARANCE_PX)).all(axis=-1)
    return np.where(clear, length, np.inf)
