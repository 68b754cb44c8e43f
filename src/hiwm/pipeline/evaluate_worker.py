"""What a worker of an evaluation does: a policy attempts a batch of scenes, in the simulator or in a learned world."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from hiwm.errors import BadInput
from hiwm.evaluation.ending import ended, failure_of, succeeded
from hiwm.evaluation.trials import Trial
from hiwm.interfaces import Dynamics, Policy
from hiwm.pipeline.dynamics import open_dynamics
from hiwm.pipeline.rollout_worker import Seeded
from hiwm.rollout import Path as Rollout
from hiwm.rollout import run
from hiwm.sims.tasks import load_task
from hiwm.types import Kind, Scene

EXPERT = "expert"
"""The simulator's scripted expert as a policy: what can be had at best."""


@dataclass(frozen=True)
class Ground:
    """Where is evaluated: in a world or a simulator (one of them), in which look, in which scenes."""

    world: str | None
    sim: str | None
    look: str
    scenes: tuple[Scene, ...]


@dataclass(frozen=True)
class Batch:
    """One policy's attempts that are stepped together.

    label: what it is called in the trials. trial: which attempt in these scenes; each has other draws of the policy.
    """

    label: str
    policy: str
    prompt: str
    trial: int
    scenes: tuple[Scene, ...]
    max_steps: int


class Evaluator:
    """Attempts batches on one ground; simulator or world opens on first use."""

    def __init__(self, ground: Ground, device: str = "cpu") -> None:
        self.ground, self.device = ground, device
        self._loaded: tuple[str, Policy] | None = None

    @cached_property
    def dynamics(self) -> Dynamics:
        """The simulator or world of this worker."""
        return open_dynamics(self.ground.world, self.ground.sim, self.ground.scenes, self.ground.look)

    def attempt(self, batch: Batch) -> list[Trial]:
        """One trial for each scene."""
        dynamics, policy = self.dynamics, Seeded(self._policy(batch), batch.trial)
        paths = run(policy, dynamics, batch.scenes, batch.max_steps, ended)
        return [_trial(batch, scene, path) for scene, path in zip(batch.scenes, paths, strict=True)]

    def close(self) -> None:
        """Closes simulator or world."""
        if "dynamics" in self.__dict__:
            self.dynamics.close()

    def _policy(self, batch: Batch) -> Policy:
        """The batch's policy; the last one stays loaded, since batches come policy by policy."""
        key = f"{batch.policy}\0{batch.prompt}"
        if self._loaded is None or self._loaded[0] != key:
            self._loaded = (key, self._opened(batch))
        return self._loaded[1]

    def _opened(self, batch: Batch) -> Policy:
        if batch.policy == EXPERT:
            if self.ground.sim is None:
                raise BadInput("the scripted expert reads the simulator's truth; evaluate it with --sim, not --world")
            return load_task(self.ground.sim).script(Kind.DEMO)
        from hiwm.policies.loading import load_policy  # torch takes seconds, and the expert does without

        return load_policy(batch.policy, self.dynamics.spec, device=self.device, task_prompt=batch.prompt)


def _trial(batch: Batch, scene: Scene, path: Rollout) -> Trial:
    readings = [node.reading for node in path]
    progress = readings[-1].progress
    clipped = None if progress is None else min(1.0, max(0.0, float(progress)))
    return Trial(
        batch.label, scene.id, batch.trial, succeeded(readings), path[-1].step, clipped, str(failure_of(readings))
    )
