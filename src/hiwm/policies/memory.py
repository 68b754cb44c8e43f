"""What a LeRobot policy carries from step to step, as a plain value: no queue is hidden in the model."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from hiwm.types import Floats, Observation


@dataclass(frozen=True, eq=False)
class PolicyMemory:
    """The last observations (oldest first), the planned actions that are left (T, A), and the random counter.

    All randomness of the next plan follows from (seed, steps).
    """

    recent: tuple[Observation, ...]
    ahead_ta: Floats
    seed: int
    steps: int

    @staticmethod
    def fresh(seed: int, actions: int) -> PolicyMemory:
        """Of an episode that has not begun; `actions` numbers make an action."""
        return PolicyMemory((), np.zeros((0, actions), np.float32), seed, 0)

    def saw(self, observation: Observation, keep: int) -> PolicyMemory:
        """With one more observation, of which the last `keep` stay."""
        return replace(self, recent=(*self.recent, observation)[-keep:], steps=self.steps + 1)

    def planned(self, chunk_ta: Floats) -> PolicyMemory:
        """With other planned actions."""
        return replace(self, ahead_ta=chunk_ta)

    def dropped(self) -> PolicyMemory:
        """Without planned actions: somebody else steered, so they no longer fit."""
        return replace(self, ahead_ta=self.ahead_ta[:0])
