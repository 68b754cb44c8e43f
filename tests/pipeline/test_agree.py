"""`hiwm agree`: CSVs in, figures and a picture out, and bad files in one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hiwm.cli.app import main
from hiwm.evaluation.trials import Trial, write_trials
from hiwm.runfolder import read_json, write_json


def write(path: Path, seed: int, prefix: str = "p") -> Path:
    hard = np.random.default_rng(seed).random(40)
    rates = np.linspace(0.2, 0.8, 8)
    write_trials(
        path, [Trial(f"{prefix}{k}", f"s/{n}", 0, bool(hard[n] < r)) for k, r in enumerate(rates) for n in range(40)]
    )
    return path


def test_figures_and_a_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    inside, outside = write(tmp_path / "in.csv", 0), write(tmp_path / "out.csv", 1)
    write_json(tmp_path / "lineage.json", {"p0": "base", "p1": "base"})
    flags = ["--inside", str(inside), "--outside", str(outside), "--lineage", str(tmp_path / "lineage.json")]
    assert main(["agree", *flags, "--out", str(tmp_path / "found")]) == 0
    found = read_json(tmp_path / "found" / "agreement.json")
    assert found["chosen"]["n"] == 8
    assert found["policies"][1]["lineage"] == "base"
    assert (tmp_path / "found" / "agreement.png").read_bytes().startswith(b"\x89PNG")
    said = capsys.readouterr().out
    assert "8 policies: pearson 0.9" in said
    assert "episodes  320: agree " in said


@pytest.mark.parametrize(
    ("lineage", "twice", "said"),
    [
        ("[]", False, "to map each policy to a name"),
        ("{", False, "as JSON"),
        ("{}", True, "is in "),
    ],
)
def test_bad_input_is_one_line(
    lineage: str, twice: bool, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(write(tmp_path / "in.csv", 0))
    (tmp_path / "lineage.json").write_text(lineage)
    flags = ["--inside", file, *([file] if twice else []), "--outside", file, "--out", str(tmp_path / "found")]
    assert main(["agree", *flags, "--lineage", str(tmp_path / "lineage.json")]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
