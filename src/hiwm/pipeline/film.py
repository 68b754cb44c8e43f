"""Writes pictures as an mp4 that any browser plays."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import av

from hiwm.types import Picture


def write_film(path: Path, pictures: Sequence[Picture], fps: int) -> None:
    """Encodes (H, W, 3) pictures of one even size as h264."""
    height, width = pictures[0].shape[:2]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps, options={"crf": "20", "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
