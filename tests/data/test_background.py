"""The usual picture shows what stands, not what passes by."""

import numpy as np

from hiwm.data.background import usual_picture


def test_the_most_frequent_colour_wins_over_a_mixture() -> None:
    rng = np.random.default_rng(0)
    pictures = np.full((100, 6, 8, 3), (200, 170, 130), np.uint8)
    pictures[:40, 2, 3] = (20, 60, 200)  # two passing colours, each for less time than the table
    pictures[40:58, 2, 3] = (250, 250, 250)
    noisy = np.clip(pictures.astype(int) + rng.integers(-2, 3, pictures.shape), 0, 255).astype(np.uint8)
    usual = usual_picture(noisy, np.arange(100))
    assert np.abs(usual.astype(int) - (200, 170, 130)).max() <= 3


def test_only_the_given_frames_count() -> None:
    pictures = np.zeros((10, 2, 2, 3), np.uint8)
    pictures[3:6] = 255
    assert (usual_picture(pictures, np.arange(3, 6)) == 255).all()


def test_an_object_that_mostly_lies_at_one_place_is_not_usual() -> None:
    """It rests at its goal in nine of ten frames."""
    pictures = np.full((2000, 32, 32, 3), 90, np.uint8)
    rng = np.random.default_rng(0)
    for k, picture in enumerate(pictures):
        y, x = (12, 12) if k % 10 else rng.integers(0, 24, 2)
        picture[y : y + 8, x : x + 8] = 200
    assert (usual_picture(pictures, np.arange(2000)) == 90).all()
