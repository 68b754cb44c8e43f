"""How a scene looks: table, object colour, light, distractors, camera jitter; and the textures, made by rule."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from hiwm.errors import UnknownName

type Colour = tuple[float, float, float]
"""Red, green, blue, each 0..1."""


@dataclass(frozen=True)
class Look:
    """The knobs of a scene's appearance; none of them changes the physics.

    object_rgb None keeps the task's own colour. light_direction points from the lamp down to the table.
    camera_jitter_m is the standard deviation of the camera's place. seed draws textures, distractors and jitter.
    """

    table: str = "wood"
    object_rgb: Colour | None = None
    light_rgb: Colour = (1.0, 1.0, 1.0)
    light_direction: tuple[float, float, float] = (0.35, -0.25, -1.0)
    distractors: int = 0
    camera_jitter_m: float = 0.0
    seed: int = 0


PLAIN = Look()
LOOKS: dict[str, Look] = {
    "plain": PLAIN,
    "appearance": replace(PLAIN, object_rgb=(0.93, 0.72, 0.13)),
    "background": replace(PLAIN, table="marble"),
    "distractors": replace(PLAIN, distractors=5, seed=2),
    "light": replace(PLAIN, light_rgb=(0.72, 0.78, 0.95), light_direction=(-0.5, 0.3, -1.0)),
    "camera": replace(PLAIN, camera_jitter_m=0.012, seed=4),
    "all": Look("green_mat", (0.95, 0.5, 0.1), (1.0, 0.92, 0.78), (-0.4, -0.3, -1.0), 4, 0.008, 7),
}


def load_look(name: str) -> Look:
    """The look of that name; raises UnknownName."""
    if name not in LOOKS:
        raise UnknownName("look", name, LOOKS)
    return LOOKS[name]


def _smooth_noise(rng: np.random.Generator, rows: int, columns: int, size: int) -> NDArray[np.float64]:
    """(size, size) noise in -0.5..0.5 from a coarse random grid, bicubic."""
    grid = Image.fromarray((rng.random((rows, columns)) * 255).astype(np.uint8))
    return np.asarray(grid.resize((size, size), Image.Resampling.BICUBIC), np.float64) / 255 - 0.5


def _wood(rng: np.random.Generator, base: tuple[int, int, int], size: int = 512, planks: int = 5) -> NDArray[np.uint8]:
    """Planks along x with a grain and dark seams."""
    y = np.linspace(0, planks, size, endpoint=False)
    plank = y.astype(int)
    shade = rng.uniform(-0.05, 0.05, planks)[plank][:, None]
    grain = 0.10 * _smooth_noise(rng, 96, 5, size) + 0.05 * _smooth_noise(rng, 24, 3, size)
    seam = np.where(np.abs(y - np.round(y)) < 0.012 * planks / 5, -0.16, 0.0)[:, None]
    return _tint(base, 1 + shade + grain + seam)


def _marble(rng: np.random.Generator, base: tuple[int, int, int], size: int = 512) -> NDArray[np.uint8]:
    """Veins: a folded sine of a turbulence field."""
    turbulence = sum(4 / k * _smooth_noise(rng, k, k, size) for k in (4, 8, 16, 32))
    across = np.linspace(0, 6 * np.pi, size)[None]
    veins = np.abs(np.sin(across + 6 * np.asarray(turbulence))) ** 0.3
    return _tint(base, 0.78 + 0.22 * veins)


def _mat(rng: np.random.Generator, base: tuple[int, int, int], size: int = 256) -> NDArray[np.uint8]:
    """A rubber or felt surface: fine grain only."""
    grain = Image.fromarray((rng.random((size, size)) * 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(1))
    return _tint(base, 1 + 0.25 * (np.asarray(grain, np.float64) / 255 - 0.5))


def _check(first: tuple[int, int, int], second: tuple[int, int, int], squares: int = 8) -> NDArray[np.uint8]:
    """A chequered cloth."""
    i = np.arange(256) * squares // 256
    odd = ((i[:, None] + i[None]) % 2)[..., None]
    return np.where(odd, np.array(first), np.array(second)).astype(np.uint8)


def _tint(base: tuple[int, int, int], brightness_hw: NDArray[np.float64]) -> NDArray[np.uint8]:
    return np.clip(np.array(base) * brightness_hw[..., None], 0, 255).astype(np.uint8)


TABLES: dict[str, Callable[[np.random.Generator], NDArray[np.uint8]]] = {
    "wood": lambda rng: _wood(rng, (205, 172, 132)),
    "dark_wood": lambda rng: _wood(rng, (112, 80, 58)),
    "grey": lambda rng: _mat(rng, (150, 154, 160)),
    "marble": lambda rng: _marble(rng, (226, 224, 222)),
    "green_mat": lambda rng: _mat(rng, (74, 122, 94)),
    "check": lambda rng: _check((212, 212, 218), (162, 176, 196)),
}


def table_png(look: Look) -> bytes:
    """The table's texture as a PNG file."""
    if look.table not in TABLES:
        raise UnknownName("table", look.table, TABLES)
    return png(TABLES[look.table](np.random.default_rng(look.seed)))


def png(pixels_hwc: NDArray[np.uint8]) -> bytes:
    """A PNG file of (H, W, 3) pixels."""
    buffer = io.BytesIO()
    Image.fromarray(pixels_hwc).save(buffer, "PNG")
    return buffer.getvalue()
