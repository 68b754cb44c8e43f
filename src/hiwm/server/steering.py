"""From what a person asks for to an action: velocities ramp, targets are followed at a bounded speed.

The first steered action goes on from the last commanded pose, whoever commanded it; so taking over makes no jump.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hiwm.errors import SpecMismatch
from hiwm.spec import NumberSpec, RobotSpec
from hiwm.types import Doubles, Floats

RAMP_S = 0.2
"""From rest to full speed."""
SPEEDS = {"m": 0.4, "rad": 2.0}
"""Most that a person moves a number in a second, by unit: two thirds of what the reference robot can."""
OTHER_SPEED = 0.5
"""The same for other units, in parts of the number's range."""
GRIPPER_S = 0.3
"""A number without a unit of length or angle and a range of 0..1 is a gripper, which closes in this time."""


@dataclass(frozen=True, eq=False)
class Motion:
    """Where the hands were last told to be (A,), and how fast they are moving (A,) a second."""

    commanded_a: Doubles
    velocity_a: Doubles

    @staticmethod
    def at(commanded_a: Floats | Doubles) -> Motion:
        """At rest."""
        commanded = np.asarray(commanded_a, float)
        return Motion(commanded, np.zeros_like(commanded))

    @property
    def moving(self) -> bool:
        """True while a velocity is left."""
        return bool(np.any(self.velocity_a))


def speed_limit(number: NumberSpec) -> float:
    """The most that a person may move a number in a second."""
    if number.unit in SPEEDS:
        return SPEEDS[number.unit]
    width = number.high - number.low
    return width / GRIPPER_S if (number.low, number.high) == (0.0, 1.0) else width * OTHER_SPEED


def start_pose(spec: RobotSpec, state_s: Floats, action_a: Floats | None) -> Floats:
    """The pose that steering goes on from: the last action, else the measured state where its names are the action's,
    else the middle of the ranges.
    """
    if action_a is not None:
        return action_a
    places = {number.name: i for i, number in enumerate(spec.state)}
    middle = (spec.action_low_a + spec.action_high_a) / 2
    found = [float(state_s[places[n.name]]) if n.name in places else middle[i] for i, n in enumerate(spec.action)]
    return np.asarray(found, np.float32)


def steer(
    spec: RobotSpec,
    motion: Motion,
    velocity: Sequence[float] | None,
    target: Sequence[float | None] | None,
) -> Motion:
    """One step of 1 / fps seconds; raises SpecMismatch where a list is not as long as the action."""
    for values in (velocity, target):
        if values is not None and len(values) != len(spec.action):
            raise SpecMismatch(
                f"{spec.robot_type} takes {len(spec.action)} numbers, got {len(values)}; expected "
                f"{', '.join(number.name for number in spec.action)}"
            )
    step_s, most = 1.0 / spec.fps, np.array([speed_limit(number) for number in spec.action])
    asked = np.zeros(len(spec.action)) if velocity is None else np.clip(velocity, -most, most)
    change = np.clip(asked - motion.velocity_a, -most * step_s / RAMP_S, most * step_s / RAMP_S)
    speed = motion.velocity_a + change
    commanded = motion.commanded_a + speed * step_s
    if target is not None:
        given = np.array([value is not None for value in target])
        wanted = np.array([0.0 if value is None else value for value in target])
        way = np.clip(wanted - motion.commanded_a, -most * step_s, most * step_s)
        commanded = np.where(given, motion.commanded_a + way, commanded)
        speed = np.where(given, 0.0, speed)
    inside = np.clip(commanded, spec.action_low_a, spec.action_high_a)
    return Motion(inside, np.where(inside == commanded, speed, 0.0))
