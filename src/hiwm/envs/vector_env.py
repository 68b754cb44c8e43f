"""Many episodes of one world at once, stepped in one batch of its networks, as a gymnasium VectorEnv."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from hiwm.envs.episodes import Episode, Rules, begin, step_on
from hiwm.envs.shapes import action_space, observation_space, shown, side_by_side, stacked
from hiwm.envs.world_env import RENDER_MODES, Seen, chosen_scene, require_scenes
from hiwm.errors import BadInput
from hiwm.interfaces import Dynamics
from hiwm.types import Picture, Scene

type Stepped = tuple[Seen, NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]


class WorldVectorEnv(gymnasium.vector.VectorEnv[Seen, NDArray[np.float32], NDArray[Any]]):
    """`num_envs` episodes; see WorldEnv for scenes, seeds and rewards.

    autoreset_mode: NEXT_STEP begins the next episode in the step after one has ended. DISABLED waits for a reset of
    all, and costs nothing for the episodes that have ended: they stay as they are, with reward 0.
    """

    def __init__(
        self,
        dynamics: Dynamics,
        scenes: Sequence[Scene],
        rules: Rules,
        prompt: str,
        num_envs: int,
        render_mode: str | None = None,
        autoreset_mode: AutoresetMode = AutoresetMode.NEXT_STEP,
    ) -> None:
        if num_envs < 1 or autoreset_mode is AutoresetMode.SAME_STEP:
            raise BadInput(
                f"expected num_envs of at least 1 and NEXT_STEP or DISABLED, got {num_envs}, {autoreset_mode}"
            )
        self.dynamics, self.scenes, self.rules, self.num_envs = dynamics, require_scenes(scenes), rules, num_envs
        self.metadata = {
            "render_modes": RENDER_MODES, "render_fps": dynamics.spec.fps, "autoreset_mode": autoreset_mode,
        }  # fmt: skip
        self.render_mode = render_mode
        self.task = self.task_description = prompt
        self.single_observation_space = observation_space(dynamics.spec)
        self.single_action_space = action_space(dynamics.spec)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.episodes: list[Episode] = []

    @property
    def _max_episode_steps(self) -> int:
        """The name under which LeRobot asks for it."""
        return self.rules.max_steps

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Seen, dict[str, Any]]:
        """Begins all episodes. seed: of each, or one that counts up. `options={"scenes": [ID, ...]}` goes first."""
        seeds = self._seeds(seed)
        super().reset(seed=seeds[0])
        names = (options or {}).get("scenes", [None] * self.num_envs)
        chosen = zip(seeds, names, strict=True)
        scenes = [chosen_scene(self.scenes, number, name, self.np_random) for number, name in chosen]
        self.episodes = begin(self.dynamics, scenes)
        return self._seen(), self._infos()

    def step(self, actions: NDArray[np.float32]) -> Stepped:
        """One control step of all episodes that are not over."""
        over = [episode.over for episode in self._running()]
        moving = [i for i, ended in enumerate(over) if not ended]
        moved = step_on(
            self.dynamics, [self.episodes[i] for i in moving], np.asarray(actions)[moving], self.rules
        ) if moving else []  # fmt: skip
        after = dict(zip(moving, moved, strict=True)) | self._next_episodes(over)
        self.episodes = [after.get(i, episode) for i, episode in enumerate(self.episodes)]
        rewards = np.array([0.0 if ended else e.reward for ended, e in zip(over, self.episodes, strict=True)])
        terminated = np.array([episode.terminated for episode in self.episodes])
        truncated = np.array([episode.truncated for episode in self.episodes])
        return self._seen(), rewards, terminated, truncated, self._infos()

    def call(self, name: str, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        """What each episode's environment would answer, as gymnasium's own vector environments have it."""
        if name == "render":
            return self.render()
        value = getattr(self, name)
        return (value(*args, **kwargs) if callable(value) else value,) * self.num_envs

    def get_attr(self, name: str) -> tuple[Any, ...]:
        """The attribute of each episode's environment."""
        return self.call(name)

    def render(self) -> tuple[Picture, ...]:
        """All cameras side by side, a picture for each episode."""
        return tuple(side_by_side(self.dynamics.spec, episode.observation) for episode in self._running())

    def close_extras(self) -> None:
        """Frees the dynamics."""
        self.dynamics.close()

    def _seeds(self, seed: int | Sequence[int | None] | None) -> list[int | None]:
        if seed is None:
            return [None] * self.num_envs
        seeds: list[int | None] = list(range(seed, seed + self.num_envs)) if isinstance(seed, int) else list(seed)
        if len(seeds) != self.num_envs:
            raise BadInput(f"expected a seed for each of {self.num_envs} environments, got {len(seeds)}")
        return seeds

    def _next_episodes(self, over: Sequence[bool]) -> dict[int, Episode]:
        """A new episode, by place, for each that was over before this step, where they are begun by themselves."""
        places = [i for i, ended in enumerate(over) if ended]
        if self.metadata["autoreset_mode"] is not AutoresetMode.NEXT_STEP or not places:
            return {}
        scenes = [chosen_scene(self.scenes, None, None, self.np_random) for _ in places]
        return dict(zip(places, begin(self.dynamics, scenes), strict=True))

    def _running(self) -> list[Episode]:
        if not self.episodes:
            raise BadInput("expected reset() before step() and render()")
        return self.episodes

    def _seen(self) -> Seen:
        return stacked([shown(self.dynamics.spec, episode.observation) for episode in self.episodes])

    def _infos(self) -> dict[str, Any]:
        infos: dict[str, Any] = {}
        for place, episode in enumerate(self.episodes):
            infos = self._add_info(infos, episode.info, place)
        return infos
