"""A world as a dynamics: values in, values out, the same bits again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from hiwm.data.background import usual_pictures
from hiwm.data.windows import Windows
from hiwm.errors import BadInput, SpecMismatch
from hiwm.types import Observation, Scene
from hiwm.worldmodel.checkpoint import World, load_world, make_net, save_world
from hiwm.worldmodel.fresh import shown_spec
from hiwm.worldmodel.learned import LearnedWorld, WorldState
from hiwm.worldmodel.scaling import NumberScale
from tests.worldmodel.conftest import TINY

SCENE = Scene("toy", "eval", 0)


@pytest.fixture(scope="module")
def world(windows: Windows) -> World:
    """Random weights that really paint: a trained world is not needed to check how states travel."""
    torch.manual_seed(0)
    spec = shown_spec(windows)
    net = make_net(spec, TINY)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    scales = [NumberScale.fit(v) for v in (windows.columns.state_ns, windows.columns.action_na)]
    return World(spec, TINY, scales[0], scales[1], usual_pictures(windows), net, {})


@pytest.fixture
def learned(world: World, windows: Windows) -> LearnedWorld:
    images = {name: frames.pictures_nhwc[0] for name, frames in windows.frames.items()}
    return LearnedWorld(world, {SCENE.id: Observation(images, windows.columns.state_ns[0])})


def _actions(windows: Windows, seed: int, count: int) -> list[np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
    rng = np.random.default_rng(seed)
    return list(windows.columns.action_na[rng.integers(0, len(windows), count)])


def test_branches_in_one_batch_equal_themselves_again_and_leave_the_root_alone(
    learned: LearnedWorld, windows: Windows
) -> None:
    [root], _, _ = learned.reset([SCENE])
    before = [picture.copy() for picture in root.shown]
    plans = [_actions(windows, seed, 5) for seed in (0, 1)]
    runs = []
    for _ in range(2):
        states: list[WorldState] = [root, root]
        for k in range(5):
            states, seen, _ = learned.step(states, [plan[k] for plan in plans])
        runs.append(seen)
    for one, again in zip(*runs, strict=True):
        assert all(np.array_equal(one.images[name], again.images[name]) for name in one.images)
        assert np.array_equal(one.state, again.state)
    assert not np.array_equal(runs[0][0].state, runs[0][1].state)
    assert all(np.array_equal(a, b) for a, b in zip(before, root.shown, strict=True))


def test_a_step_shows_what_the_state_holds(learned: LearnedWorld, windows: Windows) -> None:
    states, _, _ = learned.reset([SCENE])
    for action in _actions(windows, 2, 4):
        states, (seen,), _ = learned.step(states, [action])
        learned.spec.check_observation(seen)
        names = [camera.name for camera in learned.spec.cameras]
        assert all(seen.images[name] is picture for name, picture in zip(names, states[0].shown, strict=True))
        assert states[0].codes_kd.shape == (TINY.past, TINY.code)
        assert len(states[0].actions) == TINY.past - 1
    assert states[0].trace.steps == 4


def test_a_saved_world_steps_like_the_one_in_memory(learned: LearnedWorld, world: World, tmp_path: Path) -> None:
    save_world(tmp_path, world)
    again = LearnedWorld(load_world(tmp_path), learned.scenes)
    action = np.zeros(len(world.spec.action), np.float32)
    seen = [d.step(d.reset([SCENE])[0], [action])[1][0] for d in (learned, again)]
    assert all(np.array_equal(seen[0].images[name], seen[1].images[name]) for name in seen[0].images)


def test_bad_input_is_named(learned: LearnedWorld) -> None:
    with pytest.raises(BadInput, match="no first picture of scene toy/eval/9"):
        learned.reset([Scene("toy", "eval", 9)])
    states, _, _ = learned.reset([SCENE])
    with pytest.raises(SpecMismatch, match="numbers"):
        learned.step(states, [np.zeros(77, np.float32)])
    with pytest.raises(BadInput, match="1 to 4"):
        LearnedWorld(learned.world, {}, sample_steps=9)
    wrong = Observation({c.name: np.zeros((8, 8, 3), np.uint8) for c in learned.spec.cameras}, states[0].states_ks[0])
    with pytest.raises(SpecMismatch, match="camera"):
        learned.state_of(wrong, 0)
