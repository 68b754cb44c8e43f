from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hiwm.data.columns import read_columns
from hiwm.data.labels import end_marks, label_all_success, require_failures, set_mark
from hiwm.data.marks import Mark, marks_path, read_marks, write_marks
from hiwm.data.source import open_source
from hiwm.errors import BadDataset, BadInput, NeedsFailures
from tests.data.foreign_dataset import make_foreign
from tests.data.test_source import EXTRA, VALUES


def test_readings_follow_from_marks(foreign_copy: Path) -> None:
    write_marks(foreign_copy, {0: Mark.SUCCESS, 1: Mark.FAILURE, 2: Mark.UNSURE})
    source = open_source(foreign_copy)
    columns = read_columns(source)
    np.testing.assert_allclose(columns.progress_n[:20], np.arange(20) / 19, rtol=1e-6)
    assert np.isnan(columns.progress_n[20:]).all()
    assert columns.success_n[:20].tolist() == [0] * 12 + [1] * 8
    assert columns.success_n[20:32].tolist() == [0] * 12
    assert np.isnan(columns.success_n[32:]).all()
    assert source.has_labels
    assert end_marks(source) == {0: Mark.SUCCESS, 1: Mark.FAILURE}


def test_an_episode_of_one_frame_is_done(tmp_path: Path) -> None:
    folder = make_foreign(tmp_path / "one", (1, 2))
    write_marks(folder, {0: Mark.SUCCESS, 1: Mark.SUCCESS})
    columns = read_columns(open_source(folder))
    assert columns.progress_n.tolist() == [1, 0, 1]
    assert columns.success_n.tolist() == [1, 1, 1]


def test_marks_come_back(foreign_copy: Path) -> None:
    source = open_source(foreign_copy)
    set_mark(source, 2, Mark.FAILURE)
    assert set_mark(source, 0, Mark.UNSURE) == {0: Mark.UNSURE, 2: Mark.FAILURE}
    assert read_marks(foreign_copy, 3) == {0: Mark.UNSURE, 2: Mark.FAILURE}
    assert set_mark(source, 2, None) == {0: Mark.UNSURE}
    assert label_all_success(source) == 2
    assert read_marks(foreign_copy, 3) == {0: Mark.UNSURE, 1: Mark.SUCCESS, 2: Mark.SUCCESS}
    with pytest.raises(BadInput, match=r"no episode 3; .* has episodes 0 to 2"):
        set_mark(source, 3, Mark.SUCCESS)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "is damaged"),
        ("[]", "is damaged"),
        ('{"marks": {"0": "good"}}', "'good' is not a valid Mark"),
        ('{"marks": {"9": "success"}}', "marks episode 9, the dataset has episodes 0 to 2"),
    ],
)
def test_a_damaged_sidecar(foreign_copy: Path, text: str, complaint: str) -> None:
    marks_path(foreign_copy).write_text(text)
    with pytest.raises(BadDataset, match=complaint):
        open_source(foreign_copy)


def test_who_needs_failures_is_told_how_to_get_them(foreign_copy: Path) -> None:
    with pytest.raises(NeedsFailures, match=f"the judge needs failed episodes.*hiwm data label {foreign_copy}"):
        require_failures(open_source(foreign_copy), "the judge")
    label_all_success(open_source(foreign_copy))
    with pytest.raises(
        NeedsFailures, match=f"all 3 known ends .* are successes; mark .*hiwm data label {foreign_copy}"
    ):
        require_failures(open_source(foreign_copy), "the judge")
    set_mark(open_source(foreign_copy), 1, Mark.FAILURE)
    require_failures(open_source(foreign_copy), "the judge")


def test_own_success_wins(tmp_path: Path) -> None:
    extra = {"success": EXTRA["success"]}
    folder = make_foreign(tmp_path / "own", (5, 4), extra=extra, extra_values={"success": VALUES["success"]})
    write_marks(folder, {0: Mark.FAILURE})
    source = open_source(folder)
    columns = read_columns(source)
    assert columns.success_n.tolist() == [1] * 9
    assert columns.progress_n.tolist() == [0, 0.25, 0.5, 0.75, 1, *np.linspace(0, 1, 4, dtype=np.float32).tolist()]
    assert end_marks(source) == {0: Mark.SUCCESS, 1: Mark.SUCCESS}
    with pytest.raises(NeedsFailures, match=r"all 2 known ends .* collect some with: hiwm collect TASK --failures"):
        require_failures(source, "the judge")
    with pytest.raises(BadInput, match="has its own success column"):
        label_all_success(source)
