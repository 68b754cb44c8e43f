"""The motions of the expert of Fold Towel, as way points for both hands."""

from __future__ import annotations

import numpy as np

from hiwm.sims import towel_mesh as mesh
from hiwm.sims.script import WayPoint
from hiwm.sims.towel_sheet import HALF_M, Flags, Hands, Sheet
from hiwm.types import Doubles

HOVER_M, ARC_M, HOP_M = 0.07, 0.115, 0.03
"""Heights: over a corner before grasping, of the arc over the fold, and of a short carry."""
TABLE_M = 0.011
"""Height of fingertips that hold a corner on the table."""
OVERSHOOT_M = 0.006
"""The corners are put down this far beyond the far ones, which pulls the upper half flat."""
TAUT_M = 0.012
"""How far beyond its length a towel is pulled to be without slack; it slides along."""
PULL = 0.06
"""Share by which far corners are pulled beyond their places, which takes slack out."""
INSIDE_M = 0.235
"""A towel that is pulled back into reach ends this far from the middle, along x and y."""
STACKED_M, ASIDE_M, ABOVE_M = 0.03, 0.006, 0.004
"""With another corner nearer than the first, fingers close off it: by the second across, by the third in height."""
LEAN_RAD = 0.25
"""The wrists lean outwards by so much on top of an arc."""
ARC_POINTS = 11
OPEN, CLOSED = 1.0, 0.0
_SHUT = np.full(2, CLOSED)


def hand_poses(tips_23: Doubles, yaw: float, lean: float, grippers_2: Doubles) -> Doubles:
    """(14,) command: fingertips, both wrists turned by yaw and leaning outwards by lean (rad), grippers 1 = open."""
    turns = np.array([[0, -lean, yaw], [0, lean, yaw]])
    return np.asarray(np.concatenate([tips_23, turns, grippers_2[:, None]], axis=1).ravel())


def aims(corners_23: Doubles, others_23: Doubles) -> Doubles:
    """(2, 3) where the fingers close: on the corner, but off another one near it, so that the right one is nearest."""
    away = corners_23 - others_23
    away[:, 2] = 0
    gap = np.linalg.norm(away, axis=1, keepdims=True)
    aside = np.where(gap < STACKED_M, ASIDE_M * away / np.maximum(gap, ASIDE_M), 0)
    upper = corners_23[:, 2] >= others_23[:, 2]
    height = np.maximum(mesh.RADIUS_M + 0.002, corners_23[:, 2] + np.where(upper, ABOVE_M, -ABOVE_M))
    return np.column_stack([(corners_23 + aside)[:, :2], height])


def hover(sheet: Sheet, corners_23: Doubles, hands: Hands, holding: Flags, command: Doubles) -> tuple[WayPoint, ...]:
    """Lets go of what is not a corner, rises, and goes over the corners; a hand that holds its corner waits."""
    stay = command.reshape(2, 7)[:, :3]
    grippers = np.where(holding, CLOSED, OPEN)
    up, over = stay.copy(), corners_23 + [0, 0, HOVER_M]
    up[~holding, 2] = np.maximum(stay[~holding, 2], HOVER_M)
    over[holding] = stay[holding]
    goes = WayPoint(hand_poses(over, sheet.yaw, 0, grippers), 9)
    if not (hands.closed & ~holding).any():
        return (goes,)
    opened = command.copy()
    opened[[6, 13]] = grippers
    return WayPoint(opened, 2), WayPoint(hand_poses(up, sheet.yaw, 0, grippers), 2), goes


def grasp(sheet: Sheet, aims_23: Doubles, holding: Flags, command: Doubles) -> tuple[WayPoint, ...]:
    """Goes down, settles and closes."""
    down = np.where(holding[:, None], command.reshape(2, 7)[:, :3], aims_23)
    grippers = np.where(holding, CLOSED, OPEN)
    opened = hand_poses(down, sheet.yaw, 0, grippers)
    return WayPoint(opened, 5), WayPoint(opened, 2), WayPoint(hand_poses(down, sheet.yaw, 0, _SHUT), 3)


def spread(sheet: Sheet, hands: Hands) -> tuple[WayPoint, ...]:
    """Carries the far corners low to where they belong, and a little further so that the towel is pulled flat.

    Where the towel is out of reach, that place is moved inwards.
    """
    outwards = sheet.places - sheet.places.mean(0) + HALF_M * sheet.onward
    goals = sheet.places + 1.2 * _inwards(sheet) + PULL * outwards
    way = (
        WayPoint(hand_poses(_at(hands.tips, HOP_M), sheet.yaw, 0, _SHUT), 4),
        WayPoint(hand_poses(_at(goals, HOP_M), sheet.yaw, 0, _SHUT), 6),
        WayPoint(hand_poses(_at(goals, TABLE_M), sheet.yaw, 0, _SHUT), 4),
    )
    return (*way, *let_go(way[-1].command))


def _inwards(sheet: Sheet) -> Doubles:
    """(2,) the shift that brings a flat towel within INSIDE_M."""
    whole = np.concatenate([sheet.places, sheet.places - 2 * HALF_M * sheet.onward])
    low, high = whole.min(0), whole.max(0)
    return np.asarray(np.maximum(low, -INSIDE_M) - low + np.minimum(high, INSIDE_M) - high)


def _at(places: Doubles, height_m: float) -> Doubles:
    """(2, 3) fingertips over places (2, 2 or 3) at one height."""
    return np.column_stack([places[:, :2], np.full(2, height_m)])


def carry_over(sheet: Sheet, hands: Hands, off_22: Doubles) -> tuple[WayPoint, ...]:
    """Takes the near corners in an arc onto the far ones, `off_22` (m) beside them."""
    axis = sheet.corners(4)[:, :2] + off_22 - HALF_M * sheet.onward
    return _arc(sheet, hands, axis, HALF_M + OVERSHOOT_M, np.pi)


def let_go(last: Doubles) -> tuple[WayPoint, ...]:
    """Settles after a command (14,), opens both hands and rises straight up."""
    opened, risen = last.copy(), last.copy()
    opened[[6, 13]] = risen[[6, 13]] = OPEN
    risen[[2, 9]] += HOVER_M
    return WayPoint(last, 1), WayPoint(opened, 3), WayPoint(risen, 4)


def unfold(sheet: Sheet, hands: Hands) -> tuple[WayPoint, ...]:
    """Carries the near corners back until the towel is taut, and keeps them."""
    return _arc(sheet, hands, sheet.corners(4)[:, :2] - HALF_M * sheet.onward, HALF_M + TAUT_M, 0.0)


def _arc(sheet: Sheet, hands: Hands, axis_22: Doubles, radius_m: float, end_rad: float) -> tuple[WayPoint, ...]:
    """Flattened half circles about the fold, 0 rad at the near side, entered where the hands are.

    Hands that are not at an end rise straight up first; where the near half lies crumpled they go on over the fold, so
    that it hangs free.
    """
    along = (hands.tips[:, :2] - axis_22) @ sheet.onward
    start = np.arccos(np.clip(-along / radius_m, -1, 1))
    entry: Doubles = hands.tips
    way: list[WayPoint] = []
    if (along > -radius_m / 2).any():
        height = np.maximum(_on_arc(sheet, axis_22, radius_m, start)[:, 2], HOP_M)
        entry = np.column_stack([hands.tips[:, :2], np.maximum(height, hands.tips[:, 2])])
        way.append(WayPoint(hand_poses(entry, sheet.yaw, 0, _SHUT), 4))
        if sheet.tangled:
            start = np.full(2, np.pi / 2)
            entry = _on_arc(sheet, axis_22, radius_m, start)
            way.append(WayPoint(hand_poses(entry, sheet.yaw, LEAN_RAD, _SHUT), 5))
    away = entry - _on_arc(sheet, axis_22, radius_m, start)
    for t in np.linspace(0, 1, ARC_POINTS + 1)[1:]:
        angle = start + (end_rad - start) * t
        tips = _on_arc(sheet, axis_22, radius_m, angle) + away * (1 - t)
        way.append(WayPoint(hand_poses(tips, sheet.yaw, LEAN_RAD * float(np.sin(angle).max()), _SHUT), 2))
    return tuple(way)


def _on_arc(sheet: Sheet, axis_22: Doubles, radius_m: float, angle_2: Doubles) -> Doubles:
    """(2, 3) fingertips at an angle each; the far end is one layer higher."""
    across = axis_22 - radius_m * np.cos(angle_2)[:, None] * sheet.onward
    return np.column_stack([across, TABLE_M + mesh.LAYER_M * angle_2 / np.pi + ARC_M * np.sin(angle_2)])
