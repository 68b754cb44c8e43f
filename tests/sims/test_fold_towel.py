"""Fold Towel: judging, layers, truth, exact restore in mid-grasp, pictures of both faces, and its expert."""

from collections.abc import Iterator

import numpy as np
import pytest

from hiwm.rollout import Node, Path, advance, first_nodes, run
from hiwm.sims import towel_mesh as mesh
from hiwm.sims.fold_towel import LOOKOUTS, FoldTowel, covered_area, mirror_gaps
from hiwm.sims.fold_towel_expert import FoldTowelExpert
from hiwm.sims.looks import load_look
from hiwm.sims.mujoco_dynamics import TOP_128, MujocoDynamics
from hiwm.sims.script import ExpertDriver, Unsteadiness
from hiwm.sims.towel_sheet import Sheet
from hiwm.types import Doubles, Observation, Scene

TOP = "observation.images.top"
HOME = FoldTowel().home.astype(np.float32)


@pytest.fixture(scope="module")
def dynamics() -> Iterator[MujocoDynamics]:
    made = MujocoDynamics(FoldTowel(), views=())
    yield made
    made.close()


@pytest.fixture(scope="module")
def demos(dynamics: MujocoDynamics) -> list[Path]:
    """Whole episodes of the expert without mistakes."""
    return _episodes(dynamics, Unsteadiness(), [Scene("fold_towel", "eval", i) for i in range(4)])


def _episodes(dynamics: MujocoDynamics, unsteadiness: Unsteadiness, scenes: list[Scene]) -> list[Path]:
    driver = ExpertDriver(FoldTowelExpert(), unsteadiness)
    return run(driver, dynamics, scenes, 250, lambda path: driver.finished(path[-1].memory))


def _finish(dynamics: MujocoDynamics, node: Node) -> Node:
    """Where the expert gets to from a node."""
    driver = ExpertDriver(FoldTowelExpert(), Unsteadiness())
    for _ in range(250):
        (node,) = advance(driver, dynamics, [node])
        if driver.finished(node.memory):
            break
    return node


def _folded(rise_m: float = mesh.LAYER_M) -> Doubles:
    """(V, 3) a towel whose near half lies exactly on its far half."""
    vertices = mesh.REST.copy()
    near = vertices[:, 1] < 0
    vertices[near, 1] *= -1
    vertices[near, 2] += rise_m
    return vertices


def _grid(observation: Observation) -> Doubles:
    """The lookouts (5, 5, 3)."""
    assert observation.truth is not None
    return observation.truth.astype(float).reshape(5, 5, 3)


def test_a_flat_towel_covers_itself_and_a_folded_one_half() -> None:
    assert covered_area(mesh.REST) == 1.0
    assert covered_area(_folded()) == pytest.approx(0.5, abs=0.03)
    assert mirror_gaps(mesh.REST).max() == pytest.approx(mesh.WIDTH_M)
    assert mirror_gaps(_folded()) == pytest.approx(mesh.LAYER_M)


def test_layers_count_what_lies_under_a_vertex() -> None:
    assert (mesh.layers_under(mesh.REST) == 0).all()
    layers = mesh.layers_under(_folded()).reshape(mesh.SIDE, mesh.SIDE)
    assert (layers[:5] == 1).all()
    assert (layers[5:] == 0).all()


def test_a_radius_grows_at_once_in_the_air_and_gradually_in_contact() -> None:
    flat = np.full(mesh.SIDE**2, mesh.RADIUS_M)
    full = mesh.RADIUS_M + mesh.LAYER_M
    assert mesh.next_radii(_folded(0.05), flat)[0] == pytest.approx(full)
    assert mesh.RADIUS_M < mesh.next_radii(_folded(0.003), flat)[0] < full
    assert mesh.RADIUS_M < mesh.next_radii(mesh.REST, np.full(mesh.SIDE**2, full))[0] < full


def test_scenes_start_flat_at_rest_in_view_and_differ(dynamics: MujocoDynamics) -> None:
    scenes = [Scene("fold_towel", "train", i) for i in range(12)]
    states, seen, readings = dynamics.reset(scenes)
    _, later, _ = dynamics.step(states, [HOME] * 12)
    turns = []
    for before, after, reading in zip(seen, later, readings, strict=True):
        grid = _grid(before)
        assert np.abs(grid[..., :2]).max() < 0.24
        assert grid[..., 2] == pytest.approx(mesh.RADIUS_M, abs=0.001)
        assert np.abs(_grid(after) - grid).max() < 0.001
        assert reading.progress == pytest.approx(0.0, abs=0.01)
        assert reading.success is False
        turns.append(Sheet(grid).yaw)
    assert np.abs(turns).max() <= np.radians(20) + 1e-3
    assert np.ptp(turns) > 0.3


def test_truth_is_the_places_of_25_vertices(dynamics: MujocoDynamics) -> None:
    names = dynamics.physics.truth_names
    assert len(names) == 75
    assert (names[0], names[14], names[-1]) == ("towel_0_0_x", "towel_0_4_z", "towel_4_4_z")
    _, (seen,), _ = dynamics.reset([Scene("fold_towel", "train", 4)])
    model, data = dynamics._model, dynamics._data
    for row, column in ((0, 0), (0, 4), (2, 1), (4, 4)):
        vertex = LOOKOUTS[row] * mesh.SIDE + LOOKOUTS[column]
        place = data.xpos[model.body(mesh.vertex_name(vertex)).id]
        assert _grid(seen)[row, column] == pytest.approx(place, abs=1e-6)
    edge = np.linalg.norm(_grid(seen)[0, 4] - _grid(seen)[0, 0])
    assert edge == pytest.approx(mesh.WIDTH_M, abs=0.002)


def test_the_expert_succeeds_and_success_stays(demos: list[Path]) -> None:
    for path in demos:
        assert all(node.reading.success for node in path[-8:])
        assert len(path) <= 110
        assert path[-1].state.holds == (None, None)
        assert path[-1].observation.state == pytest.approx(HOME, abs=0.03)
        assert _grid(path[-1].observation) == pytest.approx(_grid(path[-5].observation), abs=0.002)


def test_the_upper_half_lies_a_layer_higher(demos: list[Path]) -> None:
    for path in demos:
        heights = _grid(path[-1].observation)[..., 2]
        assert (heights[:2] - heights[:2:-1] > 0.7 * mesh.LAYER_M).all()
        assert heights.max() < mesh.RADIUS_M + 1.5 * mesh.LAYER_M


def test_progress_rises_to_one_at_success(demos: list[Path]) -> None:
    for path in demos:
        progress = np.array([node.reading.progress for node in path])
        success = np.array([node.reading.success for node in path])
        assert (np.maximum.accumulate(progress) - progress).max() < 0.05
        assert (progress[success] == 1.0).all()
        assert ((progress[~success] >= 0) & (progress[~success] < 1)).all()
        assert np.diff(progress).max() < 0.25


def test_a_folded_towel_that_is_still_held_is_no_success(dynamics: MujocoDynamics, demos: list[Path]) -> None:
    node = demos[0][-1]
    held = next(n.state.holds for n in demos[0] if n.state.holds[0] is not None)
    dynamics.step([node.state], [HOME])
    reading = dynamics.physics.read(dynamics._data, node.state.extra, (held[0], None))
    assert reading.success is False
    assert reading.progress == pytest.approx(0.95, abs=0.05)


def test_the_same_scene_gives_the_same_episode(dynamics: MujocoDynamics, demos: list[Path]) -> None:
    (again,) = _episodes(dynamics, Unsteadiness(), [Scene("fold_towel", "eval", 0)])
    assert len(again) == len(demos[0])
    assert np.array_equal(again[-1].state.physics, demos[0][-1].state.physics)


def test_two_branches_in_mid_grasp_that_share_a_model_equal_their_uninterrupted_runs() -> None:
    driver = ExpertDriver(FoldTowelExpert(), Unsteadiness())
    scenes = [Scene("fold_towel", "train", i) for i in (0, 1)]
    alone = []
    for scene in scenes:
        fresh = MujocoDynamics(FoldTowel(), views=TOP_128)
        alone.append(run(driver, fresh, [scene], 36, lambda path: False)[0])
        fresh.close()
    shared = MujocoDynamics(FoldTowel(), views=TOP_128)
    nodes = [first_nodes(driver, shared, [scene])[0] for scene in scenes]
    for step in range(1, 37):
        nodes = [advance(driver, shared, [node])[0] for node in nodes]
        for node, path in zip(nodes, alone, strict=True):
            assert np.array_equal(node.state.physics, path[step].state.physics)
            assert node.state.holds == path[step].state.holds
            assert np.array_equal(node.state.extra, path[step].state.extra)
            assert np.array_equal(node.observation.images[TOP], path[step].observation.images[TOP])
    shared.close()
    assert all(None not in node.state.holds for node in nodes)
    assert all(node.state.extra.max() > mesh.RADIUS_M for node in nodes), "with layers in play"
    assert nodes[0].state.holds != nodes[1].state.holds


def test_a_step_never_edits_a_state(dynamics: MujocoDynamics, demos: list[Path]) -> None:
    held = [path[36].state for path in demos[:2]]
    assert all(None not in state.holds for state in held)
    kept = [(s.physics.copy(), s.command.copy(), s.holds, s.extra.copy()) for s in held]
    first, _, _ = dynamics.step(held, [HOME] * 2)
    dynamics.step(first, [HOME] * 2)
    again, _, _ = dynamics.step(held, [HOME] * 2)
    for state, (physics, command, holds, extra) in zip(held, kept, strict=True):
        assert np.array_equal(state.physics, physics)
        assert np.array_equal(state.command, command)
        assert state.holds == holds
        assert np.array_equal(state.extra, extra)
    assert all(np.array_equal(a.physics, b.physics) for a, b in zip(first, again, strict=True))


def test_mistakes_occur_are_named_and_are_sometimes_recovered_from(dynamics: MujocoDynamics) -> None:
    scenes = [Scene("fold_towel", "eval", i) for i in range(12)]
    paths = _episodes(dynamics, Unsteadiness(mistakes=FoldTowelExpert.mistakes), scenes)
    made = [{node.memory.lapse for node in path} - {""} for path in paths]
    assert set().union(*made) == set(FoldTowelExpert.mistakes)
    ended_well = [bool(path[-1].reading.success) for path in paths]
    assert 2 <= sum(ended_well) <= 10
    assert any(names and good and len(path) > 80 for names, good, path in zip(made, ended_well, paths, strict=True))


@pytest.mark.parametrize("arms", [(6,), (6, 13)])
def test_the_expert_takes_up_a_towel_that_was_dropped_half_way(dynamics: MujocoDynamics, arms: tuple[int, ...]) -> None:
    driver = ExpertDriver(FoldTowelExpert(), Unsteadiness())
    (path,) = run(driver, dynamics, [Scene("fold_towel", "eval", 1)], 36, lambda path: False)
    (node,) = path[-1:]
    assert None not in node.state.holds
    opened = node.state.command.copy()
    opened[list(arms)] = 1.0
    for _ in range(3):
        (node,) = advance(driver, dynamics, [node], [opened.astype(np.float32)])
    assert node.state.holds[0] is None
    assert _finish(dynamics, node).reading.success


def test_the_expert_spreads_a_far_corner_that_lies_folded_in(dynamics: MujocoDynamics) -> None:
    driver = ExpertDriver(FoldTowelExpert(), Unsteadiness())
    (node,) = first_nodes(driver, dynamics, [Scene("fold_towel", "eval", 2)])
    corner = _grid(node.observation)[4, 0, :2]
    middle = _grid(node.observation)[2, 1, :2]
    ways = ((corner, 0.07, 1, 5), (corner, 0.009, 1, 4), (corner, 0.009, 0, 2), (corner, 0.06, 0, 3))
    for (x, y), height, gripper, steps in (*ways, (middle, 0.06, 0, 4), (middle, 0.02, 1, 3), (middle, 0.1, 1, 3)):
        action = HOME.copy()
        action[[0, 1, 2, 6]] = [x, y, height, gripper]
        for _ in range(steps):
            (node,) = advance(driver, dynamics, [node], [action])
    assert Sheet(_grid(node.observation)).crumpled
    assert _finish(dynamics, node).reading.success


def test_both_faces_show_and_differ(demos: list[Path]) -> None:
    painted = MujocoDynamics(FoldTowel())
    flat, folded = (painted.picture(demos[0][k].state, "top", 128).astype(int) for k in (0, -1))
    painted.close()
    red = [(p[..., 0] > p[..., 1] + 60).mean() for p in (flat, folded)]
    pale = [(p.min(-1) > 175).mean() for p in (flat, folded)]
    assert red[0] > 0.15 > 2 * red[1]
    assert pale[1] > pale[0] + 0.03


def test_looks_change_the_picture_and_not_the_physics() -> None:
    plain, other = MujocoDynamics(FoldTowel()), MujocoDynamics(FoldTowel(), load_look("all"))
    (a,), (seen_a,), _ = plain.reset([Scene("fold_towel", "train", 0)])
    (b,), (seen_b,), _ = other.reset([Scene("fold_towel", "train", 0)])
    assert np.array_equal(a.physics, b.physics)
    assert not np.array_equal(seen_a.images[TOP], seen_b.images[TOP])
    plain.close()
    other.close()
