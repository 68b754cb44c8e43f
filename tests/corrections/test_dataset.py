"""The dataset of corrections, opened by LeRobot itself, alone and merged with the base data, and by hiwm's reader."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hiwm.corrections.compare import compare
from hiwm.corrections.dataset import choose, columns_like, write_corrections
from hiwm.corrections.takes import Shape
from hiwm.data.features import read_sidecar
from hiwm.data.join import join_datasets
from hiwm.data.source import open_source
from hiwm.data.windows import Offsets, open_windows
from hiwm.data.writer import open_lerobot
from hiwm.errors import BadDataset, BadInput
from hiwm.runfolder import file_hash
from tests.corrections.corrected import TOY_GATES, corrected_session
from tests.fakes import TRUTH_NAMES, toy_dataset


@pytest.fixture(scope="module")
def sessions(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two corrected sessions."""
    folder = tmp_path_factory.mktemp("sessions")
    return [corrected_session(folder, number) for number in range(2)]


def _data(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted((folder / "data").rglob("*.parquet"))]


def test_lerobot_opens_it_and_the_same_sessions_give_the_same_bytes(sessions: list[Path], tmp_path: Path) -> None:
    chosen = choose(sessions, Shape.ATTEMPTS, TOY_GATES)
    for name in ("one", "two"):
        write_corrections(chosen, tmp_path / name, {"shape": "attempts"}, TRUTH_NAMES)
    assert _data(tmp_path / "one") == _data(tmp_path / "two")
    assert compare(chosen, tmp_path / "one") == sum(one.frames for one in chosen)
    dataset: Any = open_lerobot(tmp_path / "one")
    assert dataset.num_episodes == sum(len(one.takes) for one in chosen)
    last = dataset[chosen[0].takes[0].frames - 1]
    assert bool(last["intervention"])
    assert last["source"] == "toy-train-0"
    assert float(last["trust"]) == 1
    assert int(last["branch_id"]) == 1
    sidecar = read_sidecar(tmp_path / "one")
    assert sidecar is not None
    told = sidecar["corrections"]
    assert {(one["session"], one["sha256"]) for one in told["episodes"]} == {(p.name, file_hash(p)) for p in sessions}
    assert told["episodes"][0]["nodes"][0][0] == 0
    assert told["rejected"] == []


def test_it_merges_with_the_base_data_where_it_has_its_columns(
    sessions: list[Path], tmp_path: Path, hiwm_home: Path
) -> None:
    toy_dataset(tmp_path / "base", each=1)
    chosen = choose(sessions, Shape.SEGMENTS, TOY_GATES)
    write_corrections(chosen, tmp_path / "own", {}, like=columns_like(tmp_path / "base"))
    assert compare(chosen, tmp_path / "own") == sum(one.frames for one in chosen)
    join_datasets([tmp_path / "base", tmp_path / "own"], tmp_path / "both")
    base, both = open_lerobot(tmp_path / "base"), open_lerobot(tmp_path / "both")
    assert len(both) == len(base) + sum(one.frames for one in chosen)
    windows = open_windows(open_source(tmp_path / "both"), Offsets.span(1, 3), show=False)
    assert np.isfinite(windows.columns.action_na).all()


def test_columns_of_its_own_are_read_beside_the_base_data(
    sessions: list[Path], tmp_path: Path, hiwm_home: Path
) -> None:
    write_corrections(choose(sessions, Shape.ATTEMPTS, TOY_GATES), tmp_path / "own", {}, TRUTH_NAMES)
    windows = open_windows(open_source(tmp_path / "own"), Offsets.span(0, 3), show=False)
    assert windows.columns.driver is not None
    assert set(windows.columns.driver.vocabulary) == {"policy", "script"}
    assert np.isfinite(windows.columns.progress_n).all()


def test_a_dataset_that_is_not_that_of_the_sessions_is_told(sessions: list[Path], tmp_path: Path) -> None:
    first, second = choose(sessions, Shape.ATTEMPTS, TOY_GATES)
    write_corrections([first], tmp_path / "one", {}, TRUTH_NAMES)
    with pytest.raises(BadDataset, match="differs from its session"):
        compare([second], tmp_path / "one")


def test_frames_can_be_limited_and_nothing_at_all_is_told(sessions: list[Path], tmp_path: Path) -> None:
    chosen = choose(sessions, Shape.ATTEMPTS, TOY_GATES, most_frames=1)
    assert [len(one.takes) for one in chosen] == [1, 0]
    none = choose(sessions, Shape.ATTEMPTS, replace(TOY_GATES, shortest=300))
    assert sum(len(one.rejected) for one in none) == 4
    with pytest.raises(BadInput, match="nothing is left to export from 2 sessions"):
        write_corrections(none, tmp_path / "none", {})
