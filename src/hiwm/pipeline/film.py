"""Writes pictures as an mp4 that any browser plays, and lays pictures side by side for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import av
import numpy as np
from PIL import Image, ImageDraw

from hiwm.data import drawing
from hiwm.types import Picture

_HEADER, _GAP = 32, 8


def write_film(path: Path, pictures: Sequence[Picture], fps: int) -> None:
    """Encodes (H, W, 3) pictures of one even size as h264."""
    height, width = pictures[0].shape[:2]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps, options={"crf": "20", "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def side_by_side(pictures: Mapping[str, Picture], side: int) -> Picture:
    """Square pictures as squares of `side` pixels in a line, each below its name, every pixel left a square.

    Height and width are even where `side` is.
    """
    width = len(pictures) * (side + _GAP) - _GAP
    sheet = Image.new("RGB", (width, _HEADER + side), drawing.BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    for k, (name, picture) in enumerate(pictures.items()):
        left = k * (side + _GAP)
        drawing.text(draw, (left + 8, 7), drawing.shorten(name, side - 16))
        sheet.paste(Image.fromarray(picture).resize((side, side), Image.Resampling.NEAREST), (left, _HEADER))
    return np.asarray(sheet)
