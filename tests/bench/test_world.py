"""The world benchmark: its rows, what its baselines must give, what the simulator shows for them, and its report."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console

from hiwm.bench.picture_figures import PERFECT_DB, changed_pixels, psnr_db, ssim
from hiwm.bench.world import bench_world, setting_of
from hiwm.bench.world_clips import Clip, scripted_path
from hiwm.bench.world_figures import figure, moments_of
from hiwm.bench.world_films import ABSENT, FIRST, FROZEN, LEFT_OUT, baseline_films
from hiwm.bench.world_parts import GROUPS, Plan
from hiwm.bench.world_report import groups_table, world_table
from hiwm.bench.world_success import NO_JUDGE
from hiwm.bench.world_trust import NO_TRUST
from hiwm.cli.app import main
from hiwm.data.episode import episode_from_path
from hiwm.data.source import open_source
from hiwm.data.windows import Offsets, open_windows
from hiwm.data.writer import write_dataset
from hiwm.errors import BadInput, SpecMismatch
from hiwm.perception.estimator import save_estimator
from hiwm.perception.network import EstimatorConfig
from hiwm.perception.training import EstimatorTraining, train_estimator
from hiwm.rollout import Node
from hiwm.sims.arena import VIEW_M
from hiwm.sims.mujoco_dynamics import MujocoDynamics
from hiwm.sims.push_t import PushT
from hiwm.sims.task import Setting, SimTask
from hiwm.sims.tasks import load_task
from hiwm.types import Kind, Scene
from hiwm.worldmodel.checkpoint import load_world
from hiwm.worldmodel.training import Clock, WorldTrainer
from tests.dot_world import DOT_TASK, dot_dataset
from tests.worldmodel.conftest import SHORT, TINY

STEPS = 8
PLAN = Plan(clips=2, steps=STEPS, episodes=4, long_steps=40)
CLIPS_ONLY = dataclasses.replace(PLAN, groups=("clips",))


@dataclasses.dataclass(frozen=True)
class Folders:
    world: Path
    estimator: Path


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    """A world and an estimator of the dot; the world has hardly been trained."""
    torch.set_num_threads(1)
    place = tmp_path_factory.mktemp("bench")
    dot_dataset(place / "dataset", each=8)
    return _trained(place)


def _trained(place: Path, estimator_steps: int = 200) -> Folders:
    source = open_source(place / "dataset")
    config = EstimatorConfig(widths=(16, 32, 32), points=8, hidden=64)
    recipe = EstimatorTraining(steps=estimator_steps)
    frames = open_windows(source, Offsets(), show=False)
    seen = train_estimator(frames, config, recipe, 600, lambda share, said: None)
    save_estimator(place / "estimator", seen)
    windows = open_windows(source, Offsets.span(TINY.past - 1, 0), show=False)
    trainer = WorldTrainer(windows, TINY, SHORT, place / "world", torch.device("cpu"))
    trainer.train(Clock(600, 600, 600, steps=4), lambda said: None, lambda name, value, step: None)
    return Folders(place / "world", place / "estimator")


@pytest.fixture(scope="module")
def figures(folders: Folders, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    sheets = tmp_path_factory.mktemp("sheets")
    found = bench_world(DOT_TASK, folders.world, folders.estimator, PLAN, sheets, show=False)
    as_read: dict[str, Any] = json.loads(json.dumps(found | {"sheets": str(sheets)}, allow_nan=False))
    return as_read


def test_each_kind_has_its_rows_and_intervals(figures: dict[str, Any]) -> None:
    assert set(figures["kinds"]) <= set(Kind)
    assert len(figures["kinds"]) >= 2
    for rows in (*figures["kinds"].values(), figures["all"]):
        assert set(rows) == {"simulator", "world", FIRST}
        for row in rows.values():
            low, high = row["object_error"]["interval_95"]
            assert low <= row["object_error"]["value"] <= high
            assert row["object_error"]["percent_of_workspace"] == pytest.approx(
                100 * row["object_error"]["value"] / VIEW_M
            )
            assert set(row["by_step"]) == {"1", "8"}
    assert figures["all"]["world"]["object_error"]["n"] == sum(map(len, figures["clips"].values()))
    assert figures["left_out"] == LEFT_OUT
    assert figures["speed"]["one_session"] > 0


def test_every_group_is_measured(figures: dict[str, Any]) -> None:
    """The world has no judge: it says nothing of success, and nothing of trust."""
    assert figures["success"] == {"left_out": NO_JUDGE}
    assert figures["trust"] == {"left_out": NO_TRUST}
    states = figures["actions"]["states"]
    assert {state["scene"] for state in states} <= {c["scene"] for some in figures["clips"].values() for c in some}
    assert figures["actions"]["spearman"]["clusters"] == len(states)
    assert figures["long"]["world"]["seen_whole"]["frames"] == 4
    assert figures["long"]["simulator"]["seen_whole"]["value"] > 0.5


def test_only_what_is_asked_for_is_measured_and_kept_after_each_group(folders: Folders) -> None:
    kept: list[set[str]] = []

    def keep(figures: dict[str, Any]) -> None:
        kept.append(set(figures) & {"kinds", "trust", *GROUPS})

    plan = dataclasses.replace(PLAN, groups=("long", "success", "speed"), long_steps=0)
    found = bench_world(DOT_TASK, folders.world, folders.estimator, plan, show=False, keep=keep)
    assert kept == [set(), {"speed"}, {"speed", "success"}]
    assert {"kinds", "trust", *GROUPS} & set(found) == kept[-1]


def test_the_first_picture_is_wrong_by_the_displacement_and_the_simulator_is_not(figures: dict[str, Any]) -> None:
    """The dot is hand and object at once; it moves 0.08 m a step unless it arrives."""
    still, real = figures["all"][FIRST], figures["all"]["simulator"]
    own_error = figures["estimator"]["about"]["error_95"]["dot_x"]
    assert real["object_error"]["value"] < 2 * own_error
    assert 0.1 * VIEW_M < still["object_error"]["value"] < STEPS * 0.08 + 2 * own_error
    assert still["object_error"]["value"] > 3 * real["object_error"]["value"]
    assert still["hand_error"]["value"] == pytest.approx(still["object_error"]["value"], abs=4 * own_error)
    assert "psnr_changed_db" not in real
    assert still["by_step"]["8"]["object_error"] > still["by_step"]["1"]["object_error"]


def test_clips_are_those_in_which_the_object_moves_and_come_again(folders: Folders, figures: dict[str, Any]) -> None:
    again = bench_world(DOT_TASK, folders.world, folders.estimator, CLIPS_ONLY, show=False)
    assert again["clips"] == figures["clips"]
    assert again["kinds"].keys() == figures["kinds"].keys()
    assert again["all"]["world"]["object_error"] == figures["all"]["world"]["object_error"]
    another = dataclasses.replace(CLIPS_ONLY, seed=1)
    other = bench_world(DOT_TASK, folders.world, folders.estimator, another, show=False)
    assert other["all"][FIRST]["object_error"] != figures["all"][FIRST]["object_error"]


def test_a_table_and_sheets_are_made(figures: dict[str, Any]) -> None:
    console = Console(width=160, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(world_table(figures))
    console.print(groups_table(figures))
    said = console.export_text()
    assert LEFT_OUT in said
    assert NO_TRUST in said
    assert "first picture" in said
    assert f"errors in % of {VIEW_M:g} m" in said
    sheets = sorted(Path(figures["sheets"]).glob("*.png"))
    assert [sheet.stem for sheet in sheets] == sorted(f"toy_{kind}" for kind in [*figures["kinds"], "long"])
    with Image.open(sheets[0]) as sheet:
        assert sheet.height > 2 * 150


def test_what_does_not_fit_is_named(folders: Folders) -> None:
    other = dataclasses.replace(DOT_TASK, truth_names=("a_x", "a_y"))
    with pytest.raises(SpecMismatch, match="truth of toy"):
        bench_world(other, folders.world, folders.estimator, PLAN, show=False)
    with pytest.raises(BadInput, match="no episode of toy has 500 steps"):
        bench_world(DOT_TASK, folders.world, folders.estimator, dataclasses.replace(PLAN, steps=500), show=False)
    assert setting_of(load_world(folders.world)).size == 32


def test_gym_pusht_has_the_rows_that_can_be_had(tmp_path: Path) -> None:
    task = dataclasses.replace(load_task("gym_pusht", Setting(size=32)), max_steps=60)
    _gym_dataset(task, tmp_path / "dataset")
    folders = _trained(tmp_path, estimator_steps=20)
    assert setting_of(load_world(folders.world)) == Setting(size=32)
    plan = Plan(clips=1, steps=24, episodes=2, long_steps=30)
    found = bench_world(task, folders.world, folders.estimator, plan, show=False)
    assert set(found["all"]) == {"simulator", "world", FIRST}
    assert found["left_out"] == LEFT_OUT
    assert found["workspace"] == {"width": 512.0, "unit": "px", "lever": pytest.approx(0.15 * 512)}
    assert found["actions"]["spearman"]["n"] > 0
    assert found["long"]["simulator"]["seen_whole"]["frames"] == 3


def _gym_dataset(task: SimTask, folder: Path) -> None:
    dynamics = task.open()
    episodes = []
    for number, kind in enumerate([Kind.DEMO, Kind.EDGE] * 4):
        scene = Scene(task.name, "train", number)
        path = scripted_path(task, dynamics, kind, scene)
        episodes.append(episode_from_path(path, kind, scene.id, task.prompt, lambda memory: memory.lapse))
    write_dataset(episodes, dynamics.spec, folder, task.name, task.truth_names)
    dynamics.close()


def test_frozen_and_absent_differ_from_the_truth_in_the_object_alone() -> None:
    dynamics = MujocoDynamics(PushT())
    clip = _pushing(dynamics, Scene("push_t", "eval", 0))
    films = baseline_films(dynamics, clip)
    assert films.keys() == {FIRST, FROZEN, ABSENT}
    [camera] = [view.feature for view in dynamics.views]
    first, last = clip.first.observation, clip.after[-1].observation
    true, frozen, absent = last.images[camera], films[FROZEN][-1][camera], films[ABSENT][-1][camera]
    blue = [_blue(picture) for picture in (first.images[camera], true, frozen, absent)]
    assert np.linalg.norm(_middle(blue[0]) - _middle(blue[1])) > 5, "the block is really pushed"
    assert (blue[2] & ~blue[0]).sum() < 0.05 * blue[2].sum(), "where it was, as far as hands do not hide it"
    assert blue[2].sum() > 0.6 * blue[0].sum()
    assert blue[3].sum() == 0
    away = ~(blue[0] | blue[1])
    for picture in (frozen, absent):
        assert np.abs(picture.astype(int) - true)[away].mean() < 3, "hands and table are the true ones"
    state = clip.after[-1].state
    again = dynamics.picture(state, "top", 128)
    assert np.array_equal(again, true), "staging leaves no trace"
    dynamics.close()


def _pushing(dynamics: MujocoDynamics, scene: Scene) -> Clip:
    """The block is pushed by a hand that comes down beside it."""
    (state,), (seen,), (reading,) = dynamics.reset([scene])
    nodes = [Node(state, None, seen, reading)]
    x, y = seen.require_truth()[:2]
    arm = 0 if x < 0 else 7
    ways = [(x, y - 0.13, 0.1)] * 4 + [(x, y - 0.13, 0.012)] * 3 + [(x, y, 0.012)] * 4
    for way in ways:
        action = dynamics.physics.home.astype(np.float32)
        action[arm : arm + 3] = way
        (state,), (seen,), (reading,) = dynamics.step([state], [action])
        nodes.append(Node(state, None, seen, reading, action))
    return Clip(Kind.DEMO, scene, (nodes[0],), tuple(nodes[1:]))


def _blue(picture: np.ndarray[Any, np.dtype[np.uint8]]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    red, green, blue = np.moveaxis(picture.astype(int), -1, 0)
    return np.asarray((blue - red > 60) & (blue - green > 40))


def _middle(mask: np.ndarray[Any, np.dtype[np.bool_]]) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.asarray(np.argwhere(mask).mean(0))


def test_picture_figures() -> None:
    rng = np.random.default_rng(0)
    first = rng.integers(60, 200, (16, 16, 3)).astype(np.uint8)
    true = np.stack([first] * 3)
    true[1, :4] += 40
    mask = changed_pixels(first, true)
    assert [m.sum() for m in mask] == [0, 64, 64], "what changed once stays in"
    made = true.copy()
    assert np.array_equal(psnr_db(made, true, mask)[1:], [PERFECT_DB] * 2)
    assert np.isnan(psnr_db(made, true, mask)[0])
    made[1] += 10
    assert psnr_db(made, true)[1] == pytest.approx(20 * np.log10(25.5))
    assert ssim(true[0], true[0]) == pytest.approx(1)
    assert ssim(made[1], 255 - true[1]) < 0


def test_intervals_are_of_the_clips() -> None:
    some = figure([1.0, 2.0, 3.0, 4.0, float("nan")], np.median)
    assert (some["value"], some["n"]) == (2.5, 4)
    assert 1 <= some["interval_95"][0] < 2.5 < some["interval_95"][1] <= 4
    assert figure([], np.mean) == {"value": None, "interval_95": None, "n": 0}
    assert moments_of(64) == (1, 10, 25, 50, 64)
    assert moments_of(8) == (1, 8)


def test_the_command_names_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders = ["--world", str(tmp_path), "--estimator", str(tmp_path)]
    assert main(["bench", "world", "push_t", *folders]) == 2
    said = capsys.readouterr().err
    assert said.startswith("hiwm: expected a folder with a world or the name of a shipped one")
    assert str(tmp_path) in said.replace("\n", "")
