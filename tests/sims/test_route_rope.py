"""Route Rope: judging, truth, starts, exact restore in mid-grasp, and its expert with its mistakes."""

from collections.abc import Iterator

import numpy as np
import pytest

from hiwm.errors import UnknownName
from hiwm.rollout import Path, advance, first_nodes, run
from hiwm.sims.looks import load_look
from hiwm.sims.mujoco_dynamics import TOP_128, MujocoDynamics
from hiwm.sims.route_rope import LENGTH_M, PEG_TOP_M, RADIUS_M, SEGMENT_M, RouteRope, crossings, distance_m, threaded
from hiwm.sims.route_rope_expert import RouteRopeExpert
from hiwm.sims.script import ExpertDriver, Skill, Unsteadiness
from hiwm.sims.task import Setting
from hiwm.sims.tasks import load_task
from hiwm.types import Doubles, Kind, Observation, Scene

TOP = "observation.images.top"
HOME = RouteRope().home.astype(np.float32)
SLOT = np.array([0.05, 0.1, 0.3])
WAY = np.array([np.cos(SLOT[2]), np.sin(SLOT[2])])
ASIDE = np.array([-WAY[1], WAY[0]])


@pytest.fixture(scope="module")
def dynamics() -> Iterator[MujocoDynamics]:
    made = MujocoDynamics(RouteRope(), views=())
    yield made
    made.close()


@pytest.fixture(scope="module")
def demos(dynamics: MujocoDynamics) -> list[Path]:
    """Whole episodes of the expert without mistakes."""
    return _episodes(dynamics, Unsteadiness(), [Scene("route_rope", "eval", i) for i in range(3)])


def _episodes(dynamics: MujocoDynamics, unsteadiness: Unsteadiness, scenes: list[Scene]) -> list[Path]:
    driver = ExpertDriver(RouteRopeExpert(), unsteadiness)
    return run(driver, dynamics, scenes, 250, lambda path: driver.finished(path[-1].memory))


def _line(aside: float, height: float) -> Doubles:
    """A straight rope along the slot's way, at a distance beside its middle."""
    along = np.linspace(-0.2, 0.2, 22)[:, None]
    return np.column_stack([SLOT[:2] + along * WAY + aside * ASIDE, np.full(22, height)])


def _points(observation: Observation) -> Doubles:
    """The rope's points (22, 3)."""
    assert observation.truth is not None
    return observation.truth[:66].astype(float).reshape(22, 3)


def test_a_rope_is_threaded_between_the_pegs_below_their_tops_only() -> None:
    assert crossings(_line(0.01, 0.02), SLOT) == pytest.approx(np.array([[0.01, 0.02]]))
    assert threaded(_line(0.01, RADIUS_M), SLOT)
    assert not threaded(_line(0.03, RADIUS_M), SLOT)
    assert not threaded(_line(-0.03, RADIUS_M), SLOT)
    assert not threaded(_line(0.0, PEG_TOP_M + RADIUS_M), SLOT)
    assert len(crossings(_line(0.0, RADIUS_M)[:8], SLOT)) == 0


def test_distance_is_from_the_axis_to_where_it_shall_lie() -> None:
    assert distance_m(_line(0.03, RADIUS_M + 0.04), SLOT) == pytest.approx(0.05)
    short = _line(0.0, RADIUS_M)[:8]
    assert distance_m(short, SLOT) == pytest.approx(np.linalg.norm(short[-1, :2] - SLOT[:2]))


def test_scenes_start_at_rest_wholly_in_view_and_clear_of_the_slots(dynamics: MujocoDynamics) -> None:
    scenes = [Scene("route_rope", "train", i) for i in range(12)]
    states, seen, readings = dynamics.reset(scenes)
    _, later, _ = dynamics.step(states, [HOME] * 12)
    for state, before, after, reading in zip(states, seen, later, readings, strict=True):
        points = _points(before)
        assert np.abs(points[:, :2]).max() < 0.25
        assert np.abs(_points(after) - points).max() < 0.001
        assert min(distance_m(points, np.array(slot)) for slot in state.extra) > 0.05
        assert reading.progress is not None
        assert reading.progress < 0.7
    slots = np.array([state.extra for state in states])
    assert (np.ptp(slots, axis=0) > [0.02, 0.03, 0.4]).all()


def test_truth_is_the_ropes_points_and_the_slots_in_place(dynamics: MujocoDynamics) -> None:
    assert len(dynamics.physics.truth_names) == 72
    assert dynamics.physics.truth_names[65:69] == ("rope_21_z", "left_slot_x", "left_slot_y", "left_slot_turn")
    (state,), (seen,), _ = dynamics.reset([Scene("route_rope", "train", 4)])
    lengths = np.linalg.norm(np.diff(_points(seen), axis=0), axis=1)
    assert lengths == pytest.approx(SEGMENT_M, abs=0.001)
    assert lengths.sum() == pytest.approx(LENGTH_M, abs=0.003)
    assert _points(seen)[:, 2] == pytest.approx(RADIUS_M, abs=0.001)
    assert seen.truth is not None
    assert seen.truth[66:] == pytest.approx(np.ravel(state.extra))
    model, data = dynamics._model, dynamics._data
    assert data.xpos[model.body("right_slot").id][:2] == pytest.approx(state.extra[1][:2])


def test_the_expert_succeeds_and_success_stays(demos: list[Path]) -> None:
    for path in demos:
        assert all(node.reading.success for node in path[-8:])
        assert len(path) <= 110
        assert path[-1].state.holds == (None, None)
        assert path[-1].observation.state == pytest.approx(RouteRope().home, abs=0.03)
        assert _points(path[-1].observation) == pytest.approx(_points(path[-5].observation), abs=0.002)


def test_progress_rises_to_one_at_success(demos: list[Path]) -> None:
    for path in demos:
        progress = np.array([node.reading.progress for node in path])
        success = np.array([node.reading.success for node in path])
        assert progress[0] < 0.7
        assert (np.maximum.accumulate(progress) - progress).max() < 0.15
        assert (progress[success] == 1.0).all()
        assert ((progress[~success] >= 0) & (progress[~success] < 1)).all()


def test_a_rope_that_is_still_held_is_no_success(dynamics: MujocoDynamics, demos: list[Path]) -> None:
    node = demos[0][-1]
    dynamics.step([node.state], [HOME])
    held = next(n.state.holds for n in demos[0] if n.state.holds[0] is not None)
    reading = dynamics.physics.read(dynamics._data, node.state.extra, (held[0], None))
    assert reading.success is False
    assert reading.progress == pytest.approx(0.95)


def test_the_same_scene_gives_the_same_episode(dynamics: MujocoDynamics, demos: list[Path]) -> None:
    (again,) = _episodes(dynamics, Unsteadiness(), [Scene("route_rope", "eval", 0)])
    assert len(again) == len(demos[0])
    assert np.array_equal(again[-1].state.physics, demos[0][-1].state.physics)


def test_two_branches_in_mid_grasp_that_share_a_model_equal_their_uninterrupted_runs() -> None:
    driver = ExpertDriver(RouteRopeExpert(), Unsteadiness())
    scenes = [Scene("route_rope", "train", i) for i in (0, 1)]
    alone = []
    for scene in scenes:
        fresh = MujocoDynamics(RouteRope(), views=TOP_128)
        alone.append(run(driver, fresh, [scene], 46, lambda path: False)[0])
        fresh.close()
    shared = MujocoDynamics(RouteRope(), views=TOP_128)
    nodes = [first_nodes(driver, shared, [scene])[0] for scene in scenes]
    for step in range(1, 47):
        nodes = [advance(driver, shared, [node])[0] for node in nodes]
        for node, path in zip(nodes, alone, strict=True):
            assert np.array_equal(node.state.physics, path[step].state.physics)
            assert node.state.holds == path[step].state.holds
            assert node.state.extra == path[step].state.extra
            assert np.array_equal(node.observation.images[TOP], path[step].observation.images[TOP])
    shared.close()
    assert all(None not in node.state.holds for node in nodes)
    assert nodes[0].state.holds != nodes[1].state.holds


def test_a_step_never_edits_a_state(dynamics: MujocoDynamics, demos: list[Path]) -> None:
    held = [path[36].state for path in demos[:2]]
    assert all(None not in state.holds for state in held)
    kept = [(s.physics.copy(), s.command.copy(), s.holds, s.extra) for s in held]
    first, _, _ = dynamics.step(held, [HOME] * 2)
    dynamics.step(first, [HOME] * 2)
    again, _, _ = dynamics.step(held, [HOME] * 2)
    for state, (physics, command, holds, extra) in zip(held, kept, strict=True):
        assert np.array_equal(state.physics, physics)
        assert np.array_equal(state.command, command)
        assert (state.holds, state.extra) == (holds, extra)
    assert all(np.array_equal(a.physics, b.physics) for a, b in zip(first, again, strict=True))


def test_mistakes_occur_are_named_and_are_sometimes_recovered_from(dynamics: MujocoDynamics) -> None:
    scenes = [Scene("route_rope", "train", i) for i in range(10)]
    paths = _episodes(dynamics, Unsteadiness(mistakes=RouteRopeExpert.mistakes), scenes)
    made = [{node.memory.lapse for node in path} - {""} for path in paths]
    assert set().union(*made) == set(RouteRopeExpert.mistakes)
    ended_well = [bool(path[-1].reading.success) for path in paths]
    assert not all(ended_well)
    assert any(names and good and len(path) > 100 for names, good, path in zip(made, ended_well, paths, strict=True))


def test_failures_can_be_of_chosen_mistakes() -> None:
    task = load_task("route_rope", Setting(mistakes=("missed_grasp",)))
    dynamics = task.open()
    try:
        scenes = [Scene("route_rope", "train", i) for i in range(4)]
        paths = run(task.script(Kind.FAILURE), dynamics, scenes, 60, lambda path: False)
    finally:
        dynamics.close()
    assert {node.memory.lapse for path in paths for node in path} == {"", "missed_grasp"}
    with pytest.raises(UnknownName, match="no mistake is called 'sneezing'"):
        load_task("route_rope", Setting(mistakes=("sneezing",)))


def test_the_expert_goes_on_from_where_somebody_else_dropped_the_rope(dynamics: MujocoDynamics) -> None:
    driver = ExpertDriver(RouteRopeExpert(), Unsteadiness())
    (path,) = run(driver, dynamics, [Scene("route_rope", "eval", 1)], 42, lambda path: False)
    (node,) = path[-1:]
    assert None not in node.state.holds
    opened = node.state.command.copy()
    opened[13] = 1.0
    for _ in range(3):
        (node,) = advance(driver, dynamics, [node], [opened.astype(np.float32)])
    assert node.state.holds[1] is None
    for _ in range(150):
        (node,) = advance(driver, dynamics, [node])
        if driver.finished(node.memory):
            break
    assert node.reading.success


def _next_skill(rope_xy: Doubles) -> Skill | None:
    """What the expert does, hands at home, about a rope (22, 2) on the table."""
    slots = [-0.08, 0.08, 0.0, 0.08, 0.08, 0.0]
    truth = np.concatenate([np.column_stack([rope_xy, np.full(22, RADIUS_M)]).ravel(), slots]).astype(np.float32)
    home = RouteRope().home
    seen = Observation({}, home.astype(np.float32), truth)
    return RouteRopeExpert().next_skill(seen, home, 0, "", np.random.default_rng(0))


def _way(skill: Skill | None) -> Doubles:
    """A skill's way points, (N, 2, 7)."""
    assert skill is not None
    return np.array([point.command for point in skill.way]).reshape(-1, 2, 7)


def test_a_coiled_rope_is_first_drawn_open_by_one_hand() -> None:
    angle = np.linspace(0, 4 * np.pi, 22)
    way = _way(_next_skill(np.column_stack([0.033 * np.cos(angle), 0.033 * np.sin(angle) - 0.1])))
    assert way[1, 0, :2] == pytest.approx([0.033, -0.1], abs=0.01)
    assert way[3, 0, 0] < -0.2
    assert (way[:, 1] == RouteRope().home[7:]).all()


def test_a_rope_beyond_the_reach_is_first_drawn_in_and_left_where_no_hand_gets() -> None:
    line = np.column_stack([np.linspace(0.0, 0.42, 22), np.full(22, -0.1)])
    way = _way(_next_skill(line))
    assert way[1, 1, :2] == pytest.approx([0.24, -0.1], abs=0.02)
    assert abs(way[3, 1, 0]) < 0.05
    assert _next_skill(line + [0.3, 0]) is None


@pytest.mark.parametrize("name", ["appearance", "all"])
def test_looks_change_the_picture_and_not_the_physics(name: str) -> None:
    plain, other = MujocoDynamics(RouteRope()), MujocoDynamics(RouteRope(), load_look(name))
    (a,), (seen_a,), _ = plain.reset([Scene("route_rope", "train", 0)])
    (b,), (seen_b,), _ = other.reset([Scene("route_rope", "train", 0)])
    assert np.array_equal(a.physics, b.physics)
    assert not np.array_equal(seen_a.images[TOP], seen_b.images[TOP])
    plain.close()
    other.close()
