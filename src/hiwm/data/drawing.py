"""The look of the pictures that hiwm writes of a dataset: colours, type and framing, drawn with Pillow."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from hiwm.types import Picture

type Colour = tuple[int, int, int]

BACKGROUND: Colour = (20, 23, 28)
LINE: Colour = (44, 50, 59)
TEXT: Colour = (230, 232, 235)
MUTED: Colour = (139, 147, 158)
GREEN: Colour = (76, 195, 138)
RED: Colour = (235, 94, 98)
AMBER: Colour = (245, 178, 66)
MARGIN = 28
HEAT = np.array([(30, 16, 70), (110, 28, 110), (190, 56, 84), (249, 142, 9), (252, 240, 160)], np.float64)
"""Stops of a dark-to-bright scale of even lightness steps, after matplotlib's inferno."""


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def text(
    draw: ImageDraw.ImageDraw, place: tuple[float, float], words: str, colour: Colour = TEXT, size: int = 15
) -> None:
    """Writes a line with its top left corner at (x, y)."""
    draw.text(place, words, fill=colour, font=_font(size))


def text_width(words: str, size: int = 15) -> float:
    """Width of a line in pixels."""
    return _font(size).getlength(words)


def shorten(words: str, width: float, size: int = 15) -> str:
    """The line cut with an ellipsis so that it fits a width in pixels."""
    if text_width(words, size) <= width:
        return words
    while words and text_width(words + "…", size) > width:
        words = words[:-1]
    return words.rstrip() + "…"


def paste(sheet: Image.Image, picture: Picture, box: tuple[int, int, int, int]) -> None:
    """Puts a picture into (left, top, width, height) with a hairline around it."""
    left, top, width, height = box
    resample = Image.Resampling.LANCZOS if picture.shape[1] > width else Image.Resampling.BICUBIC
    sheet.paste(Image.fromarray(picture).resize((width, height), resample), (left, top))
    ImageDraw.Draw(sheet).rectangle((left - 1, top - 1, left + width, top + height), outline=LINE)


def heat_colours(share: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shares 0..1 of any shape to RGB (..., 3), 0..255."""
    stops = np.linspace(0, 1, len(HEAT))
    return np.stack([np.interp(share, stops, HEAT[:, c]) for c in range(3)], axis=-1)
