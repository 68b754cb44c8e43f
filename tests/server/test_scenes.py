"""Uploaded pictures: cut to size, and everything that is none refused."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from hiwm.server.handlers import HttpProblem
from hiwm.server.scenes import MOST_PIXELS, open_picture


def uploaded(width: int, height: int, kind: str = "PNG") -> bytes:
    """A picture that is red in its middle square and blue outside."""
    picture = np.full((height, width, 3), (0, 0, 200), np.uint8)
    side = min(width, height)
    top, left = (height - side) // 2, (width - side) // 2
    picture[top : top + side, left : left + side] = (200, 0, 0)
    file = io.BytesIO()
    Image.fromarray(picture).save(file, kind)
    return file.getvalue()


@pytest.mark.parametrize(("width", "height"), [(128, 128), (640, 480), (100, 300), (32, 32)])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_picture_is_cut_to_its_middle(width: int, height: int, kind: str) -> None:
    picture = open_picture(uploaded(width, height, kind), 64, 64)
    assert picture.shape == (64, 64, 3)
    assert picture.dtype == np.uint8
    assert abs(int(picture[4:-4, 4:-4, 0].mean()) - 200) < 12  # no blue is left


@pytest.mark.parametrize(
    "data", [b"", b"junk", uploaded(64, 64)[:60], b"GIF89a" + b"\x00" * 40, b"%!PS-Adobe-3.0 EPSF-3.0\n", b"<svg/>"]
)
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    with pytest.raises(HttpProblem, match="expected a picture") as refused:
        open_picture(data, 64, 64)
    assert refused.value.status == 400


def test_a_picture_of_too_many_pixels_is_refused_before_it_is_unpacked() -> None:
    side = int(MOST_PIXELS**0.5) + 1
    file = io.BytesIO()
    Image.new("1", (side, side)).save(file, "PNG")
    with pytest.raises(HttpProblem) as refused:
        open_picture(file.getvalue(), 64, 64)
    assert refused.value.status == 413
