"""Opening simulators and worlds by name, and scenes as they are written on a command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hiwm.errors import BadInput
from hiwm.pipeline.dynamics import about_dynamics, open_dynamics, reopen_dynamics
from hiwm.pipeline.scenes import errand_of, first_observations, parse_scenes
from hiwm.types import Kind, Scene
from tests.fakes import TOY_SPEC, toy_dataset, toy_episode


def test_scenes_are_written_as_ranges() -> None:
    assert [s.id for s in parse_scenes("push_t/eval/3..5")] == ["push_t/eval/3", "push_t/eval/4", "push_t/eval/5"]
    assert parse_scenes(["push_t/eval/3", "push_t/train/0"])[1] == Scene("push_t", "train", 0)
    assert parse_scenes("dataset:/some/where/7")[0] == Scene("dataset:/some/where", "first", 7)
    assert parse_scenes("dataset:/some/where/first/7")[0] == Scene("dataset:/some/where", "first", 7)


@pytest.mark.parametrize("text", ["push_t/eval", "push_t/3", "push_t/eval/5..3", "push_t/eval/a..b", ""])
def test_other_forms_are_refused(text: str) -> None:
    with pytest.raises(BadInput, match="expected"):
        parse_scenes(text)


def test_a_scene_named_twice_is_refused() -> None:
    with pytest.raises(BadInput, match="each once"):
        parse_scenes(["push_t/eval/3..5", "push_t/eval/4"])


def test_a_dataset_gives_first_frames_and_prompts(tmp_path: Path, hiwm_home: Path) -> None:
    toy_dataset(tmp_path / "toy", each=1)
    [scene] = parse_scenes(f"dataset:{tmp_path / 'toy'}/0")
    seen = first_observations([scene], TOY_SPEC.cameras[:1])[scene.id]
    true = toy_episode(Kind.DEMO, 0)
    assert np.allclose(seen.state, true.state[0])
    shown, recorded = seen.images["observation.images.top"].astype(int), true.images["observation.images.top"][0]
    assert np.abs(shown - recorded).mean() < 6
    assert errand_of(scene).prompt == "bring the dot to the goal"
    with pytest.raises(BadInput, match="has episodes 0 to 2"):
        errand_of(Scene(scene.task, scene.split, 3))


def test_a_world_goes_on_from_what_the_simulator_shows_first() -> None:
    scenes = parse_scenes("push_t/eval/0..1")
    world = open_dynamics("push_t", None, scenes)
    simulator = open_dynamics(None, "push_t", scenes)
    try:
        (states, shown, _), (_, real, _) = world.reset(scenes), simulator.reset(scenes)
        for ours, theirs in zip(shown, real, strict=True):
            assert np.array_equal(ours.images["observation.images.top"], theirs.images["observation.images.top"])
        assert shown[0].truth is None
        _, after, readings = world.step(states, [seen.state for seen in shown])
        assert len(after) == 2
        assert readings[0].trust is not None
    finally:
        simulator.close()


def test_a_session_reopens_the_world_it_was_made_in() -> None:
    about = about_dynamics("push_t", None)
    assert (about["kind"], about["name"]) == ("world", "push_t")
    assert reopen_dynamics(about).spec.fps == 10
    with pytest.raises(BadInput, match="there it is now"):
        reopen_dynamics({**about, "hash": "0" * 64})


def test_exactly_one_dynamics_is_named_and_its_scenes_fit() -> None:
    for names in ((None, None), ("push_t", "push_t")):
        with pytest.raises(BadInput, match="exactly one"):
            open_dynamics(*names)
    with pytest.raises(BadInput, match="expected scenes of push_t"):
        open_dynamics(None, "push_t", [Scene("fold_towel", "eval", 0)])
