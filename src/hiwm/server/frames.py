"""Pictures on the wire: a fixed header and a JPEG. What is stored is lossless; this is only a view."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from enum import IntEnum

from PIL import Image

from hiwm.errors import BadInput
from hiwm.types import Picture

HEADER = struct.Struct("<4B4IdI")
"""kind, camera, cameras, codec; branch, node, step, frame; server time (unix ms); length: 32 bytes.

A frame begins with its kind (below 128), a control message with a msgpack map (128 and more)."""
QUALITY, SMALL_QUALITY = 88, 95
SMALL = 160
"""Pictures up to this size are shown much enlarged, where a JPEG's ringing is plain to see."""


class FrameKind(IntEnum):
    """What a picture shows."""

    LIVE = 1


class Codec(IntEnum):
    """How it is written."""

    JPEG = 1


@dataclass(frozen=True)
class FrameHeader:
    """Which picture this is. All cameras of one moment share `frame`, which is acknowledged once all are drawn."""

    kind: FrameKind
    camera: int
    cameras: int
    codec: Codec
    branch: int
    node: int
    step: int
    frame: int
    server_ms: float
    length: int


def pack_frame(header: FrameHeader, picture: bytes) -> bytes:
    """A binary message."""
    return (
        HEADER.pack(
            header.kind,
            header.camera,
            header.cameras,
            header.codec,
            header.branch,
            header.node,
            header.step,
            header.frame,
            header.server_ms,
            header.length,
        )
        + picture
    )


def unpack_frame(data: bytes) -> tuple[FrameHeader, bytes]:
    """The inverse of `pack_frame`; raises BadInput."""
    if len(data) < HEADER.size:
        raise BadInput(f"expected a frame of at least {HEADER.size} bytes, got {len(data)}")
    kind, camera, cameras, codec, *rest = HEADER.unpack_from(data)
    header = FrameHeader(FrameKind(kind), camera, cameras, Codec(codec), *rest)
    if len(data) != HEADER.size + header.length:
        raise BadInput(f"expected a picture of {header.length} bytes, got {len(data) - HEADER.size}")
    return header, data[HEADER.size :]


def jpeg(picture: Picture) -> bytes:
    """An (H, W, 3) picture as JPEG, full colour resolution."""
    file, quality = io.BytesIO(), SMALL_QUALITY if max(picture.shape[:2]) <= SMALL else QUALITY
    Image.fromarray(picture).save(file, "JPEG", quality=quality, subsampling=0)
    return file.getvalue()
