from __future__ import annotations

import json
import runpy
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hiwm.data.columns import read_columns
from hiwm.data.features import write_sidecar
from hiwm.data.labels import require_failures
from hiwm.data.source import number_names, open_source
from hiwm.errors import BadDataset, UnknownName
from hiwm.spec import CameraSpec, NumberSpec, RobotSpec
from tests.data.foreign_dataset import FPS, HIGH, WRIST, make_foreign
from tests.fakes import TOY_SPEC, TOY_TASK, toy_dataset

EXTRA: dict[str, dict[str, Any]] = {
    "success": {"dtype": "bool", "shape": (1,), "names": None},
    "progress": {"dtype": "float32", "shape": (1,), "names": None},
    "driver": {"dtype": "string", "shape": (1,), "names": None},
    "kind": {"dtype": "string", "shape": (1,), "names": None},
    "truth": {"dtype": "float32", "shape": (2,), "names": ["x", "y"]},
}
VALUES: dict[str, Any] = {
    "success": np.array([True]),
    "progress": np.array([0.25], np.float32),
    "driver": "person",
    "kind": "demo",
    "truth": np.array([1, 2], np.float32),
}
DATA = "data/chunk-000/file-001.parquet"
VIDEO = f"videos/{HIGH}/chunk-000/file-001.mp4"


def edit_info(folder: Path, **changes: Any) -> None:
    path = folder / "meta" / "info.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def edit_features(folder: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    features = json.loads((folder / "meta" / "info.json").read_text())["features"]
    edit(features)
    edit_info(folder, features=features)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def set_column(path: Path, name: str, values: pa.Array) -> None:
    table = pq.read_table(path)
    pq.write_table(table.set_column(table.column_names.index(name), name, values), path)


def test_an_ordinary_dataset_needs_no_flags(foreign: Path) -> None:
    source = open_source(foreign)
    assert source.spec.cameras == (CameraSpec(HIGH, 48, 64), CameraSpec(WRIST, 40, 40))
    assert [n.name for n in source.spec.state] == [f"joint_{i}" for i in range(7)]
    assert [n.name for n in source.spec.action] == ["action_0", "action_1", "action_2"]
    assert (source.spec.fps, source.spec.robot_type, source.task) == (FPS, "unknown", None)
    assert source.episodes.prompts == ("pick the cube", "place the cube", "pick the cube")
    assert source.episodes.length_e.tolist() == [20, 12, 9]
    assert source.episodes.start_e.tolist() == [0, 20, 32]
    assert [source.episodes.episode_of(i) for i in (0, 19, 20, 40)] == [0, 0, 1, 2]
    assert not source.has_labels


def test_ranges_are_those_that_were_recorded(foreign: Path, foreign_copy: Path) -> None:
    (foreign_copy / "meta" / "stats.json").unlink()
    for source in (open_source(foreign), open_source(foreign_copy)):
        action = read_columns(source).action_na
        np.testing.assert_allclose(source.spec.action_low_a, action.min(axis=0), rtol=1e-6)
        np.testing.assert_allclose(source.spec.action_high_a, action.max(axis=0), rtol=1e-6)


@pytest.mark.parametrize("files", ["foreign", "foreign_files"])
def test_columns_are_those_of_lerobot(files: str, request: pytest.FixtureRequest) -> None:
    from hiwm.data.writer import open_lerobot

    folder: Path = request.getfixturevalue(files)
    columns, theirs = read_columns(open_source(folder)), open_lerobot(folder).hf_dataset.with_format("numpy")
    np.testing.assert_array_equal(columns.action_na, np.stack(theirs["action"]))
    np.testing.assert_array_equal(columns.state_ns, np.stack(theirs["observation.state"]))
    np.testing.assert_array_equal(columns.time_n, theirs["timestamp"])
    assert np.isnan(columns.success_n).all()
    assert np.isnan(columns.progress_n).all()
    assert (columns.kind, columns.driver, columns.truth_nk) == (None, None, None)


def test_features_are_mapped_by_name(foreign: Path) -> None:
    source = open_source(foreign, {"top": "cam_high"}, state="action", action="observation.state")
    assert source.spec.cameras == (CameraSpec("observation.images.top", 48, 64),)
    assert (len(source.spec.state), len(source.spec.action)) == (3, 7)
    assert read_columns(source).action_na.shape == (41, 7)
    assert source.camera("top") is source.camera("observation.images.top")


@pytest.mark.parametrize(
    ("names", "complaint"),
    [
        ({"cameras": {"top": "front"}}, f"called 'front'; known: {HIGH}, {WRIST}"),
        ({"action": "act"}, "no action is called 'act'; known: action, episode_index"),
        ({"state": "qpos"}, "no state is called 'qpos'"),
        ({"success": "done"}, "no success column is called 'done'"),
    ],
)
def test_a_name_that_does_not_exist(foreign: Path, names: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UnknownName, match=complaint):
        open_source(foreign, **names)


def test_own_columns_are_read(tmp_path: Path) -> None:
    folder = make_foreign(tmp_path / "own", (4, 3), extra=EXTRA, extra_values=VALUES)
    units = tuple(NumberSpec(f"joint_{i}", "rad", -4, 4) for i in range(7))
    spec = RobotSpec("arm", FPS, (), units, tuple(NumberSpec(n, "m", -1, 1) for n in "xyz"))
    write_sidecar(folder, spec, "push_t")
    source = open_source(folder)
    columns = read_columns(source)
    assert (source.spec.robot_type, source.task, source.has_labels) == ("arm", "push_t", True)
    assert source.spec.action[2] == NumberSpec("z", "m", -1, 1)
    assert len(source.spec.cameras) == 2
    assert columns.progress_n.tolist() == [0.25] * 7
    assert columns.success_n.tolist() == [1] * 7
    assert columns.driver is not None
    assert columns.driver.at(6) == "person"
    assert columns.truth_nk is not None
    assert columns.truth_nk.tolist() == [[1, 2]] * 7


def test_what_hiwm_writes_it_reads(tmp_path: Path) -> None:
    episodes = toy_dataset(tmp_path / "toy", each=2)
    source = open_source(tmp_path / "toy")
    columns = read_columns(source)
    assert (source.spec, source.task, source.has_labels) == (TOY_SPEC, TOY_TASK.name, True)
    assert source.episodes.length_e.tolist() == [episode.length for episode in episodes]
    for number, episode in enumerate(episodes):
        rows = source.episodes.rows(number)
        np.testing.assert_array_equal(columns.success_n[rows], episode.success)
        np.testing.assert_array_equal(columns.progress_n[rows], episode.progress)
        assert columns.truth_nk is not None
        np.testing.assert_array_equal(columns.truth_nk[rows], episode.truth)
        words = [word and word.at(rows.start) for word in (columns.kind, columns.driver, columns.scene, columns.lapse)]
        assert words == [episode.kind, episode.drivers[0], episode.scene, episode.lapses[0]]
    require_failures(source, "the judge")


def test_a_dataset_without_state(foreign_copy: Path) -> None:
    edit_features(foreign_copy, lambda features: features.pop("observation.state"))
    source = open_source(foreign_copy)
    assert source.spec.state == ()
    assert read_columns(source).state_ns.shape == (41, 0)


def test_depth_cameras_are_left_out(foreign_copy: Path) -> None:
    edit_features(foreign_copy, lambda features: features[WRIST].update(info={"is_depth_map": True}))
    assert [c.name for c in open_source(foreign_copy).spec.cameras] == [HIGH]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["x", "y"], ["x", "y"]),
        ({"motors": ["a", "b"]}, ["a", "b"]),
        ({"delta_y": 1, "delta_x": 0}, ["delta_x", "delta_y"]),
        (None, ["state_0", "state_1"]),
        (["x"], ["state_0", "state_1"]),
        (["x", "x"], ["state_0", "state_1"]),
    ],
)
def test_names_of_numbers(names: Any, expected: list[str]) -> None:
    assert number_names("observation.state", names, 2) == expected


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (lambda f: shutil.rmtree(f), "info.json does not exist; give the folder that holds meta/"),
        (lambda f: (f / "meta/info.json").write_text("{"), "info.json is damaged"),
        (lambda f: edit_info(f, codebase_version="v1.6"), "format v1.6, hiwm reads v3"),
        (lambda f: edit_info(f, total_episodes=5), "says 5 episodes and 41 frames, the episode table has 3 and 41"),
        (lambda f: shutil.rmtree(f / "meta/episodes"), "no episode table"),
        (lambda f: cut(f / "meta/episodes/chunk-000/file-000.parquet"), "file-000.parquet has no valid parquet footer"),
        (lambda f: cut(f / DATA), "file-001.parquet has no valid parquet footer: its writer ended before"),
        (lambda f: (f / DATA).unlink(), "file-001.parquet is missing"),
        (
            lambda f: pq.write_table(pq.read_table(f / DATA)[:5], f / DATA),
            r"from episode 1\) has 5 frames, expected 12",
        ),
        (lambda f: (f / VIDEO).unlink(), r"file-001.mp4 \(observation.images.cam_high from episode 1\) is missing"),
        (lambda f: (f / VIDEO).write_bytes(b""), "file-001.mp4 .* is missing or empty"),
        (lambda f: edit_features(f, lambda x: (x.pop(HIGH), x.pop(WRIST))), "has no colour camera"),
        (lambda f: edit_features(f, lambda x: x.pop("action")), "name one with --action: observation.state"),
        (lambda f: edit_features(f, lambda x: x["action"].update(shape=[2, 3])), r"shape \(2, 3\), expected one row"),
        (lambda f: edit_features(f, lambda x: x[WRIST].update(shape=[40, 40, 4])), "expected .height, width, 3."),
        (lambda f: (f / "meta/hiwm.json").write_text('{"format": 1}'), "hiwm.json does not describe a robot"),
    ],
)
def test_what_is_not_whole_gets_one_line(foreign_copy: Path, damage: Callable[[Path], object], complaint: str) -> None:
    damage(foreign_copy)
    with pytest.raises(BadDataset, match=complaint) as caught:
        open_source(foreign_copy)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        (pa.array([[0.0] * 4] * 12, pa.list_(pa.float32(), 4)), "episode 1 .* rows of 4 numbers in action"),
        (pa.array([[0.0] * 3] * 11 + [[0.0]], pa.list_(pa.float32())), "episode 1 .* rows of 1 numbers in action"),
    ],
)
def test_an_action_of_the_wrong_length(foreign_copy: Path, values: pa.Array, complaint: str) -> None:
    set_column(foreign_copy / DATA, "action", values)
    with pytest.raises(BadDataset, match=complaint):
        read_columns(open_source(foreign_copy))


def test_a_timestamp_that_is_missing(foreign_copy: Path) -> None:
    set_column(foreign_copy / DATA, "timestamp", pa.array([0.0] * 11 + [None], pa.float32()))
    with pytest.raises(BadDataset, match=r"episode 1 .* no valid timestamp at frame 11"):
        read_columns(open_source(foreign_copy))


def test_frames_that_are_not_where_the_table_says(foreign_copy: Path) -> None:
    set_column(foreign_copy / DATA, "episode_index", pa.array([7] * 12, pa.int64()))
    with pytest.raises(BadDataset, match="frames of episode 1"):
        read_columns(open_source(foreign_copy))


def make_v21(v3: Path, folder: Path) -> Path:
    """The older layout, one file per episode and JSON lines, made from a v3 dataset with one file per episode."""
    table = pq.read_table(v3 / "meta/episodes/chunk-000/file-000.parquet").to_pylist()
    (folder / "meta").mkdir(parents=True)
    stats: list[dict[str, Any]] = []
    for row in table:
        number, nested = row["episode_index"], dict[str, dict[str, Any]]()
        for name, value in row.items():
            if name.startswith("stats/"):
                _, feature, key = name.split("/")
                if key in ("min", "max", "mean", "std", "count"):
                    nested.setdefault(feature, {})[key] = value
        stats.append({"episode_index": number, "stats": nested})
        for old, new in (
            (f"data/chunk-000/file-{number:03d}.parquet", f"data/chunk-000/episode_{number:06d}.parquet"),
            (f"videos/{HIGH}/chunk-000/file-{number:03d}.mp4", f"videos/chunk-000/{HIGH}/episode_{number:06d}.mp4"),
        ):
            (folder / new).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(v3 / old, folder / new)
    for name, rows in (
        ("tasks", [{"task_index": i, "task": task} for i, task in enumerate(("pick the cube", "place the cube"))]),
        ("episodes", [{key: row[key] for key in ("episode_index", "tasks", "length")} for row in table]),
        ("episodes_stats", stats),
    ):
        (folder / "meta" / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    shutil.copy(v3 / "meta/info.json", folder / "meta/info.json")
    edit_info(folder, codebase_version="v2.1", total_chunks=1, total_videos=3)
    return folder


def test_v21_is_refused_with_the_command_that_converts_it(
    foreign_files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_v21(foreign_files, tmp_path / "old format")
    with pytest.raises(BadDataset, match=r"format v2\.1.* with: python -m") as caught:
        open_source(folder)
    python, flag, module, *arguments = shlex.split(str(caught.value).partition(" with: ")[2])
    assert (python, flag) == ("python", "-m")
    monkeypatch.setattr("sys.argv", [module, *arguments])
    runpy.run_module(module, run_name="__main__")
    converted, original = open_source(folder), open_source(foreign_files)
    assert converted.episodes.prompts == original.episodes.prompts
    np.testing.assert_array_equal(read_columns(converted).action_na, read_columns(original).action_na)
