"""`gym_pusht` and its scripted pusher: exact branches, readings, the expert, its lapses, and the edge sweeps."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from hiwm.errors import BadInput, SpecMismatch
from hiwm.rollout import Path, run
from hiwm.sims.gym_dynamics import GymDynamics
from hiwm.sims.gym_pusht import open_gym_pusht
from hiwm.sims.pusher_2d import ScriptedPusher
from hiwm.sims.pusher_legs import TRUTH_NAMES
from hiwm.sims.pusher_model import coverage, distance, pose_error, roll_pushes
from hiwm.sims.pusher_plan import choose_push
from hiwm.sims.pusher_route import find_routes
from hiwm.sims.task import ScriptedPolicy
from hiwm.sims.tasks import load_task
from hiwm.types import Doubles, Driver, Floats, Kind, Observation, Scene

TASK = load_task("gym_pusht")
GOAL = np.array([256.0, 256.0, np.pi / 4])


@pytest.fixture(scope="module")
def dynamics() -> Iterator[GymDynamics]:
    dynamics = open_gym_pusht()
    yield dynamics
    dynamics.close()


def scenes(*numbers: int) -> list[Scene]:
    return [Scene(TASK.name, "test", number) for number in numbers]


def roll(script: ScriptedPolicy, dynamics: GymDynamics, *numbers: int) -> list[Path]:
    return run(script, dynamics, scenes(*numbers), TASK.max_steps, lambda path: script.finished(path[-1].memory))


def truth(observation: Observation) -> Doubles:
    assert observation.truth is not None
    return observation.truth.astype(float)


def drive(dynamics: GymDynamics, state: Any, commands: list[Floats]) -> list[Observation]:
    seen: list[Observation] = []
    for command in commands:
        (state,), observations, _ = dynamics.step([state], [command])
        seen += observations
    return seen


def assert_same(a: list[Observation], b: list[Observation]) -> None:
    assert len(a) == len(b) > 0
    for one, other in zip(a, b, strict=True):
        np.testing.assert_array_equal(one.images["observation.image"], other.images["observation.image"])
        np.testing.assert_array_equal(one.state, other.state)
        np.testing.assert_array_equal(truth(one), truth(other))


def test_the_spec_is_two_numbers_and_one_camera(dynamics: GymDynamics) -> None:
    spec = dynamics.spec
    assert [(c.name, c.height, c.width) for c in spec.cameras] == [("observation.image", 96, 96)]
    assert [n.name for n in spec.state] == ["agent_x", "agent_y"]
    assert [(n.name, n.unit, n.low, n.high) for n in spec.action] == [
        ("target_x", "px", 0, 512),
        ("target_y", "px", 0, 512),
    ]
    assert spec.fps == 10
    observation = dynamics.reset(scenes(0))[1][0]
    assert truth(observation).shape == (len(TRUTH_NAMES),) == (len(TASK.truth_names),)
    np.testing.assert_allclose(truth(observation)[3:], GOAL, rtol=1e-6)


def test_picture_size_is_free_within_what_can_be_drawn() -> None:
    dynamics = open_gym_pusht(picture_px=40)
    assert dynamics.reset(scenes(0))[1][0].images["observation.image"].shape == (40, 40, 3)
    dynamics.close()
    with pytest.raises(BadInput, match="16 to 512 px, got 1000"):
        open_gym_pusht(picture_px=1000)


def test_branches_in_mid_push_stepped_in_turn_equal_their_uninterrupted_runs(dynamics: GymDynamics) -> None:
    path = roll(ScriptedPusher(), dynamics, 1)[0]
    touching = [
        n for n in path if distance(n.observation.state[None].astype(float), truth(n.observation)[:3])[0] < 15.5
    ]
    fork = touching[len(touching) // 2]
    block = truth(fork.observation)[:2]
    left = [np.asarray(block + (3.0 * k, -20), np.float32) for k in range(10)]
    right = [np.asarray(block - (20, 5.0 * k), np.float32) for k in range(10)]
    whole = [drive(dynamics, fork.state, commands) for commands in (left, right)]
    assert pose_error(truth(whole[0][-1])[:3], truth(whole[1][-1])[:3]) > 10
    heads: list[Any] = [fork.state, fork.state]
    in_turn: list[list[Observation]] = [[], []]
    for pair in zip(left, right, strict=True):
        for side in (0, 1):
            (heads[side],), seen, _ = dynamics.step([heads[side]], [pair[side]])
            in_turn[side] += seen
    for side in (0, 1):
        assert_same(in_turn[side], whole[side])


def test_the_expert_succeeds_and_progress_rises_to_one(dynamics: GymDynamics) -> None:
    for path in roll(TASK.script(Kind.DEMO), dynamics, 0, 1, 2, 3):
        progress = [node.reading.progress or 0.0 for node in path]
        assert path[-1].reading.success
        assert progress[-1] == 1.0 > progress[0]
        assert np.abs(np.diff(progress)).max() < 0.12
        assert path[-1].step < 200
        assert {node.driver for node in path[1:]} == {Driver.SCRIPT}
        assert {node.memory.lapse for node in path} == {""}


def test_success_agrees_with_coverage_and_lasts_after_termination(dynamics: GymDynamics) -> None:
    path = roll(ScriptedPusher(noise_px=0.0), dynamics, 5)[0]
    for node in path[1:]:
        covered = coverage(truth(node.observation)[:3], GOAL)
        assert node.reading.success == (covered > 0.95) or abs(covered - 0.95) < 1e-4
    assert all(node.reading.success for node in path[-10:])


def test_the_same_scene_gives_the_same_episode_and_memories_are_values(dynamics: GymDynamics) -> None:
    script = TASK.script(Kind.FAILURE)
    first, again = (roll(script, dynamics, 3)[0] for _ in range(2))
    np.testing.assert_array_equal([n.action for n in first[1:]], [n.action for n in again[1:]])
    node = first[len(first) // 2]
    action = script.act([node.memory], [node.observation])[1][0]
    np.testing.assert_array_equal(action, first[len(first) // 2 + 1].action)


def test_noise_is_adjustable(dynamics: GymDynamics) -> None:
    _, observations, _ = dynamics.reset(scenes(0))
    spread = []
    for noise_px in (0.0, 2.0, 20.0):
        script = ScriptedPusher(noise_px)
        spread.append(
            np.std([script.act(script.start([seed]), observations)[1][0] for seed in range(12)], axis=0).max()
        )
    assert spread[0] < 1e-3
    assert 0.5 < spread[1] < 4 < spread[2]


def test_failures_are_partly_recovered_from_and_partly_end_failed(dynamics: GymDynamics) -> None:
    script = TASK.script(Kind.FAILURE)
    paths = roll(script, dynamics, *range(8))
    ended_well = [bool(path[-1].reading.success) for path in paths]
    assert 0 < sum(ended_well) < len(paths)
    for path, well in zip(paths, ended_well, strict=True):
        lapses = {node.memory.lapse for node in path} - {""}
        assert lapses
        assert bool(lapses & {"stopped_short", "gave_up"}) != well
        assert script.finished(path[-1].memory)
        assert len(path) <= TASK.max_steps + 1


def test_edges_reach_every_limit_free_and_in_contact(dynamics: GymDynamics) -> None:
    paths = roll(TASK.script(Kind.EDGE), dynamics, 0, 1)
    reached = np.array([node.observation.state for path in paths for node in path])
    np.testing.assert_allclose(reached.min(axis=0), 0, atol=6)
    np.testing.assert_allclose(reached.max(axis=0), 512, atol=6)
    asked = np.array([node.action for path in paths for node in path[1:]])
    assert (asked.min(axis=0).tolist(), asked.max(axis=0).tolist()) == ([0, 0], [512, 512])
    touching = [
        distance(node.observation.state[None].astype(float), truth(node.observation)[:3])[0] < 16.5
        for path in paths
        for node in path
    ]
    assert 0.1 < np.mean(touching) < 0.6


def test_after_somebody_else_steered_the_pusher_plans_anew(dynamics: GymDynamics) -> None:
    script = ScriptedPusher()
    path = roll(script, dynamics, 2)[0]
    node = next(node for node in path if node.memory.plan.hand.pushing)
    watched = script.watch([node.memory], [node.observation])[0]
    assert watched.plan.hand.push is None
    assert watched.plan.step == node.memory.plan.step + 1


def test_the_pusher_refuses_observations_of_another_robot() -> None:
    for kind in Kind:
        script = TASK.script(kind)
        with pytest.raises(SpecMismatch, match="only drives gym_pusht"):
            script.act(script.start([0]), [Observation({}, np.zeros(14, np.float32))])


def test_the_contact_model_foretells_what_the_environment_does(dynamics: GymDynamics) -> None:
    path = roll(ScriptedPusher(noise_px=0.0), dynamics, 4)[0]
    pushing = [node.step for node in path if node.memory.plan.hand.pushing]
    begun = pushing[0] - 1
    ended = next(step for step in range(begun + 1, len(path)) if step + 1 not in pushing)
    before, after = truth(path[begun].observation)[:3], truth(path[ended].observation)[:3]
    poses = before[None]
    for here, there in itertools.pairwise(node.observation.state.astype(float) for node in path[begun : ended + 1]):
        poses = roll_pushes(poses, here[None], (there - here)[None] / 4, 4)[-1]
    assert pose_error(before, after) > 20
    assert pose_error(poses[0], after) < 3


def test_routes_lead_around_the_block_and_say_where_there_is_none() -> None:
    above, below = np.array([256.0, 150.0]), np.array([256.0, 420.0])
    pose = np.array([256.0, 250.0, 0.0])
    routes = find_routes(above, below[None], pose)
    way = [above, *routes.turns(0), below]
    assert len(way) > 2
    points = np.concatenate([np.linspace(a, b, 50) for a, b in itertools.pairwise(way)])
    assert distance(points, pose).min() > 15
    assert routes.length_m[0] == pytest.approx(sum(np.linalg.norm(b - a) for a, b in itertools.pairwise(way)))
    assert np.isinf(find_routes(above, pose[None, :2] + (0, 20), pose).length_m[0])


def test_the_plan_finishes_a_block_that_is_one_push_away() -> None:
    pose = GOAL.copy()
    pose[:2] -= 30 * np.array([-np.sin(GOAL[2]), np.cos(GOAL[2])])  # back along the stem
    push = choose_push(pose, np.array([450.0, 60.0]), GOAL)
    assert push is not None
    np.testing.assert_allclose(push.aim, GOAL)
    poses = roll_pushes(pose, push.start[None], push.direction[None], 60)[:, 0]
    assert pose_error(poses, GOAL).min() < 2.5 < pose_error(pose, GOAL)


def test_places_to_avoid_are_not_chosen_again() -> None:
    pose, pusher = np.array([180.0, 300.0, 0.3]), np.array([60.0, 60.0])
    first = choose_push(pose, pusher, GOAL)
    assert first is not None
    second = choose_push(pose, pusher, GOAL, avoid=[first.start])
    assert second is not None
    assert np.linalg.norm(second.start - first.start) > 10
