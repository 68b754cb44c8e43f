"""New scenes from uploaded pictures: the world reads the robot state, a person confirms it, then a session begins."""

from __future__ import annotations

import io
import secrets

import numpy as np
from PIL import Image, UnidentifiedImageError
from starlette.requests import Request
from starlette.responses import Response

from hiwm.server.handlers import HttpProblem, desks_of, reply, user_of
from hiwm.server.model_wire import ModelError
from hiwm.server.replies import Begun, ScenePreview
from hiwm.types import Picture

MOST_PIXELS = 4096 * 4096
FORMATS = ("JPEG", "PNG", "WEBP")


def open_picture(data: bytes, height: int, width: int) -> Picture:
    """An uploaded picture, cut to the middle and resized to (height, width, 3); raises HttpProblem."""
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            if image.width * image.height > MOST_PIXELS:
                raise HttpProblem(413, "too_large", f"expected at most {MOST_PIXELS} pixels, got {image.size}")
            picture = image.convert("RGB")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise HttpProblem(400, "malformed", "expected a picture as JPEG, PNG or WebP") from error
    scale = max(width / picture.width, height / picture.height)
    resized = picture.resize((max(width, round(picture.width * scale)), max(height, round(picture.height * scale))))
    left, top = (resized.width - width) // 2, (resized.height - height) // 2
    return np.asarray(resized.crop((left, top, left + width, top + height)), np.uint8)


async def read_picture(request: Request) -> Response:
    """What the world reads in a picture, to be confirmed; refused with the reason where it does not trust it."""
    hub = desks_of(request).hub
    spec = hub.model.spec
    if spec is None:
        raise HttpProblem(503, "model", str(hub.problem))
    if len(spec.cameras) != 1:
        raise HttpProblem(400, "mismatch", f"this world sees {len(spec.cameras)} cameras; one picture is not enough")
    picture = await hub.store(open_picture, await request.body(), spec.cameras[0].height, spec.cameras[0].width)
    name = f"picture-{secrets.token_hex(6)}"
    try:
        first = await hub.first_of_picture(name, picture)
    except ModelError as error:
        raise HttpProblem(422, "model", str(error)) from error
    state = tuple(float(number) for number in first.node.observation.state)
    return reply(ScenePreview(name, state, tuple(number.name for number in spec.state), True, None))


async def begin(request: Request) -> Response:
    """Begins a session with a picture that was read before."""
    hub = desks_of(request).hub
    name = await hub.begin_picture(request.path_params["scene"], user_of(request).name)
    return reply(Begun(name), 201)
