"""Rotation vectors and hinge angles describe the same turn."""

import numpy as np

from hiwm.sims.rotation import hinges_from_rotvec, rotation_matrix, rotvec_from_hinges
from hiwm.types import Doubles


def _matrix_of_hinges(hinges: Doubles) -> Doubles:
    yaw, pitch, roll = (rotation_matrix(axis * a) for axis, a in zip(np.eye(3)[[2, 1, 0]], hinges, strict=True))
    return yaw @ pitch @ roll


def test_hinge_angles_turn_the_hand_as_the_rotation_vector_says() -> None:
    rng = np.random.default_rng(0)
    for rotvec in rng.uniform(-0.9, 0.9, (200, 3)) + [0, 0, 0.6]:
        assert np.allclose(_matrix_of_hinges(hinges_from_rotvec(rotvec)), rotation_matrix(rotvec), atol=1e-12)


def test_there_and_back_is_the_same_vector() -> None:
    rng = np.random.default_rng(1)
    for rotvec in [np.zeros(3), np.array([0, 0, 1.7]), *rng.uniform(-1, 1, (200, 3))]:
        assert np.allclose(rotvec_from_hinges(hinges_from_rotvec(rotvec)), rotvec, atol=1e-9)
