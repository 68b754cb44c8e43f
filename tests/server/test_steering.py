"""Steering: no jump at a takeover, smooth starts and stops, and never faster or further than allowed."""

from __future__ import annotations

import numpy as np
import pytest

from hiwm.errors import SpecMismatch
from hiwm.server.steering import SPEEDS, Motion, speed_limit, start_pose, steer
from hiwm.spec import NumberSpec
from hiwm.types import Floats
from tests.server.toy_models import DOT_SPEC

STEP_S = 1 / DOT_SPEC.fps


def test_the_first_step_goes_on_from_the_last_commanded_pose() -> None:
    start = np.array([0.3, 0.6], np.float32)
    assert np.allclose(steer(DOT_SPEC, Motion.at(start), (0, 0), None).commanded_a, start)
    moved = steer(DOT_SPEC, Motion.at(start), (9, 0), None).commanded_a
    assert 0 < moved[0] - start[0] <= SPEEDS["m"] * STEP_S
    assert moved[1] == pytest.approx(start[1])


def test_motion_ramps_up_and_runs_out() -> None:
    motion, places = Motion.at(np.array([0.1, 0.1])), []
    for velocity in [(0.4, 0.4)] * 5 + [(0, 0)] * 4:
        motion = steer(DOT_SPEC, motion, velocity, None)
        places.append(motion.commanded_a[0])
    speeds = np.diff([0.1, *places]) / STEP_S
    assert np.all(np.abs(np.diff([0, *speeds])) <= SPEEDS["m"] * STEP_S / 0.2 + 1e-9)
    assert speeds[4] == pytest.approx(0.4)
    assert not motion.moving


def test_a_target_is_followed_no_faster_than_allowed_and_the_rest_stays() -> None:
    motion = steer(DOT_SPEC, Motion.at(np.array([0.2, 0.2])), None, (0.9, None))
    assert motion.commanded_a[0] == pytest.approx(0.2 + SPEEDS["m"] * STEP_S)
    assert motion.commanded_a[1] == pytest.approx(0.2)


def test_a_target_wins_over_a_velocity() -> None:
    motion = steer(DOT_SPEC, Motion.at(np.array([0.2, 0.2])), (-1, -1), (0.21, None))
    assert motion.commanded_a[0] == pytest.approx(0.21)
    assert motion.commanded_a[1] < 0.2


def test_ranges_hold() -> None:
    motion = Motion.at(np.array([0.99, 0.01]))
    for _ in range(10):
        motion = steer(DOT_SPEC, motion, (5, -5), None)
    assert motion.commanded_a.tolist() == [1.0, 0.0]
    assert not motion.moving


@pytest.mark.parametrize(("velocity", "target"), [((1.0,), None), (None, (1.0, 2.0, 3.0))])
def test_a_wrong_length_is_refused(velocity: tuple[float, ...] | None, target: tuple[float, ...] | None) -> None:
    with pytest.raises(SpecMismatch, match="takes 2 numbers"):
        steer(DOT_SPEC, Motion.at(np.zeros(2)), velocity, target)


@pytest.mark.parametrize(
    ("state", "action", "pose"),
    [([0.3, 0.4], [0.5, 0.6], [0.5, 0.6]), ([0.3, 0.4], None, [0.3, 0.4])],
)
def test_steering_starts_from_the_last_action_or_the_measured_pose(
    state: list[float], action: list[float] | None, pose: list[float]
) -> None:
    given: Floats | None = None if action is None else np.array(action, np.float32)
    assert np.allclose(start_pose(DOT_SPEC, np.array(state, np.float32), given), pose)


def test_a_gripper_closes_quickly() -> None:
    assert speed_limit(NumberSpec("gripper", "0 closed .. 1 open", 0, 1)) > 3
    assert speed_limit(NumberSpec("pixels", "px", 0, 500)) == 250
