"""Scenes: names, random streams, splits."""

from __future__ import annotations

import numpy as np
import pytest

from hiwm.errors import BadInput
from hiwm.types import Scene


@pytest.mark.parametrize("scene", [Scene("push_t", "eval", 3), Scene("gym/PushT-v0", "train", 0)])
def test_scene_is_rebuilt_from_its_id(scene: Scene) -> None:
    assert Scene.parse(scene.id) == scene


@pytest.mark.parametrize(
    "text", ["", "push_t", "eval/3", "push_t/eval/", "push_t//3", "/eval/3", "push_t/eval/-1", "push_t/eval/x"]
)
def test_parse_names_the_form_and_what_came(text: str) -> None:
    with pytest.raises(BadInput, match="task/split/number") as caught:
        Scene.parse(text)
    assert repr(text) in str(caught.value)


def test_a_scene_always_gives_the_same_numbers() -> None:
    scene = Scene("push_t", "eval", 3)
    first = scene.rng().random(5)
    assert np.array_equal(first, scene.rng().random(5))
    assert scene.seed == Scene("push_t", "eval", 3).seed


def test_the_numbers_of_a_scene_are_for_ever() -> None:
    assert Scene("push_t", "eval", 3).seed == 607329837


def test_scenes_differ_by_task_split_and_number() -> None:
    scenes = [Scene(t, s, n) for t in ("push_t", "fold_towel") for s in ("train", "eval") for n in range(50)]
    assert len({tuple(scene.rng().integers(2**62, size=2)) for scene in scenes}) == len(scenes)


def test_seeds_of_the_splits_do_not_meet() -> None:
    train = {Scene("push_t", "train", n).seed for n in range(2000)}
    evaluation = {Scene("push_t", "eval", n).seed for n in range(200)}
    assert not train & evaluation


def test_seed_fits_what_takes_32_bits() -> None:
    assert all(0 <= Scene("push_t", "train", n).seed < 2**31 for n in range(100))
