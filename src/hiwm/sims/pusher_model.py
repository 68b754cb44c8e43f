"""The motion of the T of `gym_pusht` under a round pusher, for planning: geometry, contact and quasi-static rolls.

The environment stops the block before every physics step and has no friction between block and pusher, so that a push
moves the block exactly as far as the contact is pressed in, along the contact normal. That is the quasi-static
pusher-slider of Lynch and Mason ("Stable pushing", 1996) with an ellipsoidal limit surface of axes 1/m and 1/I.
A pose is (x, y, angle): px, px, rad, of the middle of the bar's outer edge; x points right, y down.
"""

from __future__ import annotations

import numpy as np
import shapely

from hiwm.types import Doubles

PUSHER_RADIUS_PX = 15.0
WORKSPACE_PX = 512.0
_WALL_PX = (7.0, 504.0)  # the walls' inner faces

# The T as `PushTEnv.add_tee` builds it (scale 30, length 4): a bar of 120 x 30 and a stem of 30 x 90.
_COG_Y = 45.0
_MASS = 1.0
_INERTIA = 3000.0
_BOX_CENTER_Y = (-30.0, 30.0)  # bar and stem, from the centre of gravity
_BOX_HALF = ((60.0, 15.0), (15.0, 45.0))

OUTLINE = np.array([(-60, 0), (60, 0), (60, 30), (15, 30), (15, 120), (-15, 120), (-15, 30), (-60, 30)], float)
"""(8, 2) corners in the block's frame, in turn; the same eight points as the environment's keypoints."""


def corners(pose: Doubles) -> Doubles:
    """The outline (..., 8, 2) of the block at poses (..., 3), px."""
    return to_world(OUTLINE, pose)


def to_world(points: Doubles, pose: Doubles) -> Doubles:
    """Points (M, 2) of the block's frame at poses (..., 3): (..., M, 2)."""
    cos, sin = np.cos(pose[..., 2, None]), np.sin(pose[..., 2, None])
    x = cos * points[:, 0] - sin * points[:, 1] + pose[..., 0, None]
    y = sin * points[:, 0] + cos * points[:, 1] + pose[..., 1, None]
    return np.stack([x, y], axis=-1)


def pose_error(pose: Doubles, goal: Doubles) -> Doubles:
    """Mean distance of the eight corners from where the goal has them, px, (...).

    Source: the average distance of model points (ADD) of Hinterstoisser et al., 2012.
    """
    error: Doubles = np.linalg.norm(corners(pose) - corners(goal), axis=-1).mean(axis=-1)
    return error


def coverage(pose: Doubles, goal: Doubles) -> float:
    """The share of the goal's area that the block covers, 0..1; the environment calls > 0.95 success."""
    target = shapely.Polygon(corners(goal))
    return float(shapely.Polygon(corners(pose)).intersection(target).area / target.area)


def distance(points_n2: Doubles, pose: Doubles) -> Doubles:
    """(N,) px from world points (N, 2) to the block at `pose` (3,); 0 inside."""
    cog, angle = _to_cog(pose)
    cos, sin = np.cos(angle), np.sin(angle)
    dx, dy = points_n2[:, 0] - cog[0], points_n2[:, 1] - cog[1]
    return _nearest(cos * dx + sin * dy, cos * dy - sin * dx)[0]


def wall_depth(pose: Doubles) -> Doubles:
    """How far the block at poses (..., 3) reaches into a wall, px, (...); negative when it is clear of all of them."""
    at = corners(pose)
    deep: Doubles = np.maximum(_WALL_PX[0] - at.min(axis=(-1, -2)), at.max(axis=(-1, -2)) - _WALL_PX[1])
    return deep


def roll_pushes(pose: Doubles, start_n2: Doubles, step_n2: Doubles, steps: int) -> Doubles:
    """Where N straight pushes take the block: poses (steps, N, 3) after 1, 2 ... steps.

    pose: (3,) or (N, 3) at the start. start_n2: the pusher's centres, px. step_n2: its motion per step, px; keep it
    under half the pusher's radius, since contact is only resolved at the end of each step.
    """
    cog, angle = _to_cog(np.broadcast_to(pose, (len(start_n2), 3)))
    cx, cy, angle = cog[:, 0].copy(), cog[:, 1].copy(), angle.copy()
    out = np.empty((steps, len(start_n2), 3))
    cos, sin = np.cos(angle), np.sin(angle)
    for k in range(steps):
        dx = start_n2[:, 0] + (k + 1) * step_n2[:, 0] - cx
        dy = start_n2[:, 1] + (k + 1) * step_n2[:, 1] - cy
        gap, px, py, nx, ny = _nearest(cos * dx + sin * dy, cos * dy - sin * dx)
        lever = px * ny - py * nx
        press = np.maximum(PUSHER_RADIUS_PX - gap, 0.0) / (1 / _MASS + lever * lever / _INERTIA)
        cx += press * (cos * nx - sin * ny) / _MASS
        cy += press * (sin * nx + cos * ny) / _MASS
        angle += press * lever / _INERTIA
        cos, sin = np.cos(angle), np.sin(angle)
        out[k, :, 0], out[k, :, 1], out[k, :, 2] = cx + sin * _COG_Y, cy - cos * _COG_Y, angle
    return out


def _to_cog(pose: Doubles) -> tuple[Doubles, Doubles]:
    angle = pose[..., 2]
    shift = np.stack([-np.sin(angle), np.cos(angle)], axis=-1) * _COG_Y
    return pose[..., :2] + shift, angle


def _nearest(x: Doubles, y: Doubles) -> tuple[Doubles, Doubles, Doubles, Doubles, Doubles]:
    """Distance, nearest point (x, y) and inward normal (x, y) for points from the centre of gravity.

    Inside the block the distance is 0 and the normal is 0: there is no push to be had from there.
    """
    (bar_w, bar_h), (stem_w, stem_h) = _BOX_HALF
    bar_x = np.minimum(np.maximum(x, -bar_w), bar_w)
    bar_y = np.minimum(np.maximum(y, _BOX_CENTER_Y[0] - bar_h), _BOX_CENTER_Y[0] + bar_h)
    stem_x = np.minimum(np.maximum(x, -stem_w), stem_w)
    stem_y = np.minimum(np.maximum(y, _BOX_CENTER_Y[1] - stem_h), _BOX_CENTER_Y[1] + stem_h)
    nearer_bar = (x - bar_x) ** 2 + (y - bar_y) ** 2 <= (x - stem_x) ** 2 + (y - stem_y) ** 2
    px, py = np.where(nearer_bar, bar_x, stem_x), np.where(nearer_bar, bar_y, stem_y)
    gap = np.sqrt((x - px) ** 2 + (y - py) ** 2)
    scale = np.where(gap > 0, 1 / np.maximum(gap, 1e-9), 0.0)
    return gap, px, py, (px - x) * scale, (py - y) * scale
