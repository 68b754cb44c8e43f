"""An estimator learns to read the toy, knows how well, and recognises what is spoiled."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from hiwm.data.source import open_source
from hiwm.data.windows import Offsets, Windows, open_windows
from hiwm.errors import BadDataset, BadInput, SpecMismatch
from hiwm.perception.corrupt import RULES
from hiwm.perception.estimator import Estimator, as_tensor
from hiwm.perception.examples import augmented, prepare
from hiwm.perception.training import shares, train_estimator
from hiwm.types import Scene
from tests.dot_world import CAMERA, DotDynamics
from tests.fakes import toy_dataset
from tests.perception.conftest import SHORT, TINY


def test_it_reads_the_dot_in_unseen_scenes(estimator: Estimator) -> None:
    scenes = [Scene("toy", "eval", n) for n in range(100)]
    _, seen, _ = DotDynamics().reset(scenes)
    read = estimator.read([observation.images for observation in seen])
    truth = np.stack([observation.require_truth() for observation in seen])
    dot = truth[:, 2:]
    assert np.median(np.abs(read.truth_nk[:, 2:] - dot)) < 0.04
    assert np.median(np.abs(read.state_ns[:, :2] - dot)) < 0.04
    assert read.whole_n.mean() > 0.85


def test_it_states_its_own_errors(estimator: Estimator) -> None:
    about = estimator.about
    assert set(about["median_error"]) == {"goal_x", "goal_y", "dot_x", "dot_y", "x", "y", "speed"}
    assert all(about["median_error"][name] <= about["error_95"][name] for name in about["error_95"])
    assert about["median_error"]["dot_x"] < 0.03
    assert estimator.objects == ("dot",), "the goal does not move within an episode"
    assert [point.name for point in estimator.hand_points] == [""]


def test_many_points_of_one_thing_leave_weight_for_others() -> None:
    names = (
        *(f"rope_{i}_{axis}" for i in range(4) for axis in "xy"),
        "slot_x",
        "slot_y",
        "slot_turn",
        "grip",
        "goal_x",
    )
    scale = np.ones(13, np.float32)
    scale[[10, 12]] = 0.25, 0
    weights = dict(zip(names, shares(names, scale, 0.1), strict=True))
    assert sum(weights.values()) == pytest.approx(1)
    assert weights["slot_x"] == pytest.approx(2 * weights["rope_2_x"])
    assert weights["slot_turn"] == pytest.approx(4 * weights["slot_x"]), "it goes a quarter of a radian only"
    assert weights["grip"] == pytest.approx(0.1 * weights["slot_x"])
    assert weights["goal_x"] == 0


def test_landmarks_are_where_the_dot_is_seen(windows: Windows) -> None:
    examples = prepare(windows)
    index = np.arange(0, len(windows), 7)
    seen = (examples.landmarks(index) + 1) * 16 - 0.5
    corner = (examples.values_nk[index][:, :4].reshape(-1, 2, 2) * 28).astype(int)
    assert np.median(np.abs(seen - corner - 1.5)) < 3


def test_spoiled_pictures_are_seen_as_not_whole(estimator: Estimator) -> None:
    shares = estimator.about["spoiled_recognised"]
    assert shares.keys() == RULES.keys()
    assert shares["erase"] > 0.6
    assert np.mean([share for share in shares.values() if share is not None]) > 0.5


def test_the_object_is_found_in_the_picture(windows: Windows) -> None:
    examples = prepare(windows)
    [place] = examples.maps
    assert place is not None
    pixels = place.pixels(np.array([[0.3, 0.3], [0.3, 0.7], [0.7, 0.5]]))
    assert np.abs(pixels - (np.array([[0.3, 0.3], [0.3, 0.7], [0.7, 0.5]]) * 28 + 1.5)).max() < 3


def test_every_rule_changes_the_object_and_nothing_far_away(windows: Windows) -> None:
    examples, rng = prepare(windows), np.random.default_rng(0)
    for rule in RULES.values():
        changed = []
        for index in range(0, 200, 20):
            picture = as_tensor(examples.pictures(np.array([index])))[0]
            after = examples.spoil(picture, index, rule, rng)
            if after is not None:
                assert after.shape == picture.shape
                changed.append(((after - picture).abs().amax(0) > 0.05).float().mean().item())
        assert changed
        assert 0 < np.mean(changed) < 0.4


def test_augmentation_keeps_what_is_there(windows: Windows) -> None:
    pictures = as_tensor(prepare(windows).pictures(np.arange(16)))
    after = augmented(pictures, np.random.default_rng(0))
    assert after.shape == pictures.shape
    assert 0.001 < (after - pictures).abs().mean() < 0.12


def test_another_size_is_refused(estimator: Estimator) -> None:
    with pytest.raises(SpecMismatch, match=r"reads camera observation.images.top at \(32, 32, 3\), got \(8, 8, 3\)"):
        estimator.read([{CAMERA.name: np.zeros((8, 8, 3), np.uint8)}])


def test_two_cameras_and_no_truth_are_learned_from(tmp_path: Path) -> None:
    toy_dataset(tmp_path / "toy")
    windows = open_windows(open_source(tmp_path / "toy"), Offsets(), (32, 32), show=False)
    blind = dataclasses.replace(windows, columns=dataclasses.replace(windows.columns, truth_nk=None))
    estimator = train_estimator(blind, TINY, dataclasses.replace(SHORT, steps=2), 60, lambda share, said: None)
    assert len(estimator.cameras) == 2
    assert estimator.targets.names == ("x", "y", "speed")
    assert estimator.object_points == ()


def test_what_cannot_be_learned_from_is_named(tmp_path: Path) -> None:
    toy_dataset(tmp_path / "toy", each=1)
    source = open_source(tmp_path / "toy")
    with pytest.raises(BadDataset, match="at least 4 episodes"):
        prepare(open_windows(source, Offsets(), (32, 32), show=False))
    toy_dataset(tmp_path / "more", each=2)
    with pytest.raises(BadInput, match="cameras of one size"):
        prepare(open_windows(open_source(tmp_path / "more"), Offsets(), show=False))
