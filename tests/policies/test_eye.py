"""An estimator as a processor step: what it makes of a truth, where its numbers go, and that it saves itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from hiwm.perception.estimator import load_estimator
from hiwm.perception.targets import Targets
from hiwm.policies.eye import EyeStep, object_names, object_numbers, open_eye
from hiwm.policies.features import ENVIRONMENT, STATE

TARGETS = Targets(
    ("block_x", "block_y", "block_turn", "goal_x", "goal_y", "goal_turn"),
    ("hand_x", "hand_y"),
    np.zeros(8, np.float32),
    np.array([0.1, 0.1, 1, 0, 0, 0, 0.1, 0.1], np.float32),
)


def test_a_turned_object_has_no_jump_where_its_angle_wraps() -> None:
    truth = np.array([[0.1, 0.2, np.pi - 1e-4, 0, 0, 0], [0.1, 0.2, -np.pi + 1e-4, 0, 0, 0]], np.float32)
    first, second = object_numbers(truth, np.zeros((2, 2), np.float32), TARGETS, ["block"])
    assert len(first) == len(object_names(TARGETS, ["block"]))
    np.testing.assert_allclose(first, second, atol=1e-3)


def test_hands_are_told_in_the_frame_of_the_object() -> None:
    names = object_names(TARGETS, ["block"])
    truth = np.array([[0.1, 0.2, np.pi / 2, 0, 0, 0]], np.float32)
    [numbers] = object_numbers(truth, np.array([[0.1, 0.3]], np.float32), TARGETS, ["block"])
    told = dict(zip(names, numbers, strict=True))
    assert abs(told["hand_from_block_x"] - 0.1) < 1e-6
    assert abs(told["hand_from_block_y"]) < 1e-6


def test_it_tells_what_differs_between_scenes_too_and_not_what_never_does(estimator: Path) -> None:
    loaded = load_estimator(estimator)
    assert EyeStep.of(loaded).objects == ["goal", "dot"]
    assert loaded.objects == ("dot",), "the goal does not move within an episode"
    assert [point.name for point in TARGETS.varied] == ["block"], "its goal is always at the same place"


def _observation(cameras: int = 1, moments: int = 2) -> dict[str, torch.Tensor]:
    pictures = torch.rand(3, moments, 3, 32, 32)
    return {"observation.images.top": pictures, STATE: torch.rand(3, moments, 3)}


def test_pictures_become_a_vector_of_their_own(estimator: Path) -> None:
    eye = open_eye(estimator)
    seen = eye.observation(_observation())
    assert sorted(seen) == [ENVIRONMENT, STATE]
    assert seen[ENVIRONMENT].shape == (3, 2, eye.width)


def test_numbers_can_stand_behind_the_robot_state(estimator: Path) -> None:
    eye = open_eye(estimator, state_numbers=3, keep=True)
    seen = eye.observation(_observation())
    assert sorted(seen) == ["observation.images.top", STATE]
    assert seen[STATE].shape == (3, 2, eye.width)
    assert eye.observation(seen) is seen  # read once already


def test_reading_a_dataset_gives_what_the_step_gives(estimator: Path) -> None:
    eye = open_eye(estimator)
    pixels = np.random.default_rng(0).integers(0, 255, (2, 32, 32, 3), np.uint8)
    states = np.zeros((2, 3), np.float32)
    raw = {
        "observation.images.top": torch.from_numpy(pixels).movedim(-1, 1).float() / 255,
        STATE: torch.from_numpy(states),
    }
    np.testing.assert_allclose(eye.read(pixels, states), eye.observation(raw)[ENVIRONMENT].numpy(), atol=1e-6)


def test_it_builds_itself_again(estimator: Path) -> None:
    eye = open_eye(estimator)
    again = EyeStep(**eye.get_config())
    again.load_state_dict(eye.state_dict())
    raw = _observation()
    assert torch.equal(eye.observation(raw)[ENVIRONMENT], again.observation(raw)[ENVIRONMENT])
