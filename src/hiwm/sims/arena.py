"""The MJCF around a task: table, light, cameras, distractors and the two hands."""

from __future__ import annotations

from dataclasses import dataclass, field

import mujoco
import numpy as np

from hiwm.sims.looks import Look, table_png
from hiwm.sims.robot import ARMS, DEFAULTS_XML, actuators_xml, arm_xml, tendons_xml

VIEW_M = 0.54
"""Width of the table that the top camera sees: the workspace fills the picture."""
CAMERA_HEIGHT_M = 1.6


@dataclass(frozen=True)
class Parts:
    """What a task adds to the arena, as MJCF fragments. `assets` maps file names to bytes."""

    bodies: str
    defaults: str = ""
    assets_xml: str = ""
    equality: str = ""
    contact: str = ""
    deformable: str = ""
    timestep_s: float = 0.004
    fingers_collide: bool = True
    assets: dict[str, bytes] = field(default_factory=dict)


def numbers(values: object) -> str:
    """Numbers as MJCF wants them."""
    return " ".join(f"{v:.6g}" for v in np.atleast_1d(np.asarray(values, float)))


def build_model(parts: Parts, look: Look) -> mujoco.MjModel:
    """Compiles the arena with a task in it."""
    rng = np.random.default_rng(look.seed)
    jitter = rng.normal(size=3) * look.camera_jitter_m
    top, angle = jitter + np.array([0, 0, CAMERA_HEIGHT_M]), jitter + np.array([0, -0.72, 0.72])
    light = np.array(look.light_rgb)
    fovy_deg = np.degrees(2 * np.arctan(VIEW_M / 2 / CAMERA_HEIGHT_M))
    xml = f"""<mujoco model="hiwm">
  <compiler angle="radian" autolimits="true"/>
  <option timestep="{parts.timestep_s}" integrator="implicitfast" solver="Newton" iterations="30" tolerance="1e-6"
          cone="pyramidal"/>
  <size memory="64M"/>
  <statistic extent="1.5" center="0 0 0.05"/>
  <visual>
    <quality offsamples="0" numslices="14" numstacks="6"/>
    <global offwidth="1024" offheight="1024"/>
    <headlight ambient="{numbers(light * 0.42)}" diffuse="{numbers(light * 0.14)}" specular="0 0 0"/>
    <map znear="0.1" zfar="4"/>
  </visual>
  <default>{DEFAULTS_XML}{parts.defaults}<geom solref="0.01 1"/></default>
  <asset>
    <texture name="table" type="2d" file="table.png"/>
    <material name="table" texture="table" texrepeat="1 1" specular="0.05" shininess="0.1"/>
    {parts.assets_xml}
  </asset>
  <worldbody>
    <light name="key" type="directional" pos="0 0 1.5" dir="{numbers(look.light_direction)}"
           diffuse="{numbers(light * 0.52)}" specular="0.12 0.12 0.12" castshadow="false"/>
    <camera name="top" pos="{numbers(top)}" xyaxes="1 0 0 0 1 0" fovy="{fovy_deg:.4f}"/>
    <camera name="angle" pos="{numbers(angle)}" xyaxes="1 0 0 0 0.7 0.7" fovy="34"/>
    <geom name="floor" type="plane" size="3 3 0.1" pos="0 0 -0.75" rgba="0.30 0.32 0.36 1"
          contype="0" conaffinity="0"/>
    <geom name="table" type="plane" size="0.5 0.5 0.02" material="table" contype="1" conaffinity="15"
          friction="0.8 0.005 0.0001"/>
    {_distractors_xml(rng, look.distractors)}
    {"".join(arm_xml(arm, fingers_collide=parts.fingers_collide) for arm in ARMS)}
    {parts.bodies}
  </worldbody>
  <tendon>{tendons_xml()}</tendon>
  <equality>{parts.equality}</equality>
  <contact>{parts.contact}</contact>
  <deformable>{parts.deformable}</deformable>
  <actuator>{actuators_xml()}</actuator>
</mujoco>"""
    return mujoco.MjModel.from_xml_string(xml, {"table.png": table_png(look), **parts.assets})


def _distractors_xml(rng: np.random.Generator, count: int) -> str:
    """Small coloured things near the lower and upper edge of the table; nothing collides with them."""
    out = ""
    for _ in range(count):
        place = [rng.uniform(-0.22, 0.22), rng.choice([-1, 1]) * rng.uniform(0.19, 0.24), 0.016]
        shape = rng.choice(["box", "cylinder", "sphere"])
        size = {"box": "0.016 0.016 0.016", "cylinder": "0.016 0.016", "sphere": "0.016"}[str(shape)]
        out += (
            f'<geom type="{shape}" size="{size}" pos="{numbers(place)}" euler="0 0 {rng.uniform(0, 1.5):.3f}" '
            f'rgba="{numbers(rng.uniform(0.1, 0.95, 3))} 1" contype="0" conaffinity="0"/>'
        )
    return out


def grasp_xml() -> str:
    """One inactive connect constraint per hand; grasping points it at a body and switches it on."""
    return "".join(
        f'<connect name="{arm}_grasp" body1="{arm}_hand" body2="world" anchor="0 0 0" active="false" solref="0.012 1"/>'
        for arm in ARMS
    )
