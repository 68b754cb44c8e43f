"""How a block slides when one point of its side is pushed slowly: the quasi-static model with an ellipsoidal limit
surface.

Source: Lynch, Maekawa, Tanie, "Manipulation and active sensing by pushing using tactile feedback" (IROS 1992). The
block turns about its centre of friction with twist proportional to (fx, fy, torque / c^2); while the contact sticks,
the contact point moves with the pusher, which gives the force direction f from (I + J J^T / c^2) f = v with J = (-py,
px).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from hiwm.types import Doubles


@dataclass(frozen=True)
class Slider:
    """A block: centre of friction in its frame (m), the length c (m) that relates torque to force, friction at the
    contact.
    """

    centre: tuple[float, float]
    c_m: float
    friction: float


def push_paths(
    slider: Slider,
    pose: Doubles,
    contact_n2: Doubles,
    normal_n2: Doubles,
    velocity_n2: Doubles,
    step_m: float,
    steps: int,
) -> tuple[Doubles, np.ndarray[Any, np.dtype[np.bool_]]]:
    """Where N straight pushes would take the block.

    pose: (3,) or (N, 3) x, y, turn. contact_n2, normal_n2: (N, 2) contact points and inward normals in the block's
    frame, m. velocity_n2: (N, 2) unit directions of the pusher on the table. Returns poses (steps, N, 3) after each
    `step_m` of pusher travel, and (steps, N) whether the contact has stuck (force inside the friction cone) up to
    there.
    """
    poses = np.broadcast_to(pose, (len(contact_n2), 3)).copy()
    arm = contact_n2 - np.array(slider.centre)
    out = np.empty((steps, len(contact_n2), 3))
    sticks = np.empty((steps, len(contact_n2)), bool)
    stuck = np.ones(len(contact_n2), bool)
    limit = np.cos(np.arctan(slider.friction))
    for k in range(steps):
        cos, sin = np.cos(poses[:, 2]), np.sin(poses[:, 2])
        vx = cos * velocity_n2[:, 0] + sin * velocity_n2[:, 1]
        vy = -sin * velocity_n2[:, 0] + cos * velocity_n2[:, 1]
        twist, aligned = _twist(arm, np.stack([vx, vy], 1), normal_n2, slider.c_m)
        stuck &= aligned > limit
        spin = twist[:, 2]
        shift = twist[:, :2] + spin[:, None] * np.array([slider.centre[1], -slider.centre[0]])
        poses[:, 0] += step_m * (cos * shift[:, 0] - sin * shift[:, 1])
        poses[:, 1] += step_m * (sin * shift[:, 0] + cos * shift[:, 1])
        poses[:, 2] += step_m * spin
        out[k], sticks[k] = poses, stuck
    return out, sticks


def _twist(arm_n2: Doubles, v_n2: Doubles, normal_n2: Doubles, c_m: float) -> tuple[Doubles, Doubles]:
    """(N, 3) twist per unit of pusher speed about the centre, and the cosine between force and inward normal."""
    px, py = arm_n2[:, 0], arm_n2[:, 1]
    a, b, d = 1 + py**2 / c_m**2, -px * py / c_m**2, 1 + px**2 / c_m**2
    det = a * d - b * b
    fx = (d * v_n2[:, 0] - b * v_n2[:, 1]) / det
    fy = (a * v_n2[:, 1] - b * v_n2[:, 0]) / det
    spin = (px * fy - py * fx) / c_m**2
    size = np.hypot(fx, fy)
    aligned = (fx * normal_n2[:, 0] + fy * normal_n2[:, 1]) / np.maximum(size, 1e-12)
    return np.stack([fx, fy, spin], 1), aligned
