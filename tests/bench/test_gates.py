"""Gates as a command: the checkout's tests with a size, and what they noted."""

from __future__ import annotations

from pathlib import Path

import pytest

from hiwm.bench.gates import gate_lines, run_gates
from hiwm.errors import BadInput, StageFailed

NOTES = """
import json, os
def test_gate():
    with open(os.environ["HIWM_GATES_OUT"], "a") as file:
        json.dump({"gate": "g", "seed": int(os.environ["HIWM_GATES_SEED"]), "time": 1, "count": 1000, "s": 0.5}, file)
    assert os.environ["HIWM_GATES"] == "SIZE"
"""


def checkout(folder: Path, size: str) -> Path:
    """A checkout whose only gate wants to be of this size."""
    (folder / "tests" / "server").mkdir(parents=True)
    (folder / "tests" / "server" / "test_gate.py").write_text(NOTES.replace("SIZE", size))
    return folder


def test_what_gates_noted_is_told(tmp_path: Path) -> None:
    noted = run_gates(tmp_path / "out.jsonl", seed=3, checkout=checkout(tmp_path, "full"))
    assert [gate["seed"] for gate in noted] == [3]
    assert list(gate_lines(noted)) == ["g: count 1,000, s 0.5"]


def test_a_gate_that_does_not_hold_fails_the_command(tmp_path: Path) -> None:
    with pytest.raises(StageFailed, match="a gate did not hold"):
        run_gates(tmp_path / "out.jsonl", small=True, checkout=checkout(tmp_path, "full"))


def test_gates_need_a_checkout(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="clone hiwm"):
        run_gates(tmp_path / "out.jsonl", checkout=tmp_path)
