"""Draws pictures of a model's state, with cheap flat shadows.

Shadow maps cost four times the picture itself in software rendering. The table is a plane and the light is parallel,
so a shadow is the object pressed flat along the light: every moving shape is drawn a second time through that shear,
dark and translucent. It shows how high a hand is, which a view from above hardly does otherwise.
"""

from __future__ import annotations

import mujoco
import numpy as np

from hiwm.types import Picture

_SHADOW_RGBA = (0.03, 0.03, 0.06, 0.30)
_CASTING = frozenset(
    int(kind) for kind in (mujoco.mjtGeom.mjGEOM_BOX, mujoco.mjtGeom.mjGEOM_CAPSULE, mujoco.mjtGeom.mjGEOM_CYLINDER)
)
_OFF = (mujoco.mjtRndFlag.mjRND_REFLECTION, mujoco.mjtRndFlag.mjRND_SKYBOX, mujoco.mjtRndFlag.mjRND_HAZE)
_ABOVE_TABLE_M = 0.0016
_LOWEST_CASTING_M = 0.004


class Painter:
    """Renderers for one model, one per picture size, made when first needed."""

    def __init__(self, model: mujoco.MjModel) -> None:
        self._model = model
        self._renderers: dict[int, mujoco.Renderer] = {}
        x, y, z = model.light("key").dir
        self._shear = np.array([[1, 0, -x / z], [0, 1, -y / z], [0, 0, 0]])

    def paint(self, data: mujoco.MjData, camera: str, size: int, *, shadows: bool = True) -> Picture:
        """(size, size, 3) uint8 from a camera of the model."""
        if size not in self._renderers:
            self._renderers[size] = mujoco.Renderer(self._model, size, size)
        renderer = self._renderers[size]
        renderer.update_scene(data, camera)
        for flag in _OFF:
            renderer.scene.flags[flag] = 0
        if shadows:
            self._add_shadows(renderer.scene)
        picture: Picture = renderer.render()
        return picture.copy()

    def close(self) -> None:
        """Frees the renderers; a second call does nothing."""
        for renderer in self._renderers.values():
            renderer.close()
        self._renderers = {}

    def _add_shadows(self, scene: mujoco.MjvScene) -> None:
        for i in range(scene.ngeom):
            geom = scene.geoms[i]
            if int(geom.type) not in _CASTING or geom.rgba[3] < 1 or geom.pos[2] < _LOWEST_CASTING_M:
                continue
            shadow = scene.geoms[scene.ngeom]
            place = self._shear @ geom.pos
            place[2] = _ABOVE_TABLE_M
            mujoco.mjv_initGeom(
                shadow, geom.type, geom.size.astype(float), place, np.eye(3).ravel(), np.array(_SHADOW_RGBA, np.float32)
            )
            shadow.size[:] = geom.size
            shadow.mat[:] = self._shear @ geom.mat
            shadow.emission = 0
            scene.ngeom += 1
