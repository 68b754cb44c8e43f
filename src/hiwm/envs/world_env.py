"""A world, or a simulated task, as one gymnasium environment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np

from hiwm.envs.episodes import Episode, Rules, begin, step_on
from hiwm.envs.shapes import action_space, observation_space, shown, side_by_side
from hiwm.errors import BadInput, UnknownName
from hiwm.interfaces import Dynamics
from hiwm.types import Floats, Picture, Scene

RENDER_MODES = ["rgb_array"]

type Seen = dict[str, Any]


class WorldEnv(gymnasium.Env[Seen, Floats]):
    """One episode at a time in a dynamics, which it closes.

    A seed names a scene, so that the same seeds give the same scenes to every policy; `options={"scene": ID}` names it
    outright. `episode` is where the episode stands, a value: to rewind, keep it and set it again.
    """

    def __init__(
        self, dynamics: Dynamics, scenes: Sequence[Scene], rules: Rules, prompt: str, render_mode: str | None = None
    ) -> None:
        self.dynamics, self.scenes, self.rules = dynamics, require_scenes(scenes), rules
        self.metadata = {"render_modes": RENDER_MODES, "render_fps": dynamics.spec.fps}
        self.render_mode = render_mode
        self.task = self.task_description = prompt
        self.observation_space = observation_space(dynamics.spec)
        self.action_space: gymnasium.Space[Any] = action_space(dynamics.spec)
        self.episode: Episode | None = None

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Seen, dict[str, Any]]:
        """Begins an episode; without seed and options, in a scene drawn at random."""
        super().reset(seed=seed)
        scene = chosen_scene(self.scenes, seed, (options or {}).get("scene"), self.np_random)
        [self.episode] = begin(self.dynamics, [scene])
        return self._seen(self.episode), self.episode.info

    def step(self, action: Floats) -> tuple[Seen, float, bool, bool, dict[str, Any]]:
        """One control step; the reward is progress."""
        [self.episode] = episode, *_ = step_on(self.dynamics, [self._running()], np.asarray(action)[None], self.rules)
        return self._seen(episode), episode.reward, episode.terminated, episode.truncated, episode.info

    def render(self) -> Picture | None:
        """All cameras side by side."""
        if self.render_mode is None:
            return None
        return side_by_side(self.dynamics.spec, self._running().observation)

    def close(self) -> None:
        """Frees the dynamics."""
        self.dynamics.close()

    def _running(self) -> Episode:
        if self.episode is None:
            raise BadInput("expected reset() before step() and render()")
        return self.episode

    def _seen(self, episode: Episode) -> Seen:
        return shown(self.dynamics.spec, episode.observation)


def require_scenes(scenes: Sequence[Scene]) -> tuple[Scene, ...]:
    """The scenes; raises BadInput where there is none."""
    if not scenes:
        raise BadInput("expected at least one scene; for example scenes='push_t/eval/0..49'")
    return tuple(scenes)


def chosen_scene(scenes: Sequence[Scene], seed: int | None, name: str | None, random: np.random.Generator) -> Scene:
    """The scene of that name, else the seed's, else any; raises UnknownName."""
    if name is not None:
        known = {scene.id: scene for scene in scenes}
        if name not in known:
            raise UnknownName("scene", name, list(known)[:8])
        return known[name]
    return scenes[int(random.integers(len(scenes))) if seed is None else seed % len(scenes)]
