from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray
from PIL import Image

from hiwm.data.check import DataReport, check_dataset, check_size
from hiwm.data.coverage import number_coverage, picture_coverage
from hiwm.data.findings import CheckLimits, longest_run
from hiwm.data.frame_cache import Frames
from hiwm.data.marks import Mark, write_marks
from hiwm.data.source import open_source
from hiwm.spec import CameraSpec, NumberSpec
from tests.data.foreign_dataset import HIGH, SIZES, WRIST, make_foreign
from tests.data.test_source import EXTRA, VALUES, cut, set_column

pytestmark = pytest.mark.usefixtures("hiwm_home")
LIMITS = CheckLimits(idle_s=0.5, short_s=0.65, jump_share=0.6)


def set_actions(folder: Path, episode: int, action_ta: NDArray[Any]) -> None:
    path = folder / f"data/chunk-000/file-{episode:03d}.parquet"
    set_column(path, "action", pa.array(action_ta.tolist(), pa.list_(pa.float32(), 3)))


def found(report: DataReport) -> dict[str, tuple[int, ...]]:
    return {finding.kind: finding.episodes for finding in report.findings}


def ramps(length: int) -> NDArray[Any]:
    return np.linspace([0.0, 0.1, 0.2], [0.9, 0.8, 0.7], length)


def test_a_report_of_an_ordinary_dataset(foreign: Path, tmp_path: Path) -> None:
    heat_map = tmp_path / "reports" / "heat.png"
    report = check_dataset(open_source(foreign), heat_map, LIMITS, show=False)
    assert (report.episodes, report.frames, report.hours) == (3, 41, 41 / 15 / 3600)
    assert report.ends == {"unknown": 3}
    assert report.kinds == report.drivers == {}
    assert report.visited[WRIST] > 0.3
    assert found(report) == {"short": (2,), "no labels": ()}
    assert report.action[0].occupied == 1
    assert sum(report.action[0].bins) == 41
    with Image.open(heat_map) as picture:
        assert picture.width > picture.height > 320
    assert json.loads(json.dumps(report.to_json()))["visited"][HIGH] == report.visited[HIGH]
    lines = report.lines()
    assert lines[0] == f"{foreign}: 3 episodes, 41 frames, 0.00 h (unknown)"
    assert any(line.startswith("  short: episode 2: shorter than 0.65 s") for line in lines)
    assert all("\n" not in line for line in lines)


def test_own_columns_are_counted(tmp_path: Path) -> None:
    folder = make_foreign(tmp_path / "own", (12, 15), extra=EXTRA, extra_values=VALUES)
    report = check_dataset(open_source(folder), show=False)
    assert (report.kinds, report.drivers, report.ends) == ({"demo": 2}, {"person": 27}, {"success": 2})
    assert "no failures" in found(report)
    assert report.heat_map is None
    assert "episodes by kind: demo 2" in report.lines()


def test_a_clean_dataset_has_nothing_to_fix(foreign_copy: Path) -> None:
    write_marks(foreign_copy, {0: Mark.SUCCESS, 1: Mark.FAILURE})
    report = check_dataset(open_source(foreign_copy), limits=CheckLimits(short_s=0, jump_share=1), show=False)
    assert report.findings == ()
    assert report.lines()[-1] == "nothing to fix"


def test_episodes_that_stand_still_jump_or_repeat(foreign_copy: Path) -> None:
    still = ramps(20)
    still[5:15] = still[5]
    set_actions(foreign_copy, 0, still)
    jump = ramps(12)
    jump[6] += (0, 0.95, 0)
    set_actions(foreign_copy, 1, jump)
    broken = ramps(9)
    broken[3, 1] = np.nan
    set_actions(foreign_copy, 2, broken)
    (foreign_copy / "meta" / "stats.json").unlink()
    report = check_dataset(open_source(foreign_copy), limits=LIMITS, show=False)
    assert found(report) == {"idle": (0,), "jump": (1,), "not finite": (2,), "short": (2,), "no labels": ()}
    assert report.action[0].still == pytest.approx(9 / 38)


def test_a_gripper_may_switch(foreign_copy: Path) -> None:
    for episode, length in enumerate((20, 12, 9)):
        action = ramps(length)
        action[:, 2] = np.arange(length) % 4 < 2
        set_actions(foreign_copy, episode, action)
    (foreign_copy / "meta" / "stats.json").unlink()
    assert "jump" not in found(check_dataset(open_source(foreign_copy), limits=LIMITS, show=False))


def test_numbers_that_never_move_or_leave_their_range(foreign_copy: Path) -> None:
    for episode, length in enumerate((20, 12, 9)):
        set_actions(foreign_copy, episode, np.linspace([0.0, 0.5, 0.0], [0.1, 0.5, 3.0], length))
    findings = {f.kind: f.text for f in check_dataset(open_source(foreign_copy), limits=LIMITS, show=False).findings}
    assert findings["never moves"] == "actions that never change: action_1"
    assert findings["thin"] == "actions seen in few parts of their range: action_0 (15%)"
    assert findings["out of range"].startswith("actions beyond the range of the robot spec: action_2 (")


def test_clocks_that_are_not_steady(foreign_copy: Path) -> None:
    late = pa.array((np.arange(12) / 15 + 0.02 * (np.arange(12) > 5)).tolist(), pa.float32())
    set_column(foreign_copy / "data/chunk-000/file-001.parquet", "timestamp", late)
    assert found(check_dataset(open_source(foreign_copy), limits=LIMITS, show=False))["timestamps"] == (1,)


def test_pictures_that_cannot_be_read_are_left_out(foreign_copy: Path) -> None:
    cut(foreign_copy / f"videos/{HIGH}/chunk-000/file-001.mp4")
    report = check_dataset(open_source(foreign_copy), limits=LIMITS, show=False)
    pictures = next(f for f in report.findings if f.kind == "pictures")
    assert pictures.episodes == (1,)
    assert pictures.text.startswith(f"{HIGH}: ")
    assert set(report.visited) == {HIGH, WRIST}


def test_the_command_that_removes_episodes_works(foreign_copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lerobot.scripts import lerobot_edit_dataset

    report = check_dataset(open_source(foreign_copy), limits=LIMITS, show=False)
    program, *arguments = shlex.split(next(finding.fix for finding in report.findings if finding.kind == "short"))
    assert program == "lerobot-edit-dataset"
    monkeypatch.setattr("sys.argv", [program, *arguments])
    lerobot_edit_dataset.main()
    kept = open_source(foreign_copy.with_name("cubes_kept"))
    assert kept.episodes.length_e.tolist() == [20, 12]


def test_a_copied_episode_is_found(tmp_path: Path) -> None:
    folder = make_foreign(tmp_path / "twins", (10, 10, 10), small_files=True)
    data = [folder / f"data/chunk-000/file-{i:03d}.parquet" for i in (0, 2)]
    columns = {name: pa.parquet.read_table(data[0]).column(name) for name in ("action", "observation.state", WRIST)}
    for name, values in columns.items():
        set_column(data[1], name, values.combine_chunks())
    shutil.copy(folder / f"videos/{HIGH}/chunk-000/file-000.mp4", folder / f"videos/{HIGH}/chunk-000/file-002.mp4")
    assert found(check_dataset(open_source(folder), limits=LIMITS, show=False))["duplicate"] == (2,)


def test_large_pictures_are_checked_small(tmp_path: Path) -> None:
    assert check_size(CameraSpec("a", 128, 128)) is None
    assert check_size(CameraSpec("a", 480, 640)) == (160, 213)
    folder = make_foreign(tmp_path / "large", (3,), {HIGH: "video"}, sizes={**SIZES, HIGH: (240, 320)})
    assert check_dataset(open_source(folder), limits=LIMITS, show=False).visited[HIGH] > 0


def test_coverage_of_numbers() -> None:
    specs = [NumberSpec("x", "m", 0, 1), NumberSpec("y", "m", 0, 0)]
    values = np.array([[0, 0], [0.5, 0], [0.5, 0], [1, 0], [2, 0], [np.nan, 0]], np.float32)
    x, y = number_coverage(specs, values, np.array([True, True, True, True, False]))
    assert (x.occupied, x.outside, x.seen_high) == (3 / 20, 1 / 5, 2)
    assert x.still == 1 / 4
    assert (y.occupied, y.still) == (1 / 20, 1)


def test_coverage_of_pictures() -> None:
    pictures = np.zeros((20, 10, 10, 3), np.uint8)
    pictures[3:8, 2:4, 5] = 200
    coverage = picture_coverage(Frames("top", pictures, {}), np.arange(20))
    assert coverage.visited == 0.02
    assert coverage.heat_hw[2, 5] == 0.25
    assert coverage.heat_hw.sum() == 0.5
    assert not coverage.usual_hwc.any()


@pytest.mark.parametrize(("flags", "longest"), [([], 0), ([0, 0], 0), ([1, 1, 0, 1], 2), ([0, 1, 1, 1], 3)])
def test_longest_run(flags: list[int], longest: int) -> None:
    assert longest_run(np.array(flags, np.bool_)) == longest
