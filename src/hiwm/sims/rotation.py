"""Rotation vectors (radians times unit axis) to hinge angles and back, for a wrist of z, then y, then x hinges.

R = Rz(yaw) Ry(pitch) Rx(roll); away from pitch = +-90 degrees, which the robot's range excludes, both ways are unique.
"""

from __future__ import annotations

import math

import numpy as np

from hiwm.types import Doubles


def rotation_matrix(rotvec: Doubles) -> Doubles:
    """(3, 3) matrix of a rotation vector (3,) in rad; Rodrigues' formula."""
    angle = math.sqrt(float(rotvec @ rotvec))
    if angle < 1e-9:
        return np.eye(3)
    x, y, z = rotvec / angle
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.asarray(np.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) * (cross @ cross), float)


def hinges_from_rotvec(rotvec: Doubles) -> Doubles:
    """(3,) hinge angles yaw, pitch, roll in rad of a rotation vector (3,) in rad."""
    if rotvec[0] == 0 and rotvec[1] == 0:
        return np.array([rotvec[2], 0.0, 0.0])
    m = rotation_matrix(rotvec)
    pitch = math.asin(min(1.0, max(-1.0, -m[2, 0])))
    return np.array([math.atan2(m[1, 0], m[0, 0]), pitch, math.atan2(m[2, 1], m[2, 2])])


def rotvec_from_hinges(hinges: Doubles) -> Doubles:
    """(3,) rotation vector in rad of hinge angles yaw, pitch, roll (3,) in rad; by quaternion product."""
    cy, cp, cr = (math.cos(a / 2) for a in hinges)
    sy, sp, sr = (math.sin(a / 2) for a in hinges)
    w = cy * cp * cr + sy * sp * sr
    v = np.array([cy * cp * sr - sy * sp * cr, cy * sp * cr + sy * cp * sr, sy * cp * cr - cy * sp * sr])
    if w < 0:
        w, v = -w, -v
    norm = math.sqrt(float(v @ v))
    if norm < 1e-9:
        return 2 * v
    return v * (2 * math.atan2(norm, w) / norm)
