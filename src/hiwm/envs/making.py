"""Opens a world or a simulated task by name as an environment: what `gymnasium.make` and `make_vec` call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gymnasium.vector import AutoresetMode

from hiwm.envs.episodes import Rules
from hiwm.envs.vector_env import WorldVectorEnv
from hiwm.envs.world_env import WorldEnv
from hiwm.errors import BadInput
from hiwm.evaluation.ending import HELD_STEPS
from hiwm.interfaces import Dynamics
from hiwm.pipeline.dynamics import open_dynamics
from hiwm.pipeline.scenes import errand_of, parse_scenes
from hiwm.runfolder import read_json
from hiwm.sims.tasks import TASKS
from hiwm.spec import RobotSpec
from hiwm.types import Scene
from hiwm.worldmodel.shipped import find_world

SCENES = 50
"""How many scenes of the evaluation split an environment has that is given none."""


@dataclass(frozen=True)
class Place:
    """What is opened: a world (a folder or a shipped name) or a simulated task, and the scenes that episodes begin in.

    scenes: `push_t/eval/0..49`, or several of such; by default the first 50 of the evaluation split of the task that
    the world was learned from. prompt, max_steps: by default those of the first scene's task. hold_steps: for how many
    steps in a row success must be read, as in `hiwm evaluate`. look: of first pictures that a simulator draws.
    """

    world: str | None = None
    sim: str | None = None
    scenes: str | Sequence[str] | None = None
    prompt: str | None = None
    max_steps: int | None = None
    hold_steps: int = HELD_STEPS
    look: str = "plain"

    def __post_init__(self) -> None:
        if (self.world is None) == (self.sim is None):
            given = f"world={self.world!r} and sim={self.sim!r}"
            raise BadInput(f"expected either a world or a sim, got {given}; for example world='push_t'")

    def listed_scenes(self) -> list[Scene]:
        """The scenes; raises BadInput where none are given and the task of the world is not known."""
        return parse_scenes(f"{self._task()}/eval/0..{SCENES - 1}" if self.scenes is None else self.scenes)

    def open(self) -> tuple[Dynamics, list[Scene], Rules, str]:
        """The dynamics, its scenes, when an episode ends, and the instruction."""
        scenes = self.listed_scenes()
        errand = errand_of(scenes[0])
        rules = Rules(self.max_steps or errand.max_steps, self.hold_steps)
        prompt = errand.prompt if self.prompt is None else self.prompt
        return open_dynamics(self.world, self.sim, scenes, look=self.look), scenes, rules, prompt

    def spec(self) -> RobotSpec:
        """Cameras, state, actions and rate, without opening a world."""
        if self.sim is None:
            return RobotSpec.from_json(self._described()["spec"])
        dynamics = open_dynamics(None, self.sim, look=self.look)
        try:
            return dynamics.spec
        finally:
            dynamics.close()

    def _described(self) -> dict[str, Any]:
        return read_json(find_world(str(self.world)) / "world.json")

    def _task(self) -> str:
        if self.sim is not None:
            return self.sim
        name = self._described().get("about", {}).get("dataset", {}).get("name")
        if name not in TASKS:
            raise BadInput(
                f"the world {self.world} was learned from {name or 'an unknown dataset'}, no task with a simulator; "
                "say where episodes begin, as scenes='dataset:FOLDER/0..9'"
            )
        return str(name)


def make_world_env(
    world: str | None = None,
    sim: str | None = None,
    scenes: str | Sequence[str] | None = None,
    prompt: str | None = None,
    max_steps: int | None = None,
    hold_steps: int = HELD_STEPS,
    look: str = "plain",
    render_mode: str | None = None,
) -> WorldEnv:
    """One environment; see Place for what is opened."""
    place = Place(world, sim, scenes, prompt, max_steps, hold_steps, look)
    return WorldEnv(*place.open(), render_mode)


def make_world_vector_env(
    num_envs: int,
    world: str | None = None,
    sim: str | None = None,
    scenes: str | Sequence[str] | None = None,
    prompt: str | None = None,
    max_steps: int | None = None,
    hold_steps: int = HELD_STEPS,
    look: str = "plain",
    render_mode: str | None = None,
    autoreset_mode: AutoresetMode = AutoresetMode.NEXT_STEP,
) -> WorldVectorEnv:
    """Many environments in one; see Place for what is opened and WorldVectorEnv for autoreset_mode."""
    place = Place(world, sim, scenes, prompt, max_steps, hold_steps, look)
    return WorldVectorEnv(*place.open(), num_envs, render_mode, autoreset_mode)
