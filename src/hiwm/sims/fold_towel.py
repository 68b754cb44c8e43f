"""Fold Towel on a table: two hands carry a towel's near edge over to its far edge, so that the pale back shows."""

from __future__ import annotations

from dataclasses import dataclass, field

import mujoco
import numpy as np

from hiwm.sims import towel_mesh as mesh
from hiwm.sims.arena import Parts, grasp_xml
from hiwm.sims.looks import Colour, Look
from hiwm.sims.physics import Graspable, Holds
from hiwm.sims.robot import Reach
from hiwm.types import Doubles, Floats, Reading

MATCH_M = 0.03
"""A vertex this near to its mirror partner lies where a fold puts it."""
MATCH_SHARE = 0.90
AREA = (0.40, 0.66)
"""Share of the flat towel's area that a towel folded once covers; less is folded twice or crumpled."""
PLACE_M, TURN_RAD = 0.03, np.radians(20)
"""A start's range of place and turn, both ways."""
LOOKOUTS = (0, 2, 5, 8, 10)
"""Rows and columns of the vertices in the truth; LOOKOUTS[4 - k] mirrors LOOKOUTS[k]."""

_RED: Colour = (0.80, 0.20, 0.23)
_CELL_M = 0.006
_HALF = mesh.SIDE // 2 * mesh.SIDE
_FLAT_GAP_M = float(2 * np.abs(mesh.REST[:_HALF, 1]).mean())


def mirror_gaps(vertices_v3: Doubles) -> Doubles:
    """(N,) distance in m of each vertex of the near half from its partner in the far half; the middle row has none."""
    grid = vertices_v3.reshape(mesh.SIDE, mesh.SIDE, 3)
    return np.asarray(np.linalg.norm((grid - grid[::-1]).reshape(-1, 3)[:_HALF], axis=1))


def _refinement() -> Doubles:
    """(M, SIDE) interpolates a side linearly, about 4.5 mm apart."""
    fine = np.linspace(0, mesh.SIDE - 1, 6 * (mesh.SIDE - 1) + 1)
    return np.asarray(np.maximum(0, 1 - np.abs(fine[:, None] - np.arange(mesh.SIDE))))


_REFINE = _refinement()


def _covered_cells(vertices_v3: Doubles) -> int:
    grid = vertices_v3.reshape(mesh.SIDE, mesh.SIDE, 3)
    x, y = (np.floor(_REFINE @ grid[..., axis] @ _REFINE.T / _CELL_M).astype(int) for axis in range(2))
    return len(np.unique(x * 4096 + y))


_FLAT_CELLS = _covered_cells(mesh.REST)


def covered_area(vertices_v3: Doubles) -> float:
    """Area of the table that the towel covers, as a share of what it covers when flat; counted in cells of 6 mm."""
    return _covered_cells(vertices_v3) / _FLAT_CELLS


@dataclass
class FoldTowel:
    """Physics of Fold Towel: the near edge is to be carried over to the far edge.

    Success: more than 90 % of the vertices within 3 cm of their mirror partner (either half may be the upper one),
    covered area 0.40-0.66 of the flat towel's, and neither hand holds it. Progress: 1 at success, else 0.99 (1 - mean
    distance of mirror partners / that of a flat towel), at least 0. Truth: x, y, z in m of a 5x5 choice of the
    vertices, rows from near to far, columns from left to right. Extra: (V,) contact radii of the vertices in m.
    """

    name: str = "fold_towel"
    reach: tuple[Reach, Reach] = (Reach(x=(-0.26, 0.10)), Reach(x=(-0.10, 0.26)))
    home: Doubles = field(
        default_factory=lambda: np.array([-0.22, 0.0, 0.12, 0, 0, 0, 1, 0.22, 0.0, 0.12, 0, 0, 0, 1], float)
    )
    truth_names: tuple[str, ...] = tuple(
        f"towel_{row}_{column}_{axis}" for row in range(5) for column in range(5) for axis in "xyz"
    )

    def parts(self, look: Look) -> Parts:
        """The towel, its two faces, and the hands' grasps."""
        return Parts(
            bodies=mesh.vertices_xml(),
            defaults=mesh.defaults_xml(),
            assets_xml=mesh.assets_xml(),
            equality='<flex flex="towel" solref="0.02 1"/>' + grasp_xml(),
            deformable=mesh.deformable_xml(),
            timestep_s=0.01,
            assets=mesh.assets(look.object_rgb or _RED),
        )

    def bind(self, model: mujoco.MjModel) -> None:
        """Finds the vertices. Elliptic cones need three rows a contact instead of four."""
        model.opt.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
        self._bodies = np.array([model.body(mesh.vertex_name(i)).id for i in range(mesh.SIDE**2)])
        self._geoms = model.body_geomadr[self._bodies]
        self._joints = model.jnt_qposadr[model.body_jntadr[self._bodies]]
        chosen = np.array(LOOKOUTS)
        self._lookouts = (chosen[:, None] * mesh.SIDE + chosen).ravel()

    def graspable(self) -> Graspable | None:
        """Every vertex, from 3 cm."""
        return Graspable(self._bodies, (0.0, 0.0, 0.0), 0.03)

    def place(self, data: mujoco.MjData, rng: np.random.Generator) -> Doubles:
        """Flat, front up, up to 3 cm from the middle and turned by up to 20 degrees."""
        turn = rng.uniform(-TURN_RAD, TURN_RAD)
        shift = rng.uniform(-PLACE_M, PLACE_M, 2)
        c, s = np.cos(turn), np.sin(turn)
        place = mesh.REST[:, :2] @ np.array([[c, s], [-s, c]]) + shift
        data.qpos[self._joints[:, None] + np.arange(2)] = place - mesh.REST[:, :2]
        return np.full(mesh.SIDE**2, mesh.RADIUS_M)

    def write_extra(self, model: mujoco.MjModel, extra: Doubles) -> None:
        """Writes the contact radii; the bounding radius must follow, or contacts are missed."""
        model.geom_size[self._geoms, 0] = extra
        model.geom_rbound[self._geoms] = extra

    def next_extra(self, data: mujoco.MjData, extra: Doubles) -> Doubles:
        """The contact radii for what lies on what now."""
        return mesh.next_radii(data.xpos[self._bodies], extra)

    def truth(self, data: mujoco.MjData, extra: Doubles) -> Floats:
        """(75,) the lookouts' places."""
        return np.asarray(data.xpos[self._bodies[self._lookouts]], np.float32).ravel()

    def read(self, data: mujoco.MjData, extra: Doubles, holds: Holds) -> Reading:
        """Progress and success from all vertices."""
        vertices = data.xpos[self._bodies]
        gaps = mirror_gaps(vertices)
        progress = float(max(0.0, 0.99 * (1 - gaps.mean() / _FLAT_GAP_M)))
        folded = holds == (None, None) and float((gaps < MATCH_M).mean()) > MATCH_SHARE
        if folded and AREA[0] < covered_area(vertices) < AREA[1]:
            return Reading(1.0, True, 1.0)
        return Reading(progress, False, 1.0)
