"""Names become points, angles go round, distances count turns."""

from __future__ import annotations

import numpy as np
import pytest

from hiwm.perception.points import Point, distances, find_points, wrapped
from hiwm.perception.targets import Targets


def test_points_are_found_by_name() -> None:
    names = ("block_x", "block_y", "block_turn", "rope_0_x", "rope_0_y", "rope_0_z", "x", "y", "speed", "lone_x")
    assert find_points(names) == (
        Point("block", (0, 1), 2),
        Point("rope_0", (3, 4, 5)),
        Point("", (6, 7)),
    )


def test_a_turn_counts_as_displaced_tips() -> None:
    still, turned = np.zeros((1, 3), np.float32), np.array([[0, 0, np.pi]], np.float32)
    moved = np.array([[3, 4, 0]], np.float32)
    points = (Point("block", (0, 1), 2),)
    assert distances(still, moved, points, 0.1)[0] == pytest.approx(5)
    assert distances(still, turned, points, 0.1)[0] == pytest.approx(0.2)
    assert distances(still, turned, points, 0.0)[0] == pytest.approx(0)


def test_targets_come_back_and_angles_are_compared_the_short_way() -> None:
    values = np.array([[1, 3.1, 5], [2, -3.1, 5], [4, 0.5, 5]], np.float32)
    targets = Targets.fit(("a_x", "a_turn"), ("fixed",), values)
    encoded = targets.encode(values)
    assert encoded.shape == (3, targets.width) == (3, 4)
    assert np.allclose(targets.decode(encoded), values, atol=1e-5)
    assert targets.errors(values[:1], values[1:2])[0, 1] == pytest.approx(2 * (np.pi - 3.1), abs=1e-5)
    assert targets.scale_k[2] == 0
    assert targets.encoded([0, 1]) == (0, 2, 3), "the plain numbers first, then the sine and the cosine"
    again = Targets.from_json(targets.to_json())
    assert again.names == targets.names
    assert np.array_equal(again.mean_k, targets.mean_k)
    assert wrapped(np.array([3 * np.pi / 2]))[0] == pytest.approx(-np.pi / 2)
