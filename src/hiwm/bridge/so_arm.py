"""The kinematics of a small leader arm of the SO kind: five joint angles in, the pose of its fingertips out.

A model of our own, with round lengths near those of an SO-101; steering is relative to where a clutch was pressed, so
that a few millimetres and a calibration a few degrees off do not matter.

The arm's frame: origin on the desk below the pan axis, x forward (away from the operator), y left, z up. With all
joints at 0 the upper arm points straight up, forearm and hand straight forward. Positive angles: shoulder_pan turns
left; shoulder_lift, elbow_flex and wrist_flex bend forward and down; wrist_roll turns the hand clockwise as the
operator sees it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from hiwm.types import Doubles

JOINTS = ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll")
GRIPPER = "gripper"


@dataclass(frozen=True)
class SoArm:
    """Lengths in metres: height of the shoulder, its distance from the pan axis, upper arm, forearm, and hand to the
    fingertips. signs: -1 for a joint that was calibrated the other way round, in the order of JOINTS.
    """

    height_m: float = 0.12
    offset_m: float = 0.03
    upper_m: float = 0.115
    fore_m: float = 0.135
    hand_m: float = 0.15
    signs: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0, 1.0)

    def pose(self, joints_deg: Doubles) -> tuple[Doubles, Rotation]:
        """Fingertips (3,) metres and the hand's rotation, in the arm's frame, of joints (5,) in degrees."""
        pan, lift, elbow, wrist, roll = np.radians(joints_deg) * np.array(self.signs)
        down_fore, down_hand = lift + elbow, lift + elbow + wrist
        reach = self.offset_m + self.upper_m * np.sin(lift) + self.fore_m * np.cos(down_fore)
        reach += self.hand_m * np.cos(down_hand)
        rise = self.height_m + self.upper_m * np.cos(lift) - self.fore_m * np.sin(down_fore)
        rise -= self.hand_m * np.sin(down_hand)
        place = np.array([reach * np.cos(pan), reach * np.sin(pan), rise])
        return place, Rotation.from_euler("ZYX", [pan, down_hand, roll])
