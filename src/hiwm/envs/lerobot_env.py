"""A world as an environment of `lerobot-eval`: `--env.discover_packages_path=hiwm.envs --env.type=hiwm_world`.

All episodes of a batch (`--eval.batch_size`) are stepped in one batch of the world's networks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gymnasium
from gymnasium.vector import AutoresetMode
from lerobot.configs import FeatureType, PolicyFeature
from lerobot.envs import EnvConfig

from hiwm.envs.making import Place
from hiwm.envs.shapes import ONE_CAMERA
from hiwm.envs.vector_env import WorldVectorEnv
from hiwm.evaluation.ending import HELD_STEPS
from hiwm.policies.encoder import EncoderStep
from hiwm.policies.eye import EyeStep
from hiwm.spec import RobotSpec

ENV_TYPE = "hiwm_world"
OWN_STEPS = (EyeStep, EncoderStep)
"""Processor steps of hiwm's own policies: LeRobot can load such a policy once they have been imported."""


@EnvConfig.register_subclass(ENV_TYPE)
@dataclass
class HiwmWorldEnvConfig(EnvConfig):  # type: ignore[no-untyped-call]
    """What `--env.*` may say: see Place. LeRobot reads the sizes of pictures, state and action from `features`."""

    world: str | None = None
    sim: str | None = None
    scenes: str | None = None
    episode_length: int | None = None
    hold_steps: int = HELD_STEPS
    look: str = "plain"

    def __post_init__(self) -> None:
        """Fills in what only the world knows, as LeRobot's own configs do: a policy is made from it."""
        spec = self._place().spec()
        self.fps = spec.fps
        self.features, self.features_map = lerobot_features(spec)

    @property
    def gym_kwargs(self) -> dict[str, Any]:
        """Not asked for, since `create_envs` is our own."""
        return {}

    def create_envs(
        self, n_envs: int, use_async_envs: bool = False
    ) -> dict[str, dict[int, gymnasium.vector.VectorEnv[Any, Any, Any]]]:
        """One vector environment for all episodes; there is nothing to gain from processes."""
        env = WorldVectorEnv(*self._place().open(), n_envs, "rgb_array", AutoresetMode.DISABLED)
        return {ENV_TYPE: {0: env}}

    def _place(self) -> Place:
        return Place(self.world, self.sim, self.scenes, self.task, self.episode_length, self.hold_steps, self.look)


def lerobot_features(spec: RobotSpec) -> tuple[dict[str, PolicyFeature], dict[str, str]]:
    """Features of the environment, and under which name a policy knows each."""
    features = {
        "action": PolicyFeature(FeatureType.ACTION, (len(spec.action),)),
        "agent_pos": PolicyFeature(FeatureType.STATE, (len(spec.state),)),
    }
    names = {"action": "action", "agent_pos": "observation.state"}
    for camera in spec.cameras:
        key = "pixels" if camera.name == ONE_CAMERA else camera.name
        features[key] = PolicyFeature(FeatureType.VISUAL, (camera.height, camera.width, 3))
        names[key] = camera.name
    return features, names
