"""Two leader arms to the 14 numbers of the bimanual robot: relative to where a clutch was pressed.

When the clutch is pressed (its rising edge) the pose of each leader arm and the last commanded pose of the robot are
kept; from then on the robot's hand moves as the leader's hand has moved since. So the first action is the commanded
pose itself, whatever the arms do: a takeover, a rewind or a regrip never makes a jump. Grippers are absolute, but each
is left alone until the leader's has come to where the robot's is, or has passed it.

Names and units are declared: `BI_SO_LEADER` is what comes in, `HANDS` what goes out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial.transform import Rotation

from hiwm.bridge.so_arm import GRIPPER, JOINTS, SoArm
from hiwm.errors import SpecMismatch
from hiwm.types import Doubles, Floats

ARMS = ("left", "right")
DEGREES, PERCENT = "deg", "0 closed .. 100 open"

BI_SO_LEADER: tuple[tuple[str, str], ...] = tuple(
    (f"{arm}_{joint}.pos", PERCENT if joint == GRIPPER else DEGREES) for arm in ARMS for joint in (*JOINTS, GRIPPER)
)
"""Name and unit of the 12 numbers of LeRobot's `bi_so_leader`, as it gives them with `use_degrees`."""

HANDS: tuple[tuple[str, str], ...] = tuple(
    (f"{arm}_{name}", unit)
    for arm in ARMS
    for name, unit in zip(
        ("x", "y", "z", "rx", "ry", "rz", "gripper"), ("m",) * 3 + ("rad",) * 3 + ("0 closed .. 1 open",), strict=True
    )
)
"""Name and unit of the 14 numbers of the bimanual robot's action."""

USUAL_ARM = SoArm()

CAUGHT = 0.03
"""A gripper is followed once the leader's is this near the robot's, of 0..1."""
_TABLE_FROM_ARM = Rotation.from_euler("z", 90, degrees=True)
"""The arms stand on the operator's side of the table and reach along its y."""


@dataclass(frozen=True, eq=False)
class Hand:
    """A leader's hand: fingertips (3,) m and rotation in axes of the table, and gripper 0..1."""

    place: Doubles
    turn: Rotation
    gripper: float


@dataclass(frozen=True, eq=False)
class Grip:
    """What one arm is relative to: leader and commanded pose (7,) when the clutch was pressed.

    gripper: the leader's newest. caught: it is followed.
    """

    leader: Hand
    commanded: Doubles
    gripper: float
    caught: bool


@dataclass(frozen=True)
class Retarget:
    """The rule for both arms. scale: metres of the robot for each metre of the leader."""

    left: SoArm = USUAL_ARM
    right: SoArm = USUAL_ARM
    scale: float = 1.0

    def press(self, sample: Mapping[str, float], commanded_14: Sequence[float] | Floats | Doubles) -> tuple[Grip, Grip]:
        """The clutch's rising edge; `follow` goes on from it. Raises SpecMismatch where a number is missing."""
        commanded = np.asarray(commanded_14, float).reshape(2, 7)
        left, right = (
            Grip(hand, pose, hand.gripper, abs(hand.gripper - pose[6]) <= CAUGHT)
            for hand, pose in zip(self._hands(sample), commanded, strict=True)
        )
        return left, right

    def follow(self, grips: tuple[Grip, Grip], sample: Mapping[str, float]) -> tuple[tuple[Grip, Grip], Floats]:
        """The grips after a sample of the leaders, and the action (14,) that it asks for."""
        hands = self._hands(sample)
        after_left, after_right = (_caught(grip, hand) for grip, hand in zip(grips, hands, strict=True))
        poses = [_moved(g, hand, self.scale) for g, hand in zip((after_left, after_right), hands, strict=True)]
        return (after_left, after_right), np.concatenate(poses).astype(np.float32)

    def _hands(self, sample: Mapping[str, float]) -> list[Hand]:
        require_names(sample, BI_SO_LEADER)
        return [_hand(model, arm, sample) for arm, model in zip(ARMS, (self.left, self.right), strict=True)]


def require_names(sample: Mapping[str, float], declared: Sequence[tuple[str, str]]) -> None:
    """Raises SpecMismatch where a number that was declared is missing or not finite."""
    bad = [name for name, _ in declared if not np.isfinite(sample.get(name, np.nan))]
    if bad:
        raise SpecMismatch(
            f"expected {len(declared)} numbers from the device, got none for {', '.join(bad[:6])}; "
            "check its cables and calibration, or name another --teleop"
        )


def _hand(model: SoArm, arm: str, sample: Mapping[str, float]) -> Hand:
    place, turn = model.pose(np.array([sample[f"{arm}_{joint}.pos"] for joint in JOINTS]))
    gripper = min(1.0, max(0.0, sample[f"{arm}_{GRIPPER}.pos"] / 100))
    return Hand(_TABLE_FROM_ARM.apply(place), _TABLE_FROM_ARM * turn, gripper)


def _caught(grip: Grip, hand: Hand) -> Grip:
    """The leader's gripper has come to the commanded one, or has passed it since the sample before."""
    there = grip.commanded[6]
    passed = min(grip.gripper, hand.gripper) - CAUGHT <= there <= max(grip.gripper, hand.gripper) + CAUGHT
    return replace(grip, gripper=hand.gripper, caught=grip.caught or bool(passed))


def _moved(grip: Grip, hand: Hand, scale: float) -> Doubles:
    """(7,) the pose of one robot hand: what the leader's has moved and turned since, on top of the commanded one."""
    place = grip.commanded[:3] + scale * (hand.place - grip.leader.place)
    turn = hand.turn * grip.leader.turn.inv() * Rotation.from_rotvec(grip.commanded[3:6])
    return np.concatenate([place, turn.as_rotvec(), [hand.gripper if grip.caught else grip.commanded[6]]])
