"""The demonstration of a task: films that play, a sheet, figures, and its learned world beside the simulator."""

from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from hiwm.data.drawing import MARGIN
from hiwm.pipeline.film import side_by_side
from hiwm.pipeline.tour import SIDE, tour
from hiwm.pipeline.tour_world import Replay, same_actions
from hiwm.rollout import run
from hiwm.sims.task import Setting
from hiwm.sims.tasks import load_task
from hiwm.types import Scene
from hiwm.worldmodel.checkpoint import save_world
from tests.fakes import ToyDynamics
from tests.worldmodel.random_world import random_world

ROW = 158
"""Pixels from one row of the sheet to the next."""


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random world of gym_pusht that looks at 32 pixels."""
    dynamics = load_task("gym_pusht", Setting(size=32)).open()
    place = tmp_path_factory.mktemp("worlds")
    save_world(place / "gym_pusht", random_world(dynamics.spec))
    dynamics.close()
    return place


def _sizes(path: Path) -> list[tuple[int, int]]:
    """(width, height) of each frame of a film."""
    sizes = []
    with av.open(str(path)) as film:
        sizes += [(frame.width, frame.height) for frame in film.decode(video=0)]
    return sizes


def test_each_kind_is_shown_and_the_world_beside_the_simulator(
    worlds: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tour(tmp_path / "tour", ["gym_pusht"], worlds)
    said = capsys.readouterr().out
    assert str(folder / "tasks.png") in said
    for kind, success in (("demo", "yes"), ("failure", "no"), ("edge", "no")):
        line = next(line for line in said.splitlines() if f" {kind} " in line)
        assert success in line
        sizes = _sizes(folder / f"gym_pusht_{kind}.mp4")
        assert len(sizes) > 20
        assert set(sizes) == {(256, 256)}
    beside, shown = _sizes(folder / "gym_pusht_world.mp4"), _sizes(folder / "gym_pusht_demo.mp4")
    assert len(beside) == len(shown)
    assert set(beside) == {(2 * SIDE + 8, SIDE + 32)}
    assert f"gym_pusht in its learned world: {len(shown) - 1} steps, " in said
    with Image.open(folder / "tasks.png") as sheet:
        assert sheet.width > 1000
        assert sheet.height == 2 * MARGIN + 4 * ROW - 8


def test_a_task_without_a_world_says_so_and_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tour(tmp_path / "tour", ["gym_pusht"], tmp_path)
    said = [line for line in capsys.readouterr().out.splitlines() if "no world" in line]
    assert said == [
        "no world of gym_pusht is shipped (there are none); hiwm train-world DATASET --out WORLD trains one"
    ]
    assert not (folder / "gym_pusht_world.mp4").exists()
    with Image.open(folder / "tasks.png") as sheet:
        assert sheet.height == 2 * MARGIN + 3 * ROW - 8


def test_simulator_and_world_start_alike_and_get_the_same_actions(worlds: Path) -> None:
    rng = np.random.default_rng(0)
    actions = [rng.uniform(100, 400, 2).astype(np.float32) for _ in range(4)]
    same = same_actions("gym_pusht", Scene("gym_pusht", "eval", 0), actions, worlds / "gym_pusht")
    assert len(same.simulator) == len(same.world) == 5
    assert np.array_equal(same.simulator[0], same.world[0])
    assert not np.array_equal(same.simulator[-1], same.world[-1])
    assert same.simulator[0].shape == (32, 32, 3)
    assert same.frames_per_second > 0


def test_a_replay_gives_each_action_once() -> None:
    actions = [np.array([x, 0.5], np.float32) for x in (0.2, 0.4, 0.6)]
    paths = run(Replay(actions), ToyDynamics(), [Scene("toy", "eval", k) for k in (0, 1)], 3, lambda path: False)
    for path in paths:
        given = [node.action for node in path[1:] if node.action is not None]
        assert np.array_equal(given, actions)


def test_pictures_stand_side_by_side_with_square_pixels() -> None:
    left = np.arange(16 * 3, dtype=np.uint8).reshape(4, 4, 3)
    right = 255 - left
    shown = side_by_side({"left": left, "right": right}, 8)
    assert shown.shape == (32 + 8, 8 + 8 + 8, 3)
    assert np.array_equal(shown[32:, :8], left.repeat(2, 0).repeat(2, 1))
    assert np.array_equal(shown[32:, -8:], right.repeat(2, 0).repeat(2, 1))
