"""The judge: it learns what the toy's pictures show, is saved with its world, and knows what it cannot know."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from hiwm.data.background import usual_pictures
from hiwm.data.source import Source, open_source
from hiwm.data.windows import Offsets, Windows, kept_out, open_windows
from hiwm.data.writer import write_dataset
from hiwm.errors import BadCheckpoint, StageFailed
from hiwm.pipeline.train_world import WorldRecipe, train_world
from hiwm.types import Kind, Observation, Reading, Scene
from hiwm.worldmodel.checkpoint import World, load_world, make_net, save_world
from hiwm.worldmodel.fresh import shown_spec
from hiwm.worldmodel.judge import Judge, JudgeConfig
from hiwm.worldmodel.judge_figures import balanced_accuracy, calibration, evened
from hiwm.worldmodel.judge_frames import Balanced, FrameStore, LabelledFrames, rolled, true_frames
from hiwm.worldmodel.judge_training import JudgeTrainer, JudgeTraining, known_labels
from hiwm.worldmodel.learned import LearnedWorld
from hiwm.worldmodel.scaling import NumberScale
from hiwm.worldmodel.training import Clock
from tests.fakes import TOY_SPEC, TOY_TASK, TRUTH_NAMES, toy_dataset, toy_episode
from tests.worldmodel.conftest import SHORT, TINY

SMALL = JudgeConfig(widths=(16, 16, 24), embed=16, hidden=32)
QUICK = JudgeTraining(batch=32, own_share=0.25, own_steps=4, branches=2, store=64, share=0.4)
CPU = torch.device("cpu")
SCENE = Scene("toy", "eval", 0)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Windows:
    """18 toy episodes."""
    folder = tmp_path_factory.mktemp("judged") / "dataset"
    toy_dataset(folder, each=6)
    return open_windows(open_source(folder), Offsets.span(1, 2), (32, 32), show=False)


@pytest.fixture(scope="module")
def world(many: Windows) -> World:
    torch.manual_seed(0)
    spec = shown_spec(many)
    scales = [NumberScale.fit(v) for v in (many.columns.state_ns, many.columns.action_na)]
    return World(spec, TINY, scales[0], scales[1], usual_pictures(many), make_net(spec, TINY), {})


@pytest.fixture(scope="module")
def said() -> list[str]:
    return []


@pytest.fixture(scope="module")
def judge(world: World, many: Windows, said: list[str]) -> Judge:
    trainer = JudgeTrainer(world, many, SMALL, QUICK, CPU)
    return trainer.train(Clock(60, steps=250), said.append, lambda name, value, step: None)


@pytest.fixture
def folder(world: World, judge: Judge, tmp_path: Path) -> Path:
    save_world(tmp_path, dataclasses.replace(world, judge=judge))
    return tmp_path


def _learned(world: World, windows: Windows) -> LearnedWorld:
    images = {name: frames.pictures_nhwc[0] for name, frames in windows.frames.items()}
    return LearnedWorld(world, {SCENE.id: Observation(images, windows.columns.state_ns[0])})


def test_it_learns_progress_and_success(world: World, many: Windows, judge: Judge, said: list[str]) -> None:
    frames = true_frames(world, many, np.arange(len(many)))
    pictures, states = frames.tensors(CPU)
    net = torch.nn.Module.float(judge.net)  # another test may have served it in 16 bits
    readings = dataclasses.replace(judge, net=net).read(pictures, states)
    progress = [reading.progress for reading in readings if reading.progress is not None]
    assert np.corrcoef(progress, frames.progress_b)[0, 1] > 0.8
    success = balanced_accuracy(np.array([bool(reading.success) for reading in readings]), frames.success_b)
    assert success is not None
    assert success > 0.8
    assert any("kept-out true frames" in line for line in said)
    assert any("kept-out own pictures" in line for line in said)
    assert set(judge.about["kept_out"]) == {"true frames", "own pictures"}


def test_kept_out_episodes_are_not_trained_on(world: World, many: Windows) -> None:
    trainer = JudgeTrainer(world, many, SMALL, QUICK, CPU)
    episode = [many.source.episodes.episode_of(int(i)) for i in trainer.pool]
    assert not set(episode) & set(kept_out(many).tolist())


def test_readings_appear_in_the_learned_world_and_come_again(folder: Path, many: Windows) -> None:
    learned = _learned(load_world(folder), many)
    states, _, first = learned.reset([SCENE, SCENE])
    action = many.columns.action_na[0]
    steps = [learned.step(states, [action, action])[2] for _ in range(2)]
    assert steps[0] == steps[1]
    for reading in (*first, *steps[0]):
        assert reading.progress is not None
        assert 0 <= reading.progress <= 1
        assert isinstance(reading.success, bool)
        assert reading.trust is None


def test_without_a_judge_nothing_is_known(world: World, many: Windows, tmp_path: Path) -> None:
    save_world(tmp_path, world)
    learned = _learned(load_world(tmp_path), many)
    states, _, first = learned.reset([SCENE])
    assert first == learned.step(states, [many.columns.action_na[0]])[2] == [Reading(None, None)]


def test_a_judge_of_progress_only_leaves_success_open(world: World, many: Windows, judge: Judge) -> None:
    frames = true_frames(world, many, np.arange(3))
    kind = next(judge.net.parameters()).dtype
    pictures, states = (tensor.to(kind) for tensor in frames.tensors(CPU))
    readings = dataclasses.replace(judge, knows_success=False).read(pictures, states)
    assert all(reading.success is None and reading.progress is not None for reading in readings)


def test_a_saved_judge_comes_back(folder: Path, judge: Judge) -> None:
    loaded = load_world(folder).judge
    assert loaded is not None
    assert (loaded.config, loaded.knows_success) == (judge.config, True)
    assert loaded.about == json.loads(json.dumps(judge.about))
    pairs = zip(loaded.net.state_dict().values(), judge.net.state_dict().values(), strict=True)
    assert all(torch.equal(a.bfloat16(), b.bfloat16()) for a, b in pairs)


def _rewrite(folder: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    weights = load_file(folder / "judge.safetensors")
    change(weights)
    save_file(weights, folder / "judge.safetensors")


def _describe(folder: Path, judge: object) -> None:
    described = json.loads((folder / "world.json").read_text())
    (folder / "world.json").write_text(json.dumps(described | {"judge": judge}))


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda f: (f / "judge.safetensors").unlink(), "judge.safetensors cannot be read"),
        (lambda f: (f / "judge.safetensors").write_bytes(b"\x80\x04 a pickle"), "judge.safetensors cannot be read"),
        (lambda f: _rewrite(f, lambda w: w.pop("last.bias")), "1 tensors missing"),
        (lambda f: _rewrite(f, lambda w: w.update(extra=torch.zeros(1))), "1 unknown"),
        (lambda f: _rewrite(f, lambda w: w["last.bias"].fill_(float("inf"))), "not finite"),
        (lambda f: _describe(f, "yes"), "does not describe a world"),
        (lambda f: _describe(f, {"network": {"fold": 0}, "knows_success": True, "about": {}}), "does not describe"),
        (lambda f: _describe(f, {"network": {"evil": 1}, "knows_success": True, "about": {}}), "does not describe"),
    ],
)
def test_a_hostile_judge_is_refused(folder: Path, spoil: Callable[[Path], object], says: str) -> None:
    spoil(folder)
    with pytest.raises(BadCheckpoint, match=says):
        load_world(folder)


def _without_labels(source: Source) -> Source:
    return dataclasses.replace(source, names=dataclasses.replace(source.names, success=None, progress=None))


def test_the_pipeline_trains_a_judge_by_its_share_of_the_time(many: Windows, tmp_path: Path) -> None:
    recipe = WorldRecipe(TINY, SHORT, SMALL, QUICK)
    out = train_world(many.source, tmp_path / "world", 0.1, recipe, "cpu", (32, 32))
    judge = load_world(out).judge
    assert judge is not None
    assert 0.03 < judge.about["minutes"] < 0.08
    assert json.loads((out / "resume.json").read_text())["spent_s"] == pytest.approx(3.6, abs=1.5)


def test_a_dataset_without_labels_gives_a_world_without_a_judge(
    many: Windows, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = WorldRecipe(TINY, SHORT, SMALL, QUICK)
    out = train_world(_without_labels(many.source), tmp_path / "world", 0.03, recipe, "cpu", (32, 32))
    assert load_world(out).judge is None
    assert not (out / "judge.safetensors").exists()
    assert "no judge" in capsys.readouterr().err


def test_without_failures_it_judges_progress_only(tmp_path: Path) -> None:
    episodes = [toy_episode(Kind.DEMO, i) for i in range(3)]
    write_dataset(episodes, TOY_SPEC, tmp_path / "demos", TOY_TASK.name, TRUTH_NAMES)
    windows = open_windows(open_source(tmp_path / "demos"), Offsets.span(1, 2), (32, 32), show=False)
    known = known_labels(windows)
    assert (known.progress, known.success) == (True, False)
    assert known.note is not None
    assert "progress only" in known.note


def test_a_loss_that_is_not_finite_is_named(world: World, many: Windows) -> None:
    trainer = JudgeTrainer(world, many, SMALL, QUICK, CPU)
    with torch.no_grad():
        trainer.net.last.weight.fill_(float("nan"))
    with pytest.raises(StageFailed, match="not finite"):
        trainer.train(Clock(5, steps=2), lambda line: None, lambda name, value, step: None)


def test_rare_frames_are_drawn_as_often_and_unknown_ones_never() -> None:
    nan = np.nan
    progress = np.array([0.1] * 96 + [0.95, 1.0, nan, nan], np.float32)
    success = np.array([0.0] * 96 + [0.0, 1.0, nan, nan], np.float32)
    drawn = Balanced(progress, success).draw(3000, np.random.default_rng(0))
    assert (drawn == 96).mean() == pytest.approx(1 / 3, abs=0.05)
    assert (drawn == 97).mean() == pytest.approx(1 / 3, abs=0.05)
    assert drawn.max() < 98


def test_the_store_forgets_the_oldest() -> None:
    store, rng = FrameStore(3), np.random.default_rng(0)
    assert store.draw(4, rng) == []
    for value in range(5):
        label = np.array([value / 10], np.float32)
        store.add(LabelledFrames(np.zeros((1, 4, 4, 3), np.uint8), np.zeros((1, 2), np.float32), label, label * 0))
    assert {round(float(frame.progress_b[0]), 1) for frame in store.draw(60, rng)} == {0.2, 0.3, 0.4}


def test_rollouts_carry_the_labels_of_their_place_and_end_with_the_episode(world: World, many: Windows) -> None:
    episodes = many.source.episodes
    last = int(episodes.start_e[0] + episodes.length_e[0] - 1)
    steps = list(rolled(world, many, np.array([0, last - 2]), 4, CPU, torch.Generator().manual_seed(0)))
    assert [len(step) for step in steps] == [2, 2, 1, 1]
    assert [step.progress_b[0] for step in steps] == many.columns.progress_n[1:5].tolist()
    assert steps[1].progress_b[1] == many.columns.progress_n[last]


def test_calibration_puts_the_threshold_between_success_and_failure_however_rare_success_is() -> None:
    rng = np.random.default_rng(0)
    success = (rng.random(2000) < 0.1).astype(np.float32)
    logit = (6 * success - 1 + rng.normal(0, 1, 2000)).astype(np.float32)  # failures about -1, successes about 5
    frames = LabelledFrames(np.zeros((2000, 1, 1, 3), np.uint8), np.zeros((2000, 1), np.float32), success, success)
    scale, shift = calibration(logit, success, evened(frames))
    assert -shift / scale == pytest.approx(2, abs=0.5)
    assert calibration(logit, success * 0, evened(frames)) == (1.0, 0.0)


def test_near_misses_weigh_as_much_as_all_other_failures() -> None:
    success = np.array([1, 0, 0, 0, 0, np.nan], np.float32)
    progress = np.array([1, 0.95, 0.1, 0.2, 0.3, 0.5], np.float32)
    weights = evened(LabelledFrames(np.zeros((6, 1, 1, 3), np.uint8), np.zeros((6, 1), np.float32), progress, success))
    assert weights.tolist() == pytest.approx([1 / 2, 1 / 4, 1 / 12, 1 / 12, 1 / 12, 0])
