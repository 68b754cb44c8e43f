"""The two things that everything plugs into: what steps (Dynamics) and what decides (Policy).

Both take and return lists, one entry per episode or branch, and both keep all that changes in values that the caller
holds: `step` and `act` never edit a state or a memory, so rewinding is keeping an old one and branching is using one
twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from hiwm.spec import RobotSpec
from hiwm.types import Driver, Floats, Observation, Reading, Scene

type Stepped = tuple[list[Any], list[Observation], list[Reading]]
"""(states, observations, readings), one entry per episode."""


class Dynamics(Protocol):
    """Anything that steps: a simulator, a learned world, a recording."""

    @property
    def spec(self) -> RobotSpec:
        """Cameras, state, actions and rate."""
        ...

    def reset(self, scenes: Sequence[Scene]) -> Stepped:
        """The first state of each scene, with what is seen there."""
        ...

    def step(self, states: Sequence[Any], actions: Sequence[Floats]) -> Stepped:
        """One control step of 1 / fps seconds from each state under its action, (A,) in robot units.

        Raises SpecMismatch where an action has another length or is not finite.
        """
        ...

    def close(self) -> None:
        """Frees renderers and processes; a second call does nothing."""
        ...


class Policy(Protocol):
    """Anything that chooses actions from observations."""

    @property
    def driver(self) -> Driver:
        """What is recorded as the driver of its actions."""
        ...

    def start(self, seeds: Sequence[int]) -> list[Any]:
        """A fresh memory per episode; all randomness of an episode follows from its seed."""
        ...

    def act(self, memories: Sequence[Any], observations: Sequence[Observation]) -> tuple[list[Any], list[Floats]]:
        """New memories and one action (A,) in robot units per observation."""
        ...

    def watch(self, memories: Sequence[Any], observations: Sequence[Observation]) -> list[Any]:
        """New memories after a step that somebody else steers: planned actions are dropped."""
        ...
