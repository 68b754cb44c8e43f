"""Joining datasets: all episodes in order, readable, with the robot's spec; what does not fit is refused."""

from pathlib import Path

import numpy as np
import pytest

from hiwm.data.columns import read_columns
from hiwm.data.source import open_source
from hiwm.errors import BadInput, SpecMismatch
from hiwm.pipeline.join_data import join_data
from tests.data.foreign_dataset import make_foreign
from tests.fakes import TOY_SPEC, toy_dataset


def test_all_episodes_are_in_the_joined_dataset(tmp_path: Path) -> None:
    for name in ("one", "two"):
        toy_dataset(tmp_path / name, each=1)
    parts = [open_source(tmp_path / name) for name in ("one", "two")]
    joined = open_source(join_data(parts, tmp_path / "both"))
    assert joined.episodes.count == 2 * parts[0].episodes.count
    assert (joined.spec, joined.task) == (TOY_SPEC, parts[0].task)
    halves = np.split(read_columns(joined).action_na, 2)
    for half, part in zip(halves, parts, strict=True):
        assert np.array_equal(half, read_columns(part).action_na)


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    toy_dataset(tmp_path / "toy", each=1)
    make_foreign(tmp_path / "foreign")
    toy, foreign = open_source(tmp_path / "toy"), open_source(tmp_path / "foreign")
    with pytest.raises(SpecMismatch, match="is not of the same robot"):
        join_data([toy, foreign], tmp_path / "both")
    with pytest.raises(BadInput, match="at least two"):
        join_data([toy], tmp_path / "both")
    with pytest.raises(BadInput, match="exists"):
        join_data([toy, toy], tmp_path / "toy")
    assert not (tmp_path / "both").exists()
