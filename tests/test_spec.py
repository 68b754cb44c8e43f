"""The robot spec: JSON there and back, and what does not fit it."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from hiwm.errors import SpecMismatch
from hiwm.spec import CameraSpec, NumberSpec, RobotSpec
from hiwm.types import Observation

TOP = "observation.images.top"


@pytest.fixture
def spec() -> RobotSpec:
    numbers = (NumberSpec("x", "m", -0.5, 0.5), NumberSpec("gripper", "", 0.0, 1.0))
    return RobotSpec("arm", 10, (CameraSpec(TOP, 4, 6),), (*numbers, NumberSpec("load", "N", 0.0, 9.0)), numbers)


def observation(shape: tuple[int, ...] = (4, 6, 3), states: int = 3) -> Observation:
    return Observation({TOP: np.zeros(shape, np.uint8)}, np.zeros(states, np.float32))


def test_json_there_and_back(spec: RobotSpec) -> None:
    assert RobotSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec


def test_ranges_are_those_of_the_actions(spec: RobotSpec) -> None:
    assert spec.action_low_a.tolist() == [-0.5, 0.0]
    assert spec.action_high_a.tolist() == [0.5, 1.0]


def test_a_fitting_action_comes_back_as_float32(spec: RobotSpec) -> None:
    action = spec.check_action(np.array([0.25, 1.0]))
    assert action.dtype == np.float32
    assert action.tolist() == [0.25, 1.0]


@pytest.mark.parametrize("action", [[1.0], [1.0, 2.0, 3.0], [[1.0, 2.0]]])
def test_an_action_of_another_shape_is_refused_with_the_names(spec: RobotSpec, action: Any) -> None:
    with pytest.raises(SpecMismatch, match=r"2 numbers.*x, gripper"):
        spec.check_action(np.array(action))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_an_action_that_is_not_finite_is_refused_with_the_name(spec: RobotSpec, bad: float) -> None:
    with pytest.raises(SpecMismatch, match="not finite in gripper;"):
        spec.check_action(np.array([0.0, bad]))


def test_a_fitting_observation_passes(spec: RobotSpec) -> None:
    spec.check_observation(observation())


@pytest.mark.parametrize("shape", [(6, 4, 3), (4, 6), (4, 6, 4)])
def test_a_picture_of_another_shape_is_refused(spec: RobotSpec, shape: tuple[int, ...]) -> None:
    with pytest.raises(SpecMismatch, match=f"{TOP} shall give"):
        spec.check_observation(observation(shape))


def test_a_missing_camera_is_refused(spec: RobotSpec) -> None:
    with pytest.raises(SpecMismatch, match="got None"):
        spec.check_observation(Observation({}, np.zeros(3, np.float32)))


def test_a_state_of_another_length_is_refused(spec: RobotSpec) -> None:
    with pytest.raises(SpecMismatch, match="state of 3 numbers"):
        spec.check_observation(observation(states=2))
