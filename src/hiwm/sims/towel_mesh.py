"""The towel as MuJoCo knows it: a square grid of point masses, held together along its edges, drawn by two skins.

Native contact of a flex with itself is too slow, so where the towel lies on itself its vertices get a larger contact
radius against the table instead: they come to rest that much higher. MuJoCo draws a flex with one material on both
sides, so the flex only carries the edge constraint and is not drawn; a front and a back skin, wound in opposite
directions, show the two faces.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hiwm.sims.arena import numbers
from hiwm.sims.looks import Colour, png
from hiwm.types import Doubles

SIDE = 11
"""Vertices along one side; vertex `row * SIDE + column`, row 0 nearest to the robot's y = -0.25 edge, column 0 left."""
WIDTH_M = 0.27
SPACING_M = WIDTH_M / (SIDE - 1)
RADIUS_M = 0.005
"""Contact radius of a vertex that lies on the bare table."""
MASS_KG = 0.12
_CREAM: Colour = (0.95, 0.93, 0.86)

LAYER_M = 0.008
"""How much higher a vertex rests for each layer of towel that is under it."""
_MOST_LAYERS = 3
_ABOVE_M = 0.001
"""Height by which the towel around a vertex must be above that around another one to lie on it."""
_RADIUS_STEP_M = 0.004
"""Most that the radius of a vertex in contact changes in one control step, so that nothing is thrown up."""

type Ints = np.ndarray[Any, np.dtype[np.int64]]


def _grid() -> Doubles:
    """(SIDE * SIDE, 3) the flat towel, middle at the origin, in m."""
    line = np.linspace(-WIDTH_M / 2, WIDTH_M / 2, SIDE)
    x, y = np.meshgrid(line, line)
    return np.stack([x.ravel(), y.ravel(), np.full(x.size, RADIUS_M)], 1)


REST = _grid()


def _triangles() -> Ints:
    """(N, 3) vertex numbers, counter-clockwise from above; the diagonals alternate, so that no direction is stiffer."""
    out = []
    for row in range(SIDE - 1):
        for column in range(SIDE - 1):
            a = row * SIDE + column
            b, c, d = a + 1, a + SIDE, a + SIDE + 1
            out += [(a, b, d), (a, d, c)] if (row + column) % 2 == 0 else [(a, b, c), (b, d, c)]
    return np.array(out)


def vertex_name(vertex: int) -> str:
    """Name of a vertex's body."""
    return f"towel_{vertex}"


def vertices_xml() -> str:
    """One body a vertex, on three slides, with a sphere that meets the table only."""
    slides = "".join(f'<joint type="slide" axis="{axis}" class="towel"/>' for axis in ("1 0 0", "0 1 0", "0 0 1"))
    return "".join(
        f'<body name="{vertex_name(i)}" pos="{numbers(place)}">{slides}<geom class="towel"/></body>'
        for i, place in enumerate(REST)
    )


def defaults_xml() -> str:
    """Air drag and inertia of a vertex, and its contact with the table.

    The spheres are compiled with their largest radius: MuJoCo's search for contacts keeps boxes of that size for ever,
    and would overlook a sphere that outgrows its box.
    """
    largest = RADIUS_M + _MOST_LAYERS * LAYER_M
    return (
        '<default class="towel"><joint damping="0.004" armature="0.0002"/>'
        f'<geom type="sphere" size="{largest}" mass="{MASS_KG / SIDE**2:.6f}" contype="8" conaffinity="0" '
        'condim="3" friction="0.3 0.005 0.0001" rgba="0 0 0 0" group="4"/></default>'
    )


def deformable_xml() -> str:
    """The flex that carries the edge constraint, and the two skins that are seen."""
    names = " ".join(vertex_name(i) for i in range(SIDE**2))
    flex = (
        f'<flex name="towel" dim="2" radius="0.001" body="{names}" vertex="{numbers(np.zeros(3 * SIDE**2))}" '
        f'element="{" ".join(map(str, _triangles().ravel()))}" group="4" rgba="0 0 0 0">'
        '<contact contype="0" conaffinity="0" selfcollide="none"/></flex>'
    )
    triangles = _triangles()
    front, back = _skin_xml("front", triangles), _skin_xml("back", triangles[:, ::-1])
    return flex + front + back


def _skin_xml(face: str, triangles: Ints) -> str:
    bones = "".join(
        f'<bone body="{vertex_name(i)}" bindpos="{numbers(place)}" bindquat="1 0 0 0" vertid="{i}" vertweight="1"/>'
        for i, place in enumerate(REST)
    )
    texture = REST[:, :2] / WIDTH_M + 0.5
    return (
        f'<skin name="towel_{face}" material="towel_{face}" inflate="0.0012" vertex="{numbers(REST.ravel())}" '
        f'texcoord="{numbers(texture.ravel())}" face="{" ".join(map(str, triangles.ravel()))}">{bones}</skin>'
    )


def assets_xml() -> str:
    """Textures and materials of both faces."""
    return "".join(
        f'<texture name="towel_{face}" type="2d" file="towel_{face}.png"/>'
        f'<material name="towel_{face}" texture="towel_{face}" specular="0.02" shininess="0.05"/>'
        for face in ("front", "back")
    )


def assets(front: Colour) -> dict[str, bytes]:
    """Textures as PNG files: stripes woven in, pale on the front, in the front's colour on the pale back."""
    size = 128
    weave = np.indices((size, size)).sum(0) // 2 % 2
    shade = (1 - 0.06 * weave)[..., None]
    striped = np.zeros((size, 1, 1), bool)
    for low, high in ((0.08, 0.14), (0.17, 0.19), (0.81, 0.83), (0.86, 0.92)):
        striped[int(low * size) : int(high * size)] = True
    faces = {"front": (front, _CREAM), "back": (_CREAM, front)}
    return {
        f"towel_{face}.png": png((np.where(striped, stripe, ground) * shade * 255).astype(np.uint8))
        for face, (ground, stripe) in faces.items()
    }


def _far_in_the_weave() -> np.ndarray[Any, np.dtype[np.bool_]]:
    """(V, V) whether two vertices are not direct neighbours, so that one can lie on the other."""
    row, column = np.divmod(np.arange(SIDE**2), SIDE)
    apart = np.maximum(np.abs(row[:, None] - row), np.abs(column[:, None] - column))
    return np.asarray(apart > 1)


def _around() -> Doubles:
    """(V, V) averages a vertex with its direct neighbours."""
    row, column = np.divmod(np.arange(SIDE**2), SIDE)
    near = np.maximum(np.abs(row[:, None] - row), np.abs(column[:, None] - column)) <= 1
    return np.asarray(near / near.sum(1, keepdims=True))


_CAN_OVERLAP = _far_in_the_weave()
_AROUND = _around()


def layers_under(vertices_v3: Doubles) -> Ints:
    """(V,) how many layers of towel are under each vertex: those lower ones nearer than 3/4 of the spacing, and theirs.

    What is lower is decided by heights averaged over neighbours: next to a fold single vertices lie equally high.
    """
    gap = vertices_v3[:, None, :2] - vertices_v3[None, :, :2]
    height = _AROUND @ vertices_v3[:, 2]
    over = _CAN_OVERLAP & ((gap**2).sum(-1) < (0.75 * SPACING_M) ** 2)
    over &= height[:, None] > height + _ABOVE_M
    layers = np.zeros(SIDE**2, np.int64)
    for _ in range(_MOST_LAYERS):
        layers = np.where(over, layers[None] + 1, 0).max(1)
    return layers


def next_radii(vertices_v3: Doubles, radii_v: Doubles) -> Doubles:
    """(V,) contact radii after a control step, in m: at once for a vertex in the air, gradually for one in contact."""
    wanted = RADIUS_M + LAYER_M * layers_under(vertices_v3)
    gradual = np.clip(wanted, radii_v - _RADIUS_STEP_M, radii_v + _RADIUS_STEP_M)
    free = np.minimum(wanted, vertices_v3[:, 2] - 0.0005)
    return np.asarray(np.maximum(gradual, free))
