"""Every stage once, in order, by recipe `tiny`: data, policy, world, corrections, post-training, report; then again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from hiwm.cli.app import main
from hiwm.errors import BadInput, StageFailed
from hiwm.pipeline.experiment import run_experiment
from hiwm.pipeline.experiment_plan import Given
from hiwm.recipes.loading import load_recipe
from hiwm.runfolder import only_one, read_json

GIVEN = Given("push_t", workers=0)
ORDER = [
    "collect", "train-policy", "rollout", "find-failures", "correct", "export", "post-train", "post-train", "evaluate",
    "train-policy", "evaluate", "evaluate", "evaluate", "agree", "report",
]  # fmt: skip


class Here:
    """Runs the commands in this process, where everything is imported already; stops before the one that is named."""

    def __init__(self, stop: str = "") -> None:
        self.commands: list[str] = []
        self.stop = stop

    def __call__(self, arguments: Sequence[str], log: Path | None) -> int:
        if arguments[0] == self.stop:
            return 2
        self.commands.append(arguments[0])
        return main(arguments)


@pytest.mark.timeout(600)
def test_every_stage_in_order_and_none_twice(tmp_path: Path, hiwm_home: Path) -> None:
    run, recipe = tmp_path / "run", load_recipe("push_t", "tiny")
    first = Here(stop="export")
    with pytest.raises(StageFailed, match="stage export-1 ended with code 2"):
        run_experiment(GIVEN, recipe, run, first)
    second = Here()
    page = run_experiment(GIVEN, recipe, run, second)
    assert first.commands + second.commands == ORDER
    third = Here()
    assert run_experiment(GIVEN, recipe, run, third) == page
    assert third.commands == []
    _check(read_json(run / "report" / "report.json"))
    assert page.read_text().count("<section>") >= 8


def test_two_at_once_in_one_folder_are_refused(tmp_path: Path) -> None:
    """A second one would make the same stages into the same folders."""
    with only_one(tmp_path, "hiwm run"), pytest.raises(BadInput, match="at work"):
        run_experiment(GIVEN, load_recipe("push_t", "tiny"), tmp_path, Here())


def _check(found: dict[str, object]) -> None:
    """The report is made of what the stages have made."""
    methods, effort, stages = found["methods"], found["effort"], found["stages"]
    assert isinstance(methods, list)
    assert [row["policy"] for row in methods] == ["base", "post", "longer", "base-1"]
    assert all(row["n"] == 2 for row in methods)
    assert isinstance(effort, list)
    assert effort[0]["takeovers"] >= 1
    assert effort[0]["frames"] > 0
    assert isinstance(stages, list)
    assert len(stages) == len(ORDER) - 1  # all but the report
    assert all(stage["seconds"] is not None for stage in stages)
    assert found["sheets"]
    assert found["films"]
