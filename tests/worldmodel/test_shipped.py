"""Shipped worlds: found by name, small, whole, and packed into the wheel."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path

import pathspec
import pytest

from hiwm.errors import BadInput
from hiwm.sims.tasks import TASKS
from hiwm.worldmodel.checkpoint import load_world
from hiwm.worldmodel.shipped import CARD, WORLDS, find_world, shipped_world, shipped_worlds

ROOT = Path(__file__).parents[2]
MOST_BYTES = 12 * 2**20
FILES = {"world.json", "world.safetensors", "judge.safetensors", CARD}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    for name in ("route_rope", "push_t"):
        (tmp_path / "worlds" / name).mkdir(parents=True)
        (tmp_path / "worlds" / name / "world.json").write_text("{}")
    (tmp_path / "worlds" / "half").mkdir()
    return tmp_path / "worlds"


def test_a_world_is_found_by_its_task(place: Path) -> None:
    assert list(shipped_worlds(place)) == ["push_t", "route_rope"]
    assert shipped_world("push_t", place) == place / "push_t"
    with pytest.raises(
        BadInput, match=r"no world of half is shipped \(there are push_t, route_rope\); hiwm train-world"
    ):
        shipped_world("half", place)
    with pytest.raises(BadInput, match="there are none"):
        shipped_world("push_t", place / "nowhere")


def test_a_world_is_named_or_given_as_a_folder(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_world("push_t", place) == place / "push_t"
    assert find_world(place / "route_rope", place / "nowhere") == place / "route_rope"
    with pytest.raises(BadInput, match=r"got .*half; hiwm train-world"):
        find_world(place / "half", place)
    own = tmp_path / "push_t"
    own.mkdir()
    monkeypatch.chdir(tmp_path)
    assert find_world("push_t", place) == place / "push_t"  # a dataset may be called so
    (own / "world.json").write_text("{}")
    assert find_world("push_t", place).resolve() == own.resolve()


@pytest.mark.parametrize("task", shipped_worlds())
def test_what_is_shipped_is_small_and_whole(task: str) -> None:
    folder = shipped_world(task)
    assert task in TASKS
    assert {path.name for path in folder.iterdir()} == FILES
    assert sum(path.stat().st_size for path in folder.iterdir()) <= MOST_BYTES
    world = load_world(folder)
    assert world.judge is not None
    assert (folder / CARD).read_text().startswith(f"# A learned world of {task}\n")


def test_the_wheel_takes_the_worlds_along() -> None:
    """It holds all files of the package but those that git ignores (hatchling), and they are looked for in there."""
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    assert build["targets"] == {"wheel": {"packages": ["src/hiwm"]}}
    assert build["artifacts"] == ["src/hiwm/server/static/**"]  # the page, which git ignores
    assert set(build) == {"targets", "artifacts"}
    ignored = pathspec.GitIgnoreSpec.from_lines((ROOT / ".gitignore").read_text().splitlines())
    packed = WORLDS.relative_to(ROOT) / "push_t"
    assert packed.is_relative_to("src/hiwm")
    assert not list(ignored.match_files(str(packed / name) for name in FILES))
    assert Path(str(files("hiwm"))) / "assets" / "worlds" == WORLDS
