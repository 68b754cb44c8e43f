"""The values that travel between all parts: observations, readings, scenes and who drives.

Arrays are never written to after they were put into one of these.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from hiwm.errors import BadInput

type Picture = NDArray[np.uint8]
"""(H, W, 3) RGB, 0..255."""
type Floats = NDArray[np.float32]
type Doubles = NDArray[np.float64]


class Driver(StrEnum):
    """Who chose an action."""

    POLICY = "policy"
    PERSON = "person"
    SCRIPT = "script"


class Kind(StrEnum):
    """Why an episode is in a training set."""

    DEMO = "demo"
    FAILURE = "failure"
    EDGE = "edge"


@dataclass(frozen=True, eq=False)
class Observation:
    """What a policy or a person sees at one step.

    images: camera name -> (H, W, 3) uint8. state: (S,) float32 in the units of the robot spec. truth: privileged
    quantities of a simulator (object poses), (K,) float32; only scripted experts, the training of estimators and
    figures may read it, and outside a simulator there is none.
    """

    images: Mapping[str, Picture]
    state: Floats
    truth: Floats | None = None

    def require_truth(self) -> Floats:
        """The truth, (K,); raises BadInput where there is none."""
        if self.truth is None:
            raise BadInput(
                "expected a simulator's privileged truth, got an observation without; run this in a simulator"
            )
        return self.truth


@dataclass(frozen=True)
class Reading:
    """What is known of the task at one step; None means that nobody can say.

    progress: 0..1, 1 at success. success: the task is done now. trust: probability that the picture is right
    (object within 5 % of the workspace of where it would really be); a simulator's is 1.
    """

    progress: float | None
    success: bool | None
    trust: float | None = None


@dataclass(frozen=True)
class Scene:
    """A start condition of a task, named `task/split/number`; the same name is the same start, for ever.

    Splits draw from separate random streams, so that `eval` scenes never occur in `train`.
    """

    task: str
    split: str
    number: int

    @property
    def id(self) -> str:
        """`task/split/number`."""
        return f"{self.task}/{self.split}/{self.number}"

    @property
    def seed(self) -> int:
        """32-bit seed for things that take a single one (gymnasium's `reset`)."""
        return int(self.rng().integers(2**31))

    def rng(self) -> np.random.Generator:
        """A fresh generator that always gives this scene's numbers."""
        stream = zlib.crc32(f"{self.task}/{self.split}".encode())
        return np.random.default_rng(np.random.SeedSequence([stream, self.number]))

    @staticmethod
    def parse(scene_id: str) -> Scene:
        """The inverse of `id`; raises BadInput."""
        parts = scene_id.rsplit("/", 2)
        if len(parts) != 3 or not all(parts) or not parts[2].isdecimal():
            raise BadInput(f"expected a scene as task/split/number, got {scene_id!r}; for example push_t/eval/3")
        return Scene(parts[0], parts[1], int(parts[2]))
