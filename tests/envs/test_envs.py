"""Worlds and tasks as gymnasium environments, single and many at once."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode

from hiwm.envs import WORLD_ID, register_worlds
from hiwm.envs.episodes import Rules
from hiwm.envs.making import Place
from hiwm.envs.shapes import short_name
from hiwm.envs.vector_env import WorldVectorEnv
from hiwm.envs.world_env import WorldEnv
from hiwm.errors import BadInput, HiwmError, UnknownName
from hiwm.interfaces import Stepped
from hiwm.sims.gym_dynamics import GymDynamics
from hiwm.spec import CameraSpec, RobotSpec
from hiwm.types import Observation, Reading, Scene
from tests.fakes import TOY_SPEC, ToyDynamics, ToyState

SCENES = [Scene("toy", "eval", number) for number in range(5)]


class OneCamera(ToyDynamics):
    """The toy as datasets with a single unnamed camera know a robot; its progress is not known."""

    @property
    def spec(self) -> RobotSpec:
        return replace(TOY_SPEC, cameras=(CameraSpec("observation.image", 32, 48),))

    def _stepped(self, states: list[ToyState]) -> Stepped:
        _, seen, readings = super()._stepped(states)
        observations = [Observation({"observation.image": s.images["observation.images.top"]}, s.state) for s in seen]
        return states, observations, [Reading(None, reading.success) for reading in readings]


def toy_env(max_steps: int = 30, hold_steps: int = 1, render_mode: str | None = "rgb_array") -> WorldEnv:
    return WorldEnv(ToyDynamics(), SCENES, Rules(max_steps, hold_steps), "bring the dot", render_mode)


def toy_vector(count: int, max_steps: int = 30, mode: AutoresetMode = AutoresetMode.NEXT_STEP) -> WorldVectorEnv:
    return WorldVectorEnv(ToyDynamics(), SCENES, Rules(max_steps), "bring the dot", count, "rgb_array", mode)


def goals(env: WorldVectorEnv) -> np.ndarray[Any, Any]:
    """(B, 2) actions that lead to success."""
    return np.stack([episode.state.goal for episode in env.episodes]).astype(np.float32)


def test_gymnasiums_checker_finds_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message=".*(infinity|recommended to use a symmetric).*")
        check_env(toy_env(), skip_render_check=True)


def test_an_episode_ends_when_success_is_held() -> None:
    env = toy_env(hold_steps=3)
    seen, info = env.reset(seed=2)
    assert info["scene"] == "toy/eval/2"
    assert seen["pixels"]["top"].shape == (32, 48, 3)
    assert seen["pixels"]["side"].shape == (24, 24, 3)
    assert seen["agent_pos"].shape == (3,)
    assert env.episode is not None
    goal, over, rewards, successes = env.episode.state.goal, False, [], 0
    while not over:
        _, reward, terminated, truncated, info = env.step(goal)
        over = terminated or truncated
        rewards.append(reward)
        successes += bool(env.episode.reading.success)
    assert terminated
    assert not truncated
    assert info["is_success"]
    assert successes == 3
    assert rewards == sorted(rewards)
    assert rewards[-1] == pytest.approx(info["progress"])


def test_time_is_up_after_the_most_steps() -> None:
    env = toy_env(max_steps=3)
    env.reset(seed=0)
    ends = [env.step(np.array([0, 0], np.float32))[2:4] for _ in range(3)]
    assert ends == [(False, False), (False, False), (False, True)]


def test_success_that_is_read_when_time_is_up_counts() -> None:
    env = toy_env(max_steps=20, hold_steps=99)
    env.reset(seed=0)
    assert env.episode is not None
    goal = env.episode.state.goal
    infos = [env.step(goal)[4] for _ in range(20)]
    assert [info["is_success"] for info in infos] == [False] * 19 + [True]


def test_a_kept_episode_is_a_rewind() -> None:
    env = toy_env()
    env.reset(seed=1)
    kept = env.episode
    first = env.step(np.array([0.9, 0.1], np.float32))
    env.step(np.array([0.1, 0.1], np.float32))
    env.episode = kept
    again = env.step(np.array([0.9, 0.1], np.float32))
    assert np.array_equal(first[0]["pixels"]["top"], again[0]["pixels"]["top"])
    assert first[1:] == again[1:]


def test_a_scene_is_named_by_option_and_by_seed() -> None:
    env = toy_env()
    assert env.reset(options={"scene": "toy/eval/3"})[1]["scene"] == "toy/eval/3"
    assert env.reset(seed=5 + 4)[1]["scene"] == "toy/eval/4"
    with pytest.raises(UnknownName, match="no scene is called 'toy/eval/9'"):
        env.reset(options={"scene": "toy/eval/9"})


def test_actions_are_clipped_to_the_robots_ranges() -> None:
    env = toy_env()
    env.reset(seed=0)
    kept = env.episode
    far = env.step(np.array([70, 0.5], np.float32))[0]["agent_pos"]
    env.episode = kept
    assert np.array_equal(far, env.step(np.array([1, 0.5], np.float32))[0]["agent_pos"])


def test_one_unnamed_camera_and_no_progress() -> None:
    env = WorldEnv(OneCamera(), SCENES, Rules(30), "")
    seen, info = env.reset(seed=0)
    assert seen["pixels"].shape == (32, 48, 3)
    assert seen in env.observation_space
    assert np.isnan(info["progress"])
    assert env.episode is not None
    goal = env.episode.state.goal
    rewards = [env.step(goal)[1] for _ in range(20)]
    assert rewards[0] == 0.0
    assert rewards[-1] == 1.0
    assert env.render() is None


def test_the_picture_shows_all_cameras() -> None:
    env = toy_env()
    env.reset(seed=0)
    picture = env.render()
    assert picture is not None
    assert picture.shape == (32, 48 + 24, 3)


def test_gym_dynamics_reads_back_the_robot_spec() -> None:
    dynamics = GymDynamics(toy_env)
    assert sorted((c.name, c.height, c.width) for c in dynamics.spec.cameras) == sorted(
        (c.name, c.height, c.width) for c in TOY_SPEC.cameras
    )
    assert [(n.low, n.high) for n in dynamics.spec.action] == [(n.low, n.high) for n in TOY_SPEC.action]
    dynamics.close()


def test_many_at_once_are_the_same_as_one_by_one() -> None:
    many = toy_vector(3)
    seen, infos = many.reset(seed=1)
    assert seen in many.observation_space
    assert list(infos["scene"]) == ["toy/eval/1", "toy/eval/2", "toy/eval/3"]
    actions = np.random.default_rng(0).uniform(0, 1, (4, 3, 2)).astype(np.float32)
    for step in actions:
        seen, rewards, *_ = many.step(step)
    for i in range(3):
        one = toy_env()
        one.reset(seed=1 + i)
        for step in actions:
            alone, reward, *_ = one.step(step[i])
        assert np.array_equal(alone["pixels"]["top"], seen["pixels"]["top"][i])
        assert rewards[i] == reward


def test_a_new_episode_begins_in_the_step_after_the_end() -> None:
    env = toy_vector(2)
    env.reset(seed=0)
    over: Any = np.zeros(2, bool)
    while not over.any():
        _, _, terminated, truncated, infos = env.step(goals(env))
        over = terminated | truncated
    assert np.array_equal(infos["is_success"], terminated)
    ended = int(np.argmax(over))
    _, rewards, terminated, _, _ = env.step(goals(env))
    assert env.episodes[ended].step == 0
    assert rewards[ended] == 0
    assert not terminated[ended]


def test_without_new_episodes_those_that_ended_stay() -> None:
    env = toy_vector(2, mode=AutoresetMode.DISABLED)
    env.reset(options={"scenes": ["toy/eval/0", "toy/eval/4"]})
    steps = []
    for _ in range(31):
        _, rewards, _, _, infos = env.step(goals(env))
        steps.append([episode.step for episode in env.episodes])
    assert infos["is_success"].all()
    assert rewards.tolist() == [0, 0]
    assert steps[-1] == steps[-2]
    assert max(steps[-1]) < 30


def test_lerobot_asks_a_vector_environment_by_name() -> None:
    env = toy_vector(2)
    env.reset(seed=0)
    assert env.call("_max_episode_steps") == (30, 30)
    assert env.get_attr("task") == env.call("task_description") == ("bring the dot",) * 2
    assert [picture.shape for picture in env.call("render")] == [(32, 72, 3)] * 2


@pytest.fixture(scope="module")
def shipped() -> Iterator[gymnasium.Env[Any, Any]]:
    env = gymnasium.make(WORLD_ID, world="push_t", scenes="push_t/eval/0..1", max_episode_steps=3)
    yield env
    env.close()


def test_the_shipped_world_is_made_by_name(shipped: gymnasium.Env[Any, Any]) -> None:
    seen, info = shipped.reset(seed=0)
    assert info["scene"] == "push_t/eval/0"
    assert shipped.get_wrapper_attr("task_description").startswith("Push the T")
    assert 0 < info["trust"] <= 1
    for _ in range(3):
        seen, reward, _, truncated, _ = shipped.step(seen["agent_pos"])
        assert seen in shipped.observation_space
        assert 0 <= float(reward) <= 1
    assert truncated


def test_the_shipped_world_passes_gymnasiums_checker(shipped: gymnasium.Env[Any, Any]) -> None:
    check_env(shipped.unwrapped, skip_render_check=True)


def test_the_shipped_world_steps_many_in_a_batch() -> None:
    env = gymnasium.make_vec(f"hiwm.envs:{WORLD_ID}", num_envs=2, world="push_t", scenes="push_t/eval/0..1")
    seen, _ = env.reset(seed=0)
    seen, _, _, _, infos = env.step(seen["agent_pos"])
    assert seen in env.observation_space
    assert list(infos["scene"]) == ["push_t/eval/0", "push_t/eval/1"]
    env.close()


def test_a_simulated_task_is_an_environment_too() -> None:
    env = gymnasium.make(WORLD_ID, sim="push_t", scenes="push_t/eval/0")
    seen, _ = env.reset(seed=0)
    assert env.step(seen["agent_pos"])[4]["trust"] == 1
    env.close()


def test_registering_again_changes_nothing() -> None:
    before = gymnasium.spec(WORLD_ID)
    register_worlds()
    assert gymnasium.spec(WORLD_ID) is before


def test_a_world_has_the_scenes_of_its_task() -> None:
    scenes = Place(world="push_t").listed_scenes()
    assert (scenes[0].id, scenes[-1].id) == ("push_t/eval/0", "push_t/eval/49")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Place(), "expected either a world or a sim, got world=None and sim=None"),
        (lambda: Place(world="push_t", sim="push_t"), "expected either a world or a sim"),
        (lambda: Place(world="nowhere").listed_scenes(), "expected a folder with a world or the name of a shipped one"),
        (lambda: WorldEnv(ToyDynamics(), [], Rules(3), ""), "expected at least one scene"),
        (lambda: Rules(0), "expected at least 1 step, got 0"),
        (lambda: short_name("top"), "expected cameras named observation.image or"),
        (lambda: toy_env().step(np.zeros(2, np.float32)), "expected reset\\(\\) before step"),
        (lambda: toy_vector(2).render(), "expected reset\\(\\) before step"),
        (lambda: toy_vector(0), "expected num_envs of at least 1"),
        (lambda: toy_vector(2).reset(seed=[1]), "expected a seed for each of 2 environments, got 1"),
    ],
)
def test_what_does_not_fit_is_said(make: Any, said: str) -> None:
    with pytest.raises((BadInput, HiwmError), match=said):
        make()
