"""The bimanual robot: two position-controlled Cartesian hands over a table, 14 numbers of action and of state.

Per arm, left then right: x y z of the fingertips in m (table frame: origin at the middle of the table top, z up),
rotation vector in rad (zero = gripper straight down, fingers along x), gripper 0 closed .. 1 open. There is no inverse
kinematics: slides and hinges are driven directly, and a tendon from a post stands in for the arm, so that both are
seen.
"""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np

from hiwm.sims.rotation import hinges_from_rotvec, rotvec_from_hinges
from hiwm.spec import NumberSpec
from hiwm.types import Doubles, Floats

ARMS = ("left", "right")
FPS = 10
MAX_SPEED_MPS = 0.6
MAX_TURN_RADPS = 4.0
FINGER_OPEN_M, FINGER_CLOSED_M = 0.026, 0.003
"""Half the gap between the fingers."""
FINGER_RADIUS_M = 0.008
POST_X_M = 0.46

_JOINTS = ("x", "y", "z", "yaw", "pitch", "roll", "finger_l", "finger_r")
_DARK = "0.17 0.19 0.23 1"
_ACCENT = {"left": "0.08 0.60 0.62 1", "right": "0.95 0.47 0.12 1"}


@dataclass(frozen=True)
class Reach:
    """Ranges of one arm's numbers; commands outside are clipped to them. Metres and radians."""

    x: tuple[float, float] = (-0.24, 0.24)
    y: tuple[float, float] = (-0.23, 0.23)
    z: tuple[float, float] = (0.006, 0.16)
    tilt: tuple[float, float] = (-0.6, 0.6)
    turn: tuple[float, float] = (-1.75, 1.75)

    def numbers(self, arm: str) -> tuple[NumberSpec, ...]:
        """The arm's seven numbers as they stand in action and state."""
        ranges = (self.x, self.y, self.z, self.tilt, self.tilt, self.turn, (0.0, 1.0))
        units = ("m", "m", "m", "rad", "rad", "rad", "0 closed .. 1 open")
        names = ("x", "y", "z", "rx", "ry", "rz", "gripper")
        return tuple(
            NumberSpec(f"{arm}_{name}", unit, low, high)
            for name, unit, (low, high) in zip(names, units, ranges, strict=True)
        )


def arm_xml(arm: str, *, fingers_collide: bool) -> str:
    """MJCF of one hand on its slides and hinges, and of the post that its arm comes from."""
    side = -1 if arm == "left" else 1
    contact = 'contype="2" conaffinity="1"' if fingers_collide else 'contype="0" conaffinity="0"'
    accent = _ACCENT[arm]
    axes = {"x": "1 0 0", "y": "0 1 0", "z": "0 0 1", "yaw": "0 0 1", "pitch": "0 1 0"}
    opened = "".join(
        f'<body name="{arm}_{joint}" gravcomp="1"><joint name="{arm}_{joint}" type="{kind}" axis="{axes[joint]}" '
        f'class="{kind}"/><inertial pos="0 0 0" mass="{mass}" diaginertia="1e-4 1e-4 1e-4"/>'
        for joint, kind, mass in (
            ("x", "slide", 0.05), ("y", "slide", 0.05), ("z", "slide", 0.05),
            ("yaw", "hinge", 0.02), ("pitch", "hinge", 0.02),
        )
    )  # fmt: skip
    fingers = "".join(
        f'<body name="{arm}_{joint}" gravcomp="1">'
        f'<joint name="{arm}_{joint}" type="slide" axis="{sign} 0 0" class="finger"/>'
        f'<geom type="capsule" size="{FINGER_RADIUS_M} 0.028" pos="{sign * 0.006} 0 0.033" rgba="{accent}" mass="0.03" '
        f'friction="1.2 0.01 0.001" {contact}/></body>'
        for joint, sign in (("finger_l", -1), ("finger_r", 1))
    )
    return f"""
    <body name="{arm}_post" pos="{side * POST_X_M} 0 0">
      <geom type="cylinder" size="0.05 0.11" pos="0 0 0.11" rgba="{_DARK}" contype="0" conaffinity="0"/>
      <site name="{arm}_shoulder" pos="0 0 0.2" size="0.004" rgba="0 0 0 0"/>
    </body>
    {opened}
    <body name="{arm}_hand" gravcomp="1"><joint name="{arm}_roll" type="hinge" axis="1 0 0" class="hinge"/>
      <inertial pos="0 0 0.06" mass="0.3" diaginertia="4e-4 4e-4 4e-4"/>
      <site name="{arm}_tip" pos="0 0 0" size="0.004" rgba="0 0 0 0"/>
      <site name="{arm}_wrist" pos="0 0 0.10" size="0.004" rgba="0 0 0 0"/>
      <geom type="box" size="0.036 0.015 0.009" pos="0 0 0.070" rgba="{_DARK}" contype="0" conaffinity="0"/>
      <geom type="cylinder" size="0.017 0.012" pos="0 0 0.091" rgba="{accent}" contype="0" conaffinity="0"/>
      {fingers}
    </body></body></body></body></body></body>"""


def tendons_xml() -> str:
    """The visible arms: a straight link from each post to its wrist."""
    return "".join(
        f'<spatial name="{arm}_link" width="0.014" rgba="{_DARK}">'
        f'<site site="{arm}_shoulder"/><site site="{arm}_wrist"/></spatial>'
        for arm in ARMS
    )


def actuators_xml() -> str:
    """Position servos for every joint of both hands."""
    gains = {
        "slide": 'kp="2500" kv="90" forcerange="-60 60"',
        "hinge": 'kp="20" kv="0.6" forcerange="-6 6"',
        "finger": 'kp="300" kv="6" forcerange="-8 8"',
    }
    kinds = ("slide",) * 3 + ("hinge",) * 3 + ("finger",) * 2
    return "".join(
        f'<position name="{arm}_{joint}" joint="{arm}_{joint}" {gains[kind]}/>'
        for arm in ARMS
        for joint, kind in zip(_JOINTS, kinds, strict=True)
    )


DEFAULTS_XML = """
    <default class="slide"><joint armature="0.05" damping="2"/></default>
    <default class="hinge"><joint armature="0.003" damping="0.02"/></default>
    <default class="finger"><joint armature="0.02" damping="1" range="0 0.04"/></default>"""


class RobotIndex:
    """Where the robot's joints, actuators and bodies are in a compiled model."""

    def __init__(self, model: mujoco.MjModel) -> None:
        names = [f"{arm}_{joint}" for arm in ARMS for joint in _JOINTS]
        self.qpos = np.array([model.joint(name).qposadr[0] for name in names])
        self.actuators = np.array([model.actuator(name).id for name in names])
        self.hands = [model.body(f"{arm}_hand").id for arm in ARMS]
        self.tips = [model.site(f"{arm}_tip").id for arm in ARMS]

    def measured(self, data: mujoco.MjData) -> Floats:
        """(14,) robot state."""
        joints = data.qpos[self.qpos].reshape(2, 8)
        pose = np.empty((2, 7))
        for arm in range(2):
            pose[arm, :3] = joints[arm, :3]
            pose[arm, 3:6] = rotvec_from_hinges(joints[arm, 3:6])
            opening = (joints[arm, 6:].mean() - FINGER_CLOSED_M) / (FINGER_OPEN_M - FINGER_CLOSED_M)
            pose[arm, 6] = min(1.0, max(0.0, opening))
        return pose.ravel().astype(np.float32)

    def place(self, data: mujoco.MjData, command_14: Doubles) -> None:
        """Puts both hands exactly at a command."""
        targets = joint_targets(command_14)
        data.qpos[self.qpos] = targets
        data.ctrl[self.actuators] = targets


def joint_targets(command_14: Doubles) -> Doubles:
    """(16,) joint targets of a command (14,)."""
    out = np.empty((2, 8))
    for arm, pose in enumerate(command_14.reshape(2, 7)):
        out[arm, :3] = pose[:3]
        out[arm, 3:6] = hinges_from_rotvec(pose[3:6])
        out[arm, 6:] = FINGER_CLOSED_M + pose[6] * (FINGER_OPEN_M - FINGER_CLOSED_M)
    return out.ravel()


def limited_command(command_14: Doubles, target_14: Doubles, low_a: Doubles, high_a: Doubles) -> Doubles:
    """The command one step on towards a target: ranges first, then speed (0.6 m/s) and turn rate (4 rad/s)."""
    step = (np.clip(target_14, low_a, high_a) - command_14).reshape(2, 7)
    for arm in range(2):
        way = float(np.linalg.norm(step[arm, :3]))
        step[arm, :3] *= min(1.0, MAX_SPEED_MPS / FPS / max(way, 1e-9))
        turn = float(np.linalg.norm(step[arm, 3:6]))
        step[arm, 3:6] *= min(1.0, MAX_TURN_RADPS / FPS / max(turn, 1e-9))
    return np.asarray(command_14 + step.ravel())
