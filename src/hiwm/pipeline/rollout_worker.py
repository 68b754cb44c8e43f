"""What a worker of a rollout does: a policy attempts a batch of scenes together, each becomes a session file."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from hiwm.evaluation.ending import ended, succeeded
from hiwm.interfaces import Dynamics, Policy
from hiwm.pipeline.dynamics import about_dynamics, open_dynamics
from hiwm.pipeline.manifest import content_hash
from hiwm.pipeline.scenes import DATASET, errand_of
from hiwm.pipeline.stored_values import know_stored_values
from hiwm.rollout import Path as Rollout
from hiwm.rollout import run
from hiwm.runfolder import full_disk_is_clear
from hiwm.session.file import SessionFile
from hiwm.session.rows import SessionAbout
from hiwm.session.session import Session
from hiwm.types import Driver, Floats, Observation, Scene

SUFFIX = ".hiwm"
SESSIONS = "sessions"
WORK = "work"
SMALL_CACHE = 2**23
"""Bytes of nodes that a session keeps in memory here: each is read once, and many are open."""

type Steps = Callable[[int], None]
"""steps(n): so many more control steps have been taken."""


@dataclass(frozen=True)
class Job:
    """A policy, where it acts (a world or a simulator, in a look), in which scenes, and the folder of the stage.

    seed: of the policy's randomness, beside that of the scene.
    """

    policy: str
    world: str | None
    sim: str | None
    look: str
    scenes: tuple[Scene, ...]
    out: Path
    seed: int = 0
    max_steps: int | None = None
    device: str = "cpu"


@dataclass(frozen=True)
class Rolled:
    """How an attempt ended."""

    scene: str
    session: str
    success: bool
    steps: int
    progress: float | None


class Seeded:
    """A policy whose randomness follows from `seed` and the scene."""

    def __init__(self, policy: Policy, seed: int) -> None:
        self._policy, self._seed = policy, seed

    @property
    def driver(self) -> Driver:
        """The policy's."""
        return self._policy.driver

    def start(self, seeds: Sequence[int]) -> list[object]:
        """Memories of other seeds, one for each given."""
        drawn = [int(np.random.SeedSequence([self._seed, seed]).generate_state(1)[0]) for seed in seeds]
        return self._policy.start(drawn if self._seed else seeds)

    def act(self, memories: Sequence[object], observations: Sequence[Observation]) -> tuple[list[object], list[Floats]]:
        """The policy's."""
        return self._policy.act(memories, observations)

    def watch(self, memories: Sequence[object], observations: Sequence[Observation]) -> list[object]:
        """The policy's."""
        return self._policy.watch(memories, observations)


class Roller:
    """Rolls batches of scenes out; world, simulator and policy open on first use."""

    def __init__(self, job: Job) -> None:
        self.job = job
        know_stored_values()

    @cached_property
    def dynamics(self) -> Dynamics:
        """What steps."""
        return open_dynamics(self.job.world, self.job.sim, self.job.scenes, self.job.look)

    @cached_property
    def policy(self) -> Policy:
        """What decides."""
        from hiwm.policies.loading import load_policy

        prompt = errand_of(self.job.scenes[0]).prompt
        policy = load_policy(self.job.policy, self.dynamics.spec, device=self.job.device, task_prompt=prompt)
        return Seeded(policy, self.job.seed)

    @cached_property
    def about(self) -> tuple[dict[str, str], dict[str, str]]:
        """Dynamics and policy, as session files name them."""
        return about_dynamics(self.job.world, self.job.sim, self.job.look), about_policy(self.job.policy)

    def roll(self, scenes: Sequence[Scene], steps: Steps | None = None) -> list[Rolled]:
        """Attempts these scenes together, and puts a session of each in its place when all have ended."""
        limit = self.job.max_steps or errand_of(scenes[0]).max_steps

        def done(path: Rollout) -> bool:
            if steps is not None and len(path) > 1:
                steps(1)
            return ended(path)

        paths = run(self.policy, self.dynamics, scenes, limit, done)
        return [self._kept(scene, path) for scene, path in zip(scenes, paths, strict=True)]

    def close(self) -> None:
        """Closes world or simulator."""
        if "dynamics" in self.__dict__:
            self.dynamics.close()

    def _kept(self, scene: Scene, path: Rollout) -> Rolled:
        """Writes the session beside its place, and moves it there when it is whole."""
        name = session_name(scene)
        place, beside = self.job.out / SESSIONS / name, self.job.out / WORK / name
        beside.unlink(missing_ok=True)
        dynamics, policy = self.about
        prompt = errand_of(scene).prompt
        about = SessionAbout(
            Path(name).stem, scene.task, prompt, scene.id, self.dynamics.spec, dynamics, policy, time.time()
        )
        with full_disk_is_clear(f"writing {place}"):
            session = Session(SessionFile.create(beside, about), cache_bytes=0)
            session.start(path[0])
            session.record_all(path[1:])
            session.close()
            beside.rename(place)
        last = path[-1]
        readings = [node.reading for node in path]
        return Rolled(scene.id, name, succeeded(readings), last.step, last.reading.progress)


def session_name(scene: Scene) -> str:
    """File name of a scene's session: `<task>-<split>-<number>.hiwm`."""
    task = Path(scene.task.removeprefix(DATASET)).name
    return f"{task}-{scene.split}-{scene.number}{SUFFIX}"


def about_policy(name: str) -> dict[str, str]:
    """Name and hash of a policy; the hash is "" where nothing on this disk makes it."""
    from hiwm.policies.loading import SIMPLE, find_folder

    if name in SIMPLE or name.startswith(("replay:", "ws://", "wss://")):
        return {"name": name, "hash": ""}
    folder = find_folder(name)
    return {"name": str(folder.resolve()) if Path(name) == folder else name, "hash": content_hash(folder)}
