"""Route Rope on a table: a rope is laid through two slots, each a pair of pegs on a plate.

The rope is a chain of capsules with ball joints, built from its middle outwards: two short branches cost less than one
long one. Each segment's frame stands in its middle with x along the rope.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import mujoco
import numpy as np

from hiwm.sims.arena import Parts, grasp_xml, numbers
from hiwm.sims.looks import Colour, Look
from hiwm.sims.physics import Graspable, Holds
from hiwm.sims.robot import Reach
from hiwm.types import Doubles, Floats, Reading

SEGMENTS = 21
SEGMENT_M = 0.020
LENGTH_M = SEGMENTS * SEGMENT_M
RADIUS_M = 0.0108
MASS_KG = 0.06
PEG_RADIUS_M = 0.009
PEG_TOP_M = 0.034
PEG_FROM_MIDDLE_M = 0.029
"""A slot's pegs stand this far to both sides of its middle."""
PLATE_M = 0.0012
FAR_M = 0.30
"""Distance of the rope from a slot's middle at which that slot adds nothing to progress."""

type Slots = tuple[tuple[float, float, float], tuple[float, float, float]]
"""Left and right slot: x, y in m, and the turn in rad of the way through it (0 = along x)."""

_MIDDLE = SEGMENTS // 2
_BLUE: Colour = (0.13, 0.33, 0.80)
_RED = "0.80 0.20 0.18 1"
_WHITE = "0.96 0.96 0.94 1"
_PLATE = "0.20 0.22 0.26 1"
# Friction in the joints lets the rope rest where it lies: a spring alone creeps straight for seconds.
_DEFAULTS_XML = """
    <default class="rope">
      <joint type="ball" stiffness="0.003" damping="0.0015" frictionloss="0.0008" armature="2e-5"/>
      <geom type="capsule" contype="8" conaffinity="8" friction="0.5 0.005 0.0001"/>
    </default>"""


def crossings(points_n3: Doubles, slot: Doubles) -> Doubles:
    """(K, 2) where a line of points crosses a slot's peg line: sideways from the slot's middle, and height, in m."""
    c, s = np.cos(slot[2]), np.sin(slot[2])
    x, y = (points_n3[:, :2] - slot[:2]).T
    along, sideways = c * x + s * y, c * y - s * x
    i = np.flatnonzero((along[:-1] < 0) != (along[1:] < 0))
    share = along[i] / (along[i] - along[i + 1])
    line = np.stack([sideways, points_n3[:, 2]], 1)
    return np.asarray(line[i] + share[:, None] * (line[i + 1] - line[i]))


def threaded(points_n3: Doubles, slot: Doubles) -> bool:
    """True when a line of points runs between a slot's pegs, below their tops."""
    crossed = crossings(points_n3, slot)
    return bool(((np.abs(crossed[:, 0]) < PEG_FROM_MIDDLE_M) & (crossed[:, 1] < PEG_TOP_M)).any())


def distance_m(points_n3: Doubles, slot: Doubles) -> float:
    """From a slot's middle, where the rope's axis shall lie, to the nearest place on a line of points."""
    middle = np.array([slot[0], slot[1], RADIUS_M])
    start, way = points_n3[:-1], np.diff(points_n3, axis=0)
    share = np.clip(((middle - start) * way).sum(1) / np.maximum((way**2).sum(1), 1e-12), 0, 1)
    return float(np.linalg.norm(start + share[:, None] * way - middle, axis=1).min())


@dataclass
class RouteRope:
    """Physics of Route Rope.

    Success: the rope's axis runs between the pegs of both slots, below their tops, and no hand holds it. Progress: 1 at
    success; else the mean over the slots of 0.95 where the rope is through, and of 0.9 (1 - distance / 0.30 m), at
    least 0, where it is not; the distance is that of the rope's nearest place from the slot's middle. Truth: x y z of
    the 22 ends of the segments in m, then x, y (m) and turn (rad) of the left and of the right slot.
    """

    name: str = "route_rope"
    reach: tuple[Reach, Reach] = (
        Reach(x=(-0.26, 0.12), turn=(-0.2, 2.6)),
        Reach(x=(-0.12, 0.26), turn=(-0.2, 2.6)),
    )
    home: Doubles = field(
        default_factory=lambda: np.array(
            [-0.19, 0.03, 0.10, 0, 0, np.pi / 2, 1, 0.19, 0.03, 0.10, 0, 0, np.pi / 2, 1], float
        )
    )
    truth_names: tuple[str, ...] = (
        *(f"rope_{i}_{axis}" for i in range(SEGMENTS + 1) for axis in "xyz"),
        *(f"{side}_slot_{number}" for side in ("left", "right") for number in ("x", "y", "turn")),
    )

    def parts(self, look: Look) -> Parts:
        """The rope, made from its middle outwards, and two slots that each scene puts in place."""
        rgb = np.array(look.object_rgb or _BLUE)
        branches = "".join(_branch_xml(rgb, side) for side in (-1, 1))
        bodies = (
            f'<body name="rope_{_MIDDLE}" pos="0 0 {RADIUS_M}"><freejoint name="rope"/>'
            f"{_segment_xml(rgb, _MIDDLE)}{branches}</body>{_slot_xml('left')}{_slot_xml('right')}"
        )
        skipped = "".join(f'<exclude body1="rope_{i}" body2="rope_{i + 2}"/>' for i in range(SEGMENTS - 2))
        return Parts(
            bodies,
            defaults=_DEFAULTS_XML,
            equality=grasp_xml(),
            contact=skipped,
            timestep_s=0.005,
            fingers_collide=False,
        )

    def bind(self, model: mujoco.MjModel) -> None:
        """Finds the segments, their joints, and the slots."""
        self._segments = np.array([model.body(f"rope_{i}").id for i in range(SEGMENTS)])
        self._joints = model.jnt_qposadr[model.body_jntadr[self._segments]]
        self._slots = [model.body(f"{side}_slot").id for side in ("left", "right")]

    def graspable(self) -> Graspable | None:
        """Any segment by its middle."""
        return Graspable(self._segments, (0.0, 0.0, 0.0), near_m=0.022)

    def place(self, data: mujoco.MjData, rng: np.random.Generator) -> Slots:
        """A wavy rope in the lower part of the table, wholly in view; slots in the upper part."""
        middles, headings = _wavy_rope(rng)
        for i, joint in enumerate(self._joints):
            inner = i + int(np.sign(_MIDDLE - i))
            half = (headings[i] - (headings[inner] if i != _MIDDLE else 0.0)) / 2
            turn = [np.cos(half), 0, 0, np.sin(half)]
            free = i == _MIDDLE
            data.qpos[joint : joint + 4 + 3 * free] = [*middles[i], RADIUS_M, *turn] if free else turn
        return _random_slots(rng)

    def write_extra(self, model: mujoco.MjModel, extra: Slots) -> None:
        """Puts the slots in their places."""
        for body, (x, y, turn) in zip(self._slots, extra, strict=True):
            model.body_pos[body] = x, y, 0
            model.body_quat[body] = np.cos(turn / 2), 0, 0, np.sin(turn / 2)

    def next_extra(self, data: mujoco.MjData, extra: Slots) -> Slots:
        """The slots stay."""
        return extra

    def rope(self, data: mujoco.MjData) -> Doubles:
        """(22, 3) ends of the segments along the rope; where two meet, the middle between them, m."""
        middles, half = data.xpos[self._segments], data.xmat[self._segments][:, [0, 3, 6]] * (SEGMENT_M / 2)
        return np.concatenate([middles[:1] - half[:1], middles + half])

    def truth(self, data: mujoco.MjData, extra: Slots) -> Floats:
        """(72,) the rope's points, then the slots."""
        return np.concatenate([self.rope(data).ravel(), np.ravel(extra)]).astype(np.float32)

    def read(self, data: mujoco.MjData, extra: Slots, holds: Holds) -> Reading:
        """Progress and success from the rope's axis and the hands' holds."""
        points = self.rope(data)
        through = [threaded(points, np.array(slot)) for slot in extra]
        if all(through) and holds == (None, None):
            return Reading(1.0, True, 1.0)
        near = [max(0.0, 1 - distance_m(points, np.array(slot)) / FAR_M) for slot in extra]
        parts = [0.95 if done else 0.9 * share for done, share in zip(through, near, strict=True)]
        return Reading(sum(parts) / 2, False, 1.0)


def _segment_xml(rgb: Doubles, i: int) -> str:
    """The capsule of segment i; shades take turns like the strands of a rope."""
    shade = 1.0 if i % 2 else 0.82
    half = SEGMENT_M / 2
    return (
        f'<geom class="rope" fromto="{-half} 0 0 {half} 0 0" size="{RADIUS_M}" mass="{MASS_KG / SEGMENTS:.6f}" '
        f'rgba="{numbers(rgb * shade)} 1"/>'
    )


def _branch_xml(rgb: Doubles, side: int) -> str:
    """Half of the rope from the middle segment outwards; side -1 towards its first point, 1 towards its last."""
    opened = "".join(
        f'<body name="rope_{i}" pos="{side * SEGMENT_M} 0 0">'
        f'<joint class="rope" pos="{-side * SEGMENT_M / 2} 0 0"/>{_segment_xml(rgb, i)}'
        for i in (_MIDDLE + side * k for k in range(1, _MIDDLE + 1))
    )
    return opened + "</body>" * _MIDDLE


def _slot_xml(side: str) -> str:
    """A plate with two pegs that have white tops; the way through runs along the body's x."""
    pegs = "".join(
        f'<geom type="capsule" fromto="0 {y} 0 0 {y} {PEG_TOP_M - PEG_RADIUS_M}" size="{PEG_RADIUS_M}" rgba="{_RED}" '
        f'contype="1" conaffinity="8" friction="0.3 0.005 0.0001"/>'
        f'<geom type="sphere" pos="0 {y} {PEG_TOP_M - PEG_RADIUS_M + 0.0008}" size="{PEG_RADIUS_M}" rgba="{_WHITE}" '
        f'contype="0" conaffinity="0"/>'
        for y in (-PEG_FROM_MIDDLE_M, PEG_FROM_MIDDLE_M)
    )
    plate = numbers([PEG_RADIUS_M + 0.007, PEG_FROM_MIDDLE_M + PEG_RADIUS_M + 0.007, PLATE_M / 2])
    return (
        f'<body name="{side}_slot"><geom type="box" size="{plate}" pos="0 0 {PLATE_M / 2}" rgba="{_PLATE}" '
        f'contype="0" conaffinity="0"/>{pegs}</body>'
    )


def _wavy_rope(rng: np.random.Generator) -> tuple[Doubles, Doubles]:
    """Segment middles (21, 2) and headings (21,): a wave, shifted and turned, drawn again until it is well in view."""
    along = np.linspace(0, 1, SEGMENTS)
    while True:
        wave = rng.uniform(0.3, 0.75) * np.sin(2 * np.pi * (rng.uniform(0.8, 1.6) * along + rng.random()))
        headings = rng.uniform(-0.25, 0.25) + wave - wave.mean()
        steps = np.stack([np.cos(headings), np.sin(headings)], 1) * SEGMENT_M
        middles = np.cumsum(steps, 0) - steps / 2
        middles += np.array([rng.uniform(-0.03, 0.03), rng.uniform(-0.18, -0.09)]) - middles.mean(0)
        x, y = middles.T
        if np.abs(x).max() < 0.225 and y.min() > -0.225 and y.max() < -0.05:
            return middles, headings


def _random_slots(rng: np.random.Generator) -> Slots:
    """Slots 0.13 .. 0.19 m apart, a few centimetres to and fro, each turned by up to 25 degrees."""
    middle, level = rng.uniform(-0.025, 0.025), rng.uniform(0.055, 0.115)
    left, right = (
        (
            float(middle + side * rng.uniform(0.065, 0.095)),
            float(level + rng.uniform(-0.015, 0.015)),
            float(rng.uniform(-0.44, 0.44)),
        )
        for side in (-1, 1)
    )
    return left, right
