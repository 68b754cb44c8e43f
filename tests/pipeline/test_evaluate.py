"""Evaluation in the real simulator: paired scenes, going on after a stop, and what is wrong in one line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hiwm.cli.app import main
from hiwm.errors import BadInput
from hiwm.evaluation.trials import read_trials, write_trials
from hiwm.pipeline.evaluate import Ways, evaluate, named_policies
from hiwm.pipeline.manifest import read_manifest
from hiwm.runfolder import read_json

QUICK = Ways(workers=0, batch=2, max_steps=12)


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The expert, and a policy that stands still, in two scenes."""
    out = tmp_path_factory.mktemp("evaluated")
    evaluate(["still=hold", "expert"], out, ["push_t/eval/0..1"], sim="push_t", ways=Ways(workers=0))
    return out


def test_each_policy_attempts_each_scene(evaluated: Path) -> None:
    trials = read_trials(evaluated / "trials.csv")
    assert [(t.policy, t.scene) for t in trials] == [
        (policy, f"push_t/eval/{scene}") for policy in ("still", "expert") for scene in (0, 1)
    ]
    still, expert = trials[:2], trials[2:]
    assert all(not t.success and t.failure == "never touched" and t.steps == 200 for t in still)
    assert all(t.success and t.failure == "" and t.steps is not None and t.steps < 200 for t in expert)


def test_the_summary_compares_with_the_first(evaluated: Path) -> None:
    summary = read_json(evaluated / "summary.json")
    assert [row["rate"] for row in summary["policies"]] == [0, 1]
    [difference] = summary["differences"]
    assert (difference["policy"], difference["against"], difference["value"]) == ("expert", "still", 1)
    manifest = read_manifest(evaluated)
    assert manifest is not None
    assert manifest.complete
    assert manifest.settings["dynamics"]["name"] == "push_t"


def test_the_same_call_makes_only_what_is_missing(evaluated: Path, tmp_path: Path) -> None:
    kept = read_trials(evaluated / "trials.csv")
    evaluate(["expert"], tmp_path, ["push_t/eval/0..1"], sim="push_t", ways=QUICK)
    marked = replace(kept[2], steps=7, success=True)
    write_trials(tmp_path / "trials.csv", [marked])
    evaluate(["expert"], tmp_path, ["push_t/eval/0..1"], sim="push_t", ways=QUICK)
    first, second = read_trials(tmp_path / "trials.csv")
    assert first == marked
    assert (second.scene, second.steps, second.success) == ("push_t/eval/1", 12, False)


def test_other_scenes_into_the_same_folder_are_refused(evaluated: Path) -> None:
    with pytest.raises(BadInput, match=r"give another --out"):
        evaluate(["still=hold", "expert"], evaluated, ["push_t/eval/0..2"], sim="push_t", ways=QUICK)


def test_worker_processes_find_the_same_in_other_looks(tmp_path: Path) -> None:
    flags = ["--policy", "expert", "--scenes", "push_t/eval/3", "--sim", "push_t", "--look", "distractors"]
    for workers in (0, 1):
        out = tmp_path / str(workers)
        assert main(["evaluate", *flags, "--max-steps", "9", "--workers", str(workers), "--out", str(out)]) == 0
    assert read_trials(tmp_path / "0" / "trials.csv") == read_trials(tmp_path / "1" / "trials.csv")


def test_trials_of_a_scene_have_draws_of_their_own(tmp_path: Path) -> None:
    ways = replace(QUICK, trials=2, max_steps=200)
    evaluate(["expert"], tmp_path, ["push_t/eval/0..1"], sim="push_t", ways=replace(ways, trials=1))
    with pytest.raises(BadInput, match=r"give another --out"):
        evaluate(["expert"], tmp_path, ["push_t/eval/0..1"], sim="push_t", ways=ways)
    evaluate(["expert"], tmp_path / "two", ["push_t/eval/0..1"], sim="push_t", ways=ways)
    trials = read_trials(tmp_path / "two" / "trials.csv")
    assert [trial.start for trial in trials] == [(f"push_t/eval/{scene}", n) for n in (0, 1) for scene in (0, 1)]
    assert trials[:2] == read_trials(tmp_path / "trials.csv")
    assert [trial.progress for trial in trials[2:]] != [trial.progress for trial in trials[:2]] or [
        trial.steps for trial in trials[2:]
    ] != [trial.steps for trial in trials[:2]]
    with pytest.raises(BadInput, match="--trials"):
        replace(QUICK, trials=0)


def test_labels_tell_policies_apart() -> None:
    assert named_policies(["runs/a/base", "new=runs/b/base", "hold", "ws://host:8000/x"]) == {
        "base": "runs/a/base", "new": "runs/b/base", "hold": "hold", "ws://host:8000/x": "ws://host:8000/x",
    }  # fmt: skip
    with pytest.raises(BadInput, match="two policies are called base"):
        named_policies(["a/base", "b/base"])


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--policy", "no/such", "--sim", "push_t"], "no/such"),
        (["--policy", "hold"], "expected exactly one of --world and --sim"),
        (["--policy", "hold", "--sim", "fold_rope"], "fold_rope"),
        (["--policy", "=x", "--sim", "push_t"], "expected --policy FOLDER or LABEL=FOLDER"),
    ],
)
def test_bad_input_is_one_line(flags: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = ["--out", str(tmp_path / "out"), "--scenes", "push_t/eval/0", "--workers", "0"]
    assert main(["evaluate", *flags, *out]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert "\n" not in error.strip()  # a bar leaves an empty line
