"""Two leader arms to the robot's hands: kinematics, clutch, grippers, names."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hiwm.bridge.retarget import BI_SO_LEADER, HANDS, Retarget
from hiwm.bridge.so_arm import SoArm
from hiwm.errors import SpecMismatch
from hiwm.sims.tasks import load_task

COMMANDED = np.array([-0.1, 0.02, 0.06, 0.1, 0, 0.3, 0.5, 0.1, -0.02, 0.06, 0, 0, 0, 1.0])
MIDDLE = {"shoulder_lift": 20.0, "elbow_flex": 30.0, "wrist_flex": 40.0, "wrist_roll": 5.0}


def sample(gripper: float = 50.0, **left: float) -> dict[str, float]:
    """Both arms in the middle, the joints of the left one as given."""
    values = {name: 0.0 for name, _ in BI_SO_LEADER}
    for arm in ("left", "right"):
        values |= {f"{arm}_{joint}.pos": value for joint, value in MIDDLE.items()} | {f"{arm}_gripper.pos": gripper}
    return values | {f"left_{joint}.pos": value for joint, value in left.items()}


def arm_pose(**joints: float) -> tuple[Any, Rotation]:
    names = ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll")
    return SoArm().pose(np.array([joints.get(name, 0.0) for name in names]))


def test_the_arm_stands_as_the_model_says() -> None:
    arm = SoArm()
    straight, turn = arm_pose()
    assert straight == pytest.approx([arm.offset_m + arm.fore_m + arm.hand_m, 0, arm.height_m + arm.upper_m])
    assert turn.apply([1, 0, 0]) == pytest.approx([1, 0, 0])
    assert arm_pose(shoulder_pan=90)[0] == pytest.approx([0, straight[0], straight[2]])
    hanging, downward = arm_pose(wrist_flex=90)
    assert hanging == pytest.approx([arm.offset_m + arm.fore_m, 0, arm.height_m + arm.upper_m - arm.hand_m])
    assert downward.apply([1, 0, 0]) == pytest.approx([0, 0, -1])
    assert arm_pose(shoulder_lift=90, elbow_flex=-90)[0][0] > straight[0]


def test_links_keep_their_length_at_any_angle() -> None:
    joints = np.random.default_rng(0).uniform(-90, 90, (50, 5))
    arm = SoArm()
    for deg in joints:
        tip, turn = arm.pose(deg)
        wrist = tip - arm.hand_m * turn.apply([1, 0, 0])
        short = SoArm(hand_m=0.0).pose(deg)[0]
        assert wrist == pytest.approx(short)


def test_a_joint_calibrated_the_other_way_round_has_a_sign() -> None:
    flipped = SoArm(signs=(-1, 1, 1, 1, 1))
    assert flipped.pose(np.array([30.0, 0, 0, 0, 0]))[0][1] == pytest.approx(-arm_pose(shoulder_pan=30)[0][1])


def test_the_first_action_is_the_commanded_pose() -> None:
    rule = Retarget()
    _, action = rule.follow(rule.press(sample(gripper=13), COMMANDED), sample(gripper=13))
    assert action == pytest.approx(COMMANDED, abs=1e-6)
    assert action.dtype == np.float32


def test_a_hand_moves_as_the_leader_moves_away_and_to_the_left() -> None:
    rule = Retarget()
    grips = rule.press(sample(), COMMANDED)
    _, away = rule.follow(grips, sample(shoulder_lift=30.0, elbow_flex=20.0))
    assert away[1] > COMMANDED[1] + 0.005
    assert away[0] == pytest.approx(COMMANDED[0])
    _, left = rule.follow(grips, sample(shoulder_pan=10.0))
    assert left[0] < COMMANDED[0] - 0.02
    assert left[7:] == pytest.approx(COMMANDED[7:], abs=1e-6)
    _, doubled = Retarget(scale=2.0).follow(grips, sample(shoulder_pan=10.0))
    assert doubled[:3] - COMMANDED[:3] == pytest.approx(2 * (left[:3] - COMMANDED[:3]), abs=1e-6)


def test_a_hand_turns_as_the_leader_turns() -> None:
    rule = Retarget()
    _, action = rule.follow(rule.press(sample(), COMMANDED), sample(shoulder_pan=25.0))
    turned = Rotation.from_rotvec(action[3:6]) * Rotation.from_rotvec(COMMANDED[3:6]).inv()
    assert turned.as_rotvec() == pytest.approx([0, 0, np.radians(25)], abs=1e-5)


def test_pressing_the_clutch_again_makes_no_jump() -> None:
    rule = Retarget()
    _, action = rule.follow(rule.press(sample(), COMMANDED), sample(shoulder_pan=20.0))
    elsewhere = sample(shoulder_pan=-40.0, wrist_flex=10.0)
    _, again = rule.follow(rule.press(elsewhere, action), elsewhere)
    assert again == pytest.approx(action, abs=1e-6)


@pytest.mark.parametrize("way", [(10.0, 30.0, 70.0), (90.0, 49.0, 20.0)])
def test_a_gripper_is_left_alone_until_the_leader_has_come_to_it(way: tuple[float, ...]) -> None:
    rule, given = Retarget(), []
    grips = rule.press(sample(gripper=way[0]), COMMANDED)
    for gripper in way:
        grips, action = rule.follow(grips, sample(gripper=gripper))
        given.append(float(action[6]))
    assert given[0] == 0.5
    assert given[-1] == pytest.approx(way[-1] / 100)


@pytest.mark.parametrize("bad", [{"left_elbow_flex.pos": float("nan")}, {"left_elbow_flex.pos": float("inf")}])
def test_a_number_that_is_missing_is_named(bad: dict[str, float]) -> None:
    rule = Retarget()
    with pytest.raises(SpecMismatch, match=r"got none for left_elbow_flex\.pos"):
        rule.press(sample() | bad, COMMANDED)
    lost = sample()
    del lost["right_gripper.pos"]
    with pytest.raises(SpecMismatch, match=r"expected 12 numbers from the device, got none for right_gripper\.pos"):
        rule.press(lost, COMMANDED)


def test_names_are_those_of_the_robot() -> None:
    dynamics = load_task("push_t").open()
    assert [(number.name, number.unit) for number in dynamics.spec.action] == list(HANDS)
    dynamics.close()
    assert len(BI_SO_LEADER) == 12
