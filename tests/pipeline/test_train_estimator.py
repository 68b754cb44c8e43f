"""The command: a dataset in, an estimator and its own errors out."""

from __future__ import annotations

from pathlib import Path

import pytest

from hiwm.cli.app import main
from hiwm.perception.estimator import load_estimator
from tests.dot_world import dot_dataset


def test_an_estimator_is_written_and_says_how_good_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dot_dataset(tmp_path / "dot", each=2)
    flags = f"{tmp_path / 'dot'} --out {tmp_path / 'estimator'} --minutes 0.02 --threads 1"
    assert main(["train-estimator", *flags.split()]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("goal_x")
    assert "median error" in said[0]
    assert said[-2].startswith("spoiled pictures recognised: blur")
    estimator = load_estimator(tmp_path / "estimator")
    assert estimator.about["dataset"] == "dot"
    assert estimator.about["steps"] > 0


def test_no_time_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dot_dataset(tmp_path / "dot", each=1)
    assert main(["train-estimator", str(tmp_path / "dot"), "--out", str(tmp_path / "never"), "--minutes", "0"]) == 2
    assert capsys.readouterr().err == "hiwm: expected --minutes above 0, got 0\n"
