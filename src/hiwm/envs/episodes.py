"""Episodes as an environment counts them: which scene, how many steps, success held, and over or not; all values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from hiwm.errors import BadInput
from hiwm.interfaces import Dynamics
from hiwm.types import Floats, Observation, Reading, Scene


@dataclass(frozen=True)
class Rules:
    """When an episode ends: after success in `hold_steps` steps in a row, or cut off after `max_steps` steps."""

    max_steps: int
    hold_steps: int = 1

    def __post_init__(self) -> None:
        if self.max_steps < 1 or self.hold_steps < 1:
            raise BadInput(f"expected at least 1 step, got {self.max_steps} to hold {self.hold_steps}")


@dataclass(frozen=True, eq=False)
class Episode:
    """Where an episode stands; keeping one and going on from it later is a rewind.

    held: for how many steps in a row success has been read. terminated: it was held for long enough. truncated: time
    is up.
    """

    scene: Scene
    state: Any
    observation: Observation
    reading: Reading
    step: int = 0
    held: int = 0
    terminated: bool = False
    truncated: bool = False

    @property
    def over(self) -> bool:
        """It has ended, one way or the other."""
        return self.terminated or self.truncated

    @property
    def success(self) -> bool:
        """The episode has ended, and success is read at its end."""
        return self.over and bool(self.reading.success)

    @property
    def reward(self) -> float:
        """Progress, 0..1; where nobody can say it, 1 for success."""
        progress = self.reading.progress
        return float(bool(self.reading.success)) if progress is None else float(progress)

    @property
    def info(self) -> dict[str, Any]:
        """`is_success` (at the end), `progress` and `trust` (NaN where unknown), and the scene's id."""
        return {
            "is_success": self.success,
            "progress": _number(self.reading.progress),
            "trust": _number(self.reading.trust),
            "scene": self.scene.id,
        }


def begin(dynamics: Dynamics, scenes: Sequence[Scene]) -> list[Episode]:
    """A new episode in each scene."""
    return [Episode(*parts) for parts in zip(scenes, *dynamics.reset(scenes), strict=True)]


def step_on(dynamics: Dynamics, episodes: Sequence[Episode], actions_ba: Floats, rules: Rules) -> list[Episode]:
    """Every episode one step on, in one batch; actions are clipped to the ranges of the robot spec, as a robot does."""
    low, high = dynamics.spec.action_low_a, dynamics.spec.action_high_a
    actions: list[Floats] = [np.clip(action, low, high).astype(np.float32) for action in actions_ba]
    moved = zip(episodes, *dynamics.step([episode.state for episode in episodes], actions), strict=True)
    return [_after(episode, state, seen, reading, rules) for episode, state, seen, reading in moved]


def _after(before: Episode, state: Any, seen: Observation, reading: Reading, rules: Rules) -> Episode:
    held = before.held + 1 if reading.success else 0
    step = before.step + 1
    won = held >= rules.hold_steps
    return replace(
        before,
        state=state,
        observation=seen,
        reading=reading,
        step=step,
        held=held,
        terminated=won,
        truncated=not won and step >= rules.max_steps,
    )


def _number(known: float | None) -> float:
    return float("nan") if known is None else float(known)
