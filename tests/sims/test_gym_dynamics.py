"""Any gymnasium environment as a Dynamics: rewinding, branching, pooling, and what is refused."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from hiwm.errors import NotRepeatable, SpecMismatch, UnknownName
from hiwm.sims.gym_dynamics import Frame, GymDynamics, Restorer, list_actions
from hiwm.sims.gym_spec import find_layout, spec_from_env
from hiwm.types import Floats, Observation, Reading, Scene

SCENE = Scene("walk", "test", 0)


class Walk(gymnasium.Env[dict[str, Any], Any]):
    """A dot with momentum that is shoved about at random, seen by two cameras; over as soon as it is right of 0.6."""

    metadata = {"render_fps": 5}  # noqa: RUF012
    resets = 0
    made = 0
    width = 12

    def __init__(self) -> None:
        type(self).made += 1
        box = spaces.Box(0, 255, (8, self.width, 3), np.uint8)
        vector = spaces.Box(-np.inf, 1.0, (2,), np.float64)
        self.observation_space = spaces.Dict(
            pixels=spaces.Dict(top=box, side=box), agent_pos=vector, environment_state=vector
        )
        self.action_space = spaces.Box(-1.0, 2.0, (2,), np.float32)
        self.last_action = np.zeros(2)
        self._picture = np.zeros((8, self.width, 3), np.uint8)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[dict[str, Any], Any]:
        super().reset(seed=seed)
        type(self).resets += 1
        self.place, self.speed = self.np_random.uniform(0, 0.5, 2), np.zeros(2)
        return self._seen(), {"success": False}

    def step(self, action: Any) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        self.last_action = action
        self.speed = 0.5 * self.speed + 0.1 * action + self.np_random.normal(0, 0.01, 2)
        self.place = self.place + self.speed
        over = bool(self.place[0] > 0.6)
        return self._seen(), 0.0, over, False, {"success": over}

    def _seen(self) -> dict[str, Any]:
        self._picture[:] = np.uint8(np.abs(self.place).sum() * 100 % 256)  # one array, used again and again
        return {
            "pixels": {"top": self._picture, "side": self._picture},
            "agent_pos": self.place,
            "environment_state": self.speed,
        }


@pytest.fixture
def dynamics() -> Iterator[GymDynamics]:
    Walk.resets = Walk.made = 0
    dynamics = GymDynamics(Walk, pool=2)
    yield dynamics
    dynamics.close()


def actions(seed: int, count: int) -> list[Floats]:
    return list(np.random.default_rng(seed).uniform(-0.5, 0.5, (count, 2)).astype(np.float32))


def play(dynamics: GymDynamics, state: Any, commands: list[Floats]) -> tuple[list[Any], list[Observation]]:
    states, seen = [state], []
    for command in commands:
        after, observations, _ = dynamics.step([states[-1]], [command])
        states += after
        seen += observations
    return states, seen


def assert_same(a: list[Observation], b: list[Observation]) -> None:
    assert len(a) == len(b) > 0
    for one, other in zip(a, b, strict=True):
        np.testing.assert_array_equal(one.state, other.state)
        assert one.images.keys() == other.images.keys()
        for name, picture in one.images.items():
            np.testing.assert_array_equal(picture, other.images[name])


def test_spec_is_read_from_the_spaces(dynamics: GymDynamics) -> None:
    spec = dynamics.spec
    assert (spec.fps, spec.robot_type) == (5, "Walk")
    assert [(c.name, c.height, c.width) for c in spec.cameras] == [
        ("observation.images.top", 8, 12),
        ("observation.images.side", 8, 12),
    ]
    assert [n.name for n in spec.state] == ["agent_pos_0", "agent_pos_1"]
    assert np.isfinite([n.low for n in spec.state]).all()
    assert [(n.name, n.low, n.high) for n in spec.action] == [("action_0", -1.0, 2.0), ("action_1", -1.0, 2.0)]


def test_names_rate_and_state_can_be_given() -> None:
    env = Walk()
    layout = find_layout(env.observation_space, state_keys=[])
    spec = spec_from_env(env, layout, robot_type="dot", fps=50, action_names=("x", "y"), unit="m")
    assert (spec.robot_type, spec.fps, spec.state, spec.action[1].name) == ("dot", 50, (), "y")
    with pytest.raises(UnknownName, match=r"speed.*agent_pos"):
        find_layout(env.observation_space, state_keys=["speed"])
    with pytest.raises(SpecMismatch, match="2 numbers, got 1 names"):
        spec_from_env(env, action_names=("x",))


def test_branches_stepped_in_turn_equal_their_uninterrupted_runs(dynamics: GymDynamics) -> None:
    states, _ = play(dynamics, dynamics.reset([SCENE])[0][0], actions(1, 6))
    fork, left, right = states[-1], actions(2, 8), actions(3, 8)
    heads, in_turn = [fork, fork], ([], [])  # type: tuple[list[Any], tuple[list[Observation], list[Observation]]]
    for pair in zip(left, right, strict=True):
        for side in (0, 1):
            after, seen, _ = dynamics.step([heads[side]], [pair[side]])
            heads[side] = after[0]
            in_turn[side].extend(seen)
    for side, commands in enumerate((left, right)):
        fresh = GymDynamics(Walk)
        begun, _ = play(fresh, fresh.reset([SCENE])[0][0], actions(1, 6))
        assert_same(in_turn[side], play(fresh, begun[-1], commands)[1])
        fresh.close()


def test_a_state_is_a_value_and_reads_the_same_after_use(dynamics: GymDynamics) -> None:
    states, seen = play(dynamics, dynamics.reset([SCENE])[0][0], actions(1, 5))
    shown = [observation.images["observation.images.top"].copy() for observation in seen]
    again = play(dynamics, states[2], actions(9, 3))[1]
    assert_same(again, play(dynamics, states[2], actions(9, 3))[1])
    for observation, picture in zip(seen, shown, strict=True):
        np.testing.assert_array_equal(observation.images["observation.images.top"], picture)


def test_stepping_on_needs_no_replay_whatever_the_number_of_branches(dynamics: GymDynamics) -> None:
    states = dynamics.reset([Scene("walk", "test", i) for i in range(5)])[0]
    for command in actions(1, 10):
        states = dynamics.step(states, [command] * 5)[0]
    assert (Walk.resets, Walk.made) == (5, 5)


def test_one_replay_brings_a_branch_back_and_does_not_take_an_env_in_use(dynamics: GymDynamics) -> None:
    first, _ = play(dynamics, dynamics.reset([SCENE])[0][0], actions(1, 4))
    second, _ = play(dynamics, dynamics.reset([Scene("walk", "test", 1)])[0][0], actions(1, 4))
    resets = Walk.resets
    dynamics.step([first[1], second[-1]], actions(5, 2))
    assert Walk.resets == resets + 1


def test_logs_are_shared_and_states_survive_pickling(dynamics: GymDynamics) -> None:
    commands = actions(1, 2000)
    states, _ = play(dynamics, dynamics.reset([SCENE])[0][0], commands)
    assert states[-1].log.before is states[-2].log
    moved = pickle.loads(pickle.dumps(states[-1]))
    np.testing.assert_array_equal(list_actions(moved.log), commands)
    other = GymDynamics(Walk)
    assert_same(play(other, moved, actions(2, 3))[1], play(dynamics, states[-1], actions(2, 3))[1])
    other.close()


def test_a_restorer_replaces_replay() -> None:
    def save(env: gymnasium.Env[Any, Any]) -> Any:
        walk: Any = env.unwrapped
        return walk.place.copy(), walk.speed.copy(), walk.np_random.bit_generator.state

    def restore(env: gymnasium.Env[Any, Any], saved: Any) -> None:
        walk: Any = env.unwrapped
        walk.place, walk.speed, walk.np_random.bit_generator.state = saved

    Walk.resets = 0
    dynamics = GymDynamics(Walk, restorer=Restorer(save, restore), pool=1)
    states, seen = play(dynamics, dynamics.reset([SCENE])[0][0], actions(1, 6))
    assert_same(play(dynamics, states[2], actions(1, 6)[2:])[1], seen[2:])
    assert Walk.resets == 1
    dynamics.close()


def test_an_environment_that_does_not_repeat_itself_is_found_out() -> None:
    class Forgetful(Walk):
        def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
            return super().reset(seed=None)

    dynamics = GymDynamics(Forgetful)
    states, _ = play(dynamics, dynamics.reset([SCENE])[0][0], actions(1, 3))
    with pytest.raises(NotRepeatable, match="Restorer"):
        dynamics.step([states[1]], actions(2, 1))
    dynamics.close()


def test_it_goes_on_after_the_episode_is_over(dynamics: GymDynamics) -> None:
    state = dynamics.reset([SCENE])[0][0]
    readings: list[Reading] = []
    for _ in range(20):
        (state,), _, (reading,) = dynamics.step([state], [np.ones(2, np.float32)])
        readings.append(reading)
    assert [r.success for r in readings[-5:]] == [True] * 5
    assert readings[-1].progress is None


def test_the_reader_sees_reward_and_termination() -> None:
    def read(frame: Frame) -> Reading:
        return Reading(progress=1.0 + frame.reward, success=frame.terminated and not frame.truncated)

    dynamics = GymDynamics(Walk, read=read)
    _, _, readings = dynamics.step(dynamics.reset([SCENE])[0], [np.full(2, 9, np.float32)])
    assert readings == [Reading(progress=1.0, success=False)]
    dynamics.close()


def test_actions_are_checked_and_clipped() -> None:
    kept: list[Walk] = []

    def make() -> Walk:
        kept.append(Walk())
        return kept[-1]

    dynamics = GymDynamics(make)
    states = dynamics.reset([SCENE])[0]
    with pytest.raises(SpecMismatch, match="2 numbers"):
        dynamics.step(states, [np.zeros(3, np.float32)])
    with pytest.raises(SpecMismatch, match="not finite in action_1"):
        dynamics.step(states, [np.array([0, np.nan], np.float32)])
    dynamics.step(states, [np.array([-7, 7], np.float32)])
    assert any(np.array_equal(walk.last_action, [-1.0, 2.0]) for walk in kept)
    dynamics.close()


def test_pictures_of_another_size_are_refused_and_spoil_no_state() -> None:
    crop = False

    def look(frame: Frame) -> Observation:
        seen = find_layout(frame.env.observation_space).observation(frame.seen, frame.env)
        return Observation({n: p[:4] for n, p in seen.images.items()}, seen.state) if crop else seen

    dynamics = GymDynamics(Walk, look=look)
    states, seen = play(dynamics, dynamics.reset([SCENE])[0][0], actions(1, 3))
    crop = True
    with pytest.raises(SpecMismatch, match=r"shall give \(8, 12, 3\), got \(4, 12, 3\)"):
        dynamics.step([states[-1]], actions(2, 1))
    crop = False
    assert_same(play(dynamics, states[-1], actions(2, 3))[1], play(dynamics, states[-1], actions(2, 3))[1])
    assert_same(play(dynamics, states[0], actions(1, 3))[1], seen)
    dynamics.close()


def test_without_pictures_in_the_observation_render_is_the_camera() -> None:
    dynamics = GymDynamics(lambda: gymnasium.make("Pendulum-v1", render_mode="rgb_array"))
    states, observations, _ = dynamics.reset([SCENE])
    assert [c.name for c in dynamics.spec.cameras] == ["observation.image"]
    assert observations[0].images["observation.image"].shape == (500, 500, 3)
    assert observations[0].state.shape == (3,)
    assert dynamics.step(states, [np.ones(1, np.float32)])[2][0].success is None
    dynamics.close()
    dynamics.close()


def test_what_does_not_fit_is_named() -> None:
    with (
        pytest.warns(UserWarning, match="without specifying any render mode"),
        pytest.raises(SpecMismatch, match="render_mode='rgb_array'"),
    ):
        GymDynamics(lambda: gymnasium.make("Pendulum-v1", disable_env_checker=True))
    with pytest.raises(SpecMismatch, match="one vector with finite limits"):
        GymDynamics(lambda: gymnasium.make("CartPole-v1", render_mode="rgb_array"))

    class Timeless(Walk):
        metadata = {}  # noqa: RUF012

    with pytest.raises(SpecMismatch, match="fps=10"):
        GymDynamics(Timeless)
