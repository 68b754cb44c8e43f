"""Trials as CSV: there and back, and what is wrong with a file in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from hiwm.errors import BadInput
from hiwm.evaluation.trials import Trial, of_policy, policies_of, read_trials, write_trials

TRIALS = [
    Trial("base", "push_t/eval/0", 0, True, 87, 1.0),
    Trial("base", "push_t/eval/1", 0, False, 200, 0.6125, "stalled"),
    Trial("better, much", "push_t/eval/0", 0, True),
]


def test_comes_back_as_written(tmp_path: Path) -> None:
    write_trials(tmp_path / "trials.csv", TRIALS)
    assert read_trials(tmp_path / "trials.csv") == TRIALS
    assert policies_of(TRIALS) == ["base", "better, much"]


def test_a_hand_written_file_of_four_columns_is_enough(tmp_path: Path) -> None:
    file = tmp_path / "real.csv"
    file.write_text("\ufefftrial,scene,policy,success,notes\n0,kitchen,base,yes,fine\n1,kitchen,base,No,\n")
    assert read_trials(file) == [Trial("base", "kitchen", 0, True), Trial("base", "kitchen", 1, False)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "has no column policy, scene, trial, success"),
        ("policy,scene,success\na,b,1\n", "has no column trial"),
        ("policy,scene,trial,success\n", "holds no trials"),
        ("policy,scene,trial,success\nbase,s,0,maybe\n", "line 2: expected success as 1 or 0, got 'maybe'"),
        ("policy,scene,trial,success\nbase,s,-1,1\n", "line 2: expected trial as a whole number"),
        ("policy,scene,trial,success\n,s,0,1\n", "line 2: expected a policy, got nothing"),
        ("policy,scene,trial,success,progress\nbase,s,0,1,1.5\n", "expected progress from 0 to 1, got '1.5'"),
        ("policy,scene,trial,success\nbase,s,0,1\nbase,s,0,0\n", "has trial 0 of base in s twice"),
        ("policy,scene,trial,success\nodd,s,0,1\n", "unknown policy 'odd'; known: base"),
    ],
)
def test_bad_files_are_told_in_one_line(text: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "real.csv"
    file.write_text(text)
    with pytest.raises(BadInput) as error:
        read_trials(file, known=["base"])
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_no_file_and_no_text(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="found no file"):
        read_trials(tmp_path / "none.csv")
    (tmp_path / "picture.csv").write_bytes(b"\xff\xd8\xff\x00")
    with pytest.raises(BadInput, match="is no text"):
        read_trials(tmp_path / "picture.csv")


def test_a_policy_without_trials_is_named() -> None:
    with pytest.raises(BadInput, match="no trial is of policy 'odd'; there are trials of base"):
        of_policy(TRIALS, "odd")
