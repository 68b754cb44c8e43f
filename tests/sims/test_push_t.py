"""Push-T: geometry, judging, exact restore, and its expert."""

from collections.abc import Iterable, Iterator

import numpy as np
import pytest

from hiwm.errors import SpecMismatch
from hiwm.rollout import Path, run
from hiwm.sims.mujoco_dynamics import MujocoDynamics, View
from hiwm.sims.push_t import GOAL, SURFACE, PushT, coverage, inside_t, tip_distance_m
from hiwm.sims.push_t_expert import PushTExpert
from hiwm.sims.script import ExpertDriver, Unsteadiness
from hiwm.types import Floats, Scene

TOP = "observation.images.top"


@pytest.fixture
def dynamics() -> Iterator[MujocoDynamics]:
    made = MujocoDynamics(PushT())
    yield made
    made.close()


def _pushing(dynamics: MujocoDynamics, seed: int, steps: int) -> Iterator[Floats]:
    """Actions that press one hand onto the middle of the table, each seed another way."""
    rng = np.random.default_rng(seed)
    for _ in range(steps):
        action = dynamics.physics.home.copy()
        arm = seed % 2 * 7
        action[arm : arm + 3] = [rng.uniform(-0.03, 0.03), rng.uniform(-0.1, 0.1), 0.012]
        yield action.astype(np.float32)


def test_coverage_is_one_at_the_goal_and_falls_with_distance() -> None:
    goal = np.array(GOAL)
    assert coverage(goal) == 1.0
    shifted = [coverage(goal + [d, 0, 0]) for d in (0.005, 0.02, 0.05, 0.3)]
    assert shifted == sorted(shifted, reverse=True)
    assert shifted[-1] == 0.0
    assert tip_distance_m(goal + [0.03, 0, 0]) == pytest.approx(0.03)


def test_the_sampled_surface_has_the_area_of_seven_units() -> None:
    assert inside_t(SURFACE).all()
    assert not inside_t(np.array([[0.05, -0.05]])).any()


def test_a_scene_always_starts_the_same_and_scenes_differ(dynamics: MujocoDynamics) -> None:
    a, b = Scene("push_t", "train", 0), Scene("push_t", "train", 1)
    (first, other), (seen, _), _ = dynamics.reset([a, b])
    (again,), (seen_again,), _ = MujocoDynamics(PushT()).reset([a])
    assert np.array_equal(first.physics, again.physics)
    assert np.array_equal(seen.images[TOP], seen_again.images[TOP])
    assert not np.array_equal(first.physics, other.physics)


def test_two_branches_that_share_a_model_equal_their_uninterrupted_runs(dynamics: MujocoDynamics) -> None:
    scene = Scene("push_t", "train", 2)
    plans = [list(_pushing(dynamics, seed, 12)) for seed in (0, 1)]
    alone = []
    for plan in plans:
        own = MujocoDynamics(PushT())
        states, _, _ = own.reset([scene])
        for action in plan:
            states, seen, _ = own.step(states, [action])
        alone.append((states[0], seen[0]))
        own.close()
    root, _, _ = dynamics.reset([scene])
    kept = root[0].physics.copy()
    branches = [root[0], root[0]]
    for k in range(12):
        for i in (1, 0) if k % 2 else (0, 1):
            [branches[i]], [seen_i], _ = dynamics.step([branches[i]], [plans[i][k]])
            if k == 11:
                assert np.array_equal(branches[i].physics, alone[i][0].physics)
                assert np.array_equal(seen_i.images[TOP], alone[i][1].images[TOP])
    assert np.array_equal(root[0].physics, kept)
    moved = np.abs(alone[0][1].require_truth() - alone[1][1].require_truth()).max()
    assert moved > 0.005, "the branches shall really touch the block"


def test_every_number_moves_the_picture(dynamics: MujocoDynamics) -> None:
    """Each of the 14 numbers, from low to high with all else the same, changes the picture and only its own state."""
    spec = dynamics.spec
    states, _, _ = dynamics.reset([Scene("push_t", "train", 3)])
    for k, number in enumerate(spec.action):
        seen = []
        for value in (number.low, number.high):
            action = dynamics.physics.home.copy()
            action[[6, 13]] = 0.5
            action[k] = value
            branch = states
            for _ in range(14):
                branch, observations, _ = dynamics.step(branch, [action.astype(np.float32)])
            seen.append(observations[0])
        changed = np.abs(seen[0].images[TOP].astype(int) - seen[1].images[TOP]).max(-1) > 20
        assert changed.sum() >= 12, f"{number.name} hardly shows"
        assert seen[1].state[k] - seen[0].state[k] == pytest.approx(number.high - number.low, abs=0.03), number.name


def test_commands_are_held_within_ranges_and_speed(dynamics: MujocoDynamics) -> None:
    states, (before,), _ = dynamics.reset([Scene("push_t", "train", 5)])
    far = dynamics.physics.home.astype(np.float32)
    far[0] = 9.0
    states, _, _ = dynamics.step(states, [far])
    assert states[0].command[0] - before.state[0] == pytest.approx(0.06, abs=1e-3)
    for _ in range(8):
        states, _, _ = dynamics.step(states, [far])
    assert states[0].command[0] == pytest.approx(0.03), "the left hand ends 3 cm into the right half"


def test_an_action_of_the_wrong_length_is_refused(dynamics: MujocoDynamics) -> None:
    states, _, _ = dynamics.reset([Scene("push_t", "train", 6)])
    with pytest.raises(SpecMismatch, match="14 numbers"):
        dynamics.step(states, [np.zeros(7, np.float32)])
    with pytest.raises(SpecMismatch, match="left_z"):
        dynamics.step(states, [np.where(np.arange(14) == 2, np.nan, 0)])


def test_pictures_of_any_number_and_size() -> None:
    dynamics = MujocoDynamics(PushT(), views=(View("top", 96), View("angle", 160)))
    _, (seen,), _ = dynamics.reset([Scene("push_t", "train", 7)])
    shapes = {name: picture.shape for name, picture in seen.images.items()}
    assert shapes == {TOP: (96, 96, 3), "observation.images.angle": (160, 160, 3)}
    dynamics.spec.check_observation(seen)
    dynamics.close()


def _episodes(unsteadiness: Unsteadiness, numbers: Iterable[int]) -> list[Path]:
    dynamics = MujocoDynamics(PushT(), views=())
    driver = ExpertDriver(PushTExpert(), unsteadiness)
    scenes = [Scene("push_t", "eval", k) for k in numbers]
    paths = run(driver, dynamics, scenes, 200, lambda path: driver.finished(path[-1].memory))
    dynamics.close()
    return paths


def test_the_expert_succeeds_and_progress_ends_at_one() -> None:
    paths = _episodes(Unsteadiness(), range(12))
    assert sum(path[-1].reading.success is True for path in paths) >= 11
    for path in paths:
        assert path[0].reading.progress is not None
        assert path[0].reading.progress < 0.9
        if path[-1].reading.success:
            assert path[-1].reading.progress == 1.0


def test_the_expert_does_the_same_in_the_same_scene() -> None:
    first, again = _episodes(Unsteadiness(), [3])[0], _episodes(Unsteadiness(), [3])[0]
    assert len(first) == len(again)
    assert all(np.array_equal(a.observation.state, b.observation.state) for a, b in zip(first, again, strict=True))


def test_mistakes_are_made_named_and_partly_made_good() -> None:
    paths = _episodes(Unsteadiness(mistakes=PushTExpert.mistakes), range(24))
    failed = [not path[-1].reading.success for path in paths]
    assert 6 <= sum(failed) <= 18
    lapses = {node.memory.lapse for path in paths for node in path}
    assert lapses == {"", *PushTExpert.mistakes}
    recovered = [p for p, bad in zip(paths, failed, strict=True) if not bad and any(n.memory.lapse for n in p)]
    assert recovered
