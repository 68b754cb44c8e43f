"""The report of a small made run: figures first, one page from them, and what is wrong in one line."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hiwm.cli.app import main
from hiwm.evaluation.agreement import agreement
from hiwm.evaluation.trials import Trial, write_trials
from hiwm.pipeline.report import report
from hiwm.pipeline.report_pictures import chosen_shown, corrections_in
from hiwm.pipeline.run_about import CorrectionSet, Method, RunAbout, read_about, write_about
from hiwm.runfolder import read_json, write_json
from hiwm.session.phases import Label
from tests.fakes import toy_dataset
from tests.session.toy_sessions import corrected_session

METHODS = (
    Method("base", "Base policy", "on the demonstrations alone"),
    Method("post", "Post-trained", "on corrections", ("one",)),
)
ABOUT = RunAbout(
    task="toy", recipe="tiny", created="2026-11-25", methods=METHODS, main="post", against="base", compared=(),
    outside=("evaluate",), inside=("inside",), looks={"background": "evaluate"}, agreement="agree",
    volume=("base", "post"), corrections=(CorrectionSet("one", "First round", "corrections", "data"),),
    base_dataset="data", operators="scripted", cost={"robot_hour_usd": 99.0},
)  # fmt: skip


def made_trials(post: float, policies: tuple[str, ...] = ("base", "post")) -> list[Trial]:
    hard = np.random.default_rng(0).random(40)
    rates = {"base": 0.4, "post": post}
    return [
        Trial(p, f"toy/eval/{k}", 0, bool(hard[k] < rates[p]), 30, None, "" if hard[k] < rates[p] else "stalled")
        for p in policies
        for k in range(40)
    ]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("run")
    for folder in ("evaluate", "inside", "corrections/sessions", "stages", "agree"):
        (run / folder).mkdir(parents=True)
    for folder, rate in (("evaluate", 0.8), ("inside", 0.7)):
        write_trials(run / folder / "trials.csv", made_trials(rate))
    corrected_session(run / "corrections" / "sessions", "toy-practice-1.hiwm").close()
    toy_dataset(run / "data", each=1)
    write_json(run / "agree" / "agreement.json", agreement(made_trials(0.7), made_trials(0.8), {}, draws=50))
    record = {"name": "rollout", "title": "roll out", "command": "hiwm rollout --out RUN/rollout <b>", "made": "none"}
    write_json(run / "stages" / "rollout.json", record | {"seconds": 12.5, "began": 1.0, "version": "0"})
    write_about(run, ABOUT)
    return run


def test_the_figures_come_first(run: Path) -> None:
    report(run)
    found = read_json(run / "report" / "report.json")
    assert found["headline"]["verdict"] == "better"
    assert "Post-trained succeeds in" in found["headline"]["sentence"]
    assert [row["title"] for row in found["methods"]] == ["Base policy", "Post-trained"]
    [effort] = found["effort"]
    assert (effort["takeovers"], effort["successes"], effort["steered_steps"]) == (1, 1, 4)
    base, post = found["volume"]
    assert base["share"] == 0
    assert post["share"] == effort["share"] > 0
    assert found["cost"]["inputs"]["robot_hour_usd"] == 99
    assert found["cost"]["inputs"]["correction_s"] == pytest.approx(0.4)
    assert set(found["cost_measured"]) == {"robot_hour_usd", "correction_s"}
    assert found["looks"][0]["difference"]["value"] == found["differences"][0]["value"]


def test_effort_is_that_of_the_main_policy_not_of_controls(run: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(run, tmp_path / "run")
    control = replace(ABOUT.corrections[0], label="random", title="Untargeted")
    write_about(copy, replace(ABOUT, corrections=(*ABOUT.corrections, control)))
    report(copy)
    found = read_json(copy / "report" / "report.json")
    assert [row["takeovers"] for row in found["effort"]] == [1, 1]
    assert "1 takeover" in [tile["value"] for tile in found["tiles"]]


def test_a_correction_is_shown_beside_what_it_replaces(run: Path) -> None:
    report(run)
    [sheet] = read_json(run / "report" / "report.json")["sheets"]
    assert "ann took over (it goes away from the goal), steered 4 steps (0.4 s), ended in success" in (sheet["about"])
    assert [shot["step"] for shot in sheet["failed"]] == [3, 4, 5, 6, 7, 8, 9, 10]
    kinds = [shot["kind"] for shot in sheet["corrected"]]
    assert kinds[0] == "policy"
    assert "steered person" in kinds
    assert kinds[-1] in ("end-good", "end-bad")


def test_what_would_have_failed_is_shown_before_successes_in_doubt(run: Path) -> None:
    [shown, *_] = corrections_in(sorted((run / "corrections" / "sessions").iterdir()))
    failed = replace(shown, correction=replace(shown.correction, outcome=Label.SUCCESS), doubted=False)
    doubted = replace(failed, path=Path("another"), doubted=True)
    assert chosen_shown([doubted, failed], 2) == [failed]
    assert chosen_shown([doubted], 2) == [doubted]


def test_the_page_needs_nothing_from_outside(run: Path) -> None:
    page = report(run).read_text()
    assert "<script" not in page
    assert re.findall(r'(?:src|href|poster)="(?!data:)', page) == []
    assert "url(" not in page
    assert page.count("data:video/mp4;base64,") == 1
    assert "prefers-color-scheme: dark" in page
    assert "&lt;b&gt;" in page  # what a run says about itself is text


def test_a_difference_that_reaches_zero_is_said_first(run: Path, tmp_path: Path) -> None:
    write_trials(tmp_path / "real.csv", made_trials(0.45))
    bare = replace(ABOUT, outside=("real.csv",), inside=(), agreement=None, corrections=(), base_dataset=None)
    write_about(tmp_path, replace(bare, looks={}, volume=()))
    report(tmp_path)
    found = read_json(tmp_path / "report" / "report.json")
    assert found["headline"]["sentence"].startswith("No difference is shown: the interval reaches zero.")
    assert found["notes"][0].startswith("Few trials (40 a method)")
    assert found["effort"] == found["sheets"] == found["stages"] == []


def test_own_trials_stand_in_for_the_simulator(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_trials(tmp_path / "real.csv", made_trials(0.5)[::2])
    assert main(["report", str(run), "--trials", str(tmp_path / "real.csv")]) == 0
    found = read_json(run / "report" / "report.json")
    assert found["scenes"] == 20
    assert found["outside"] == "real.csv"
    assert found["looks"] == []
    assert found["agreement"]["policies"][0]["outside_n"] == 20
    strangers = [replace(trial, policy="stranger") for trial in made_trials(0.5)]
    write_trials(tmp_path / "other.csv", strangers)
    assert main(["report", str(run), "--trials", str(tmp_path / "other.csv")]) == 2
    assert "unknown policy 'stranger'; known: base, post" in capsys.readouterr().err


def test_what_a_run_is_about_comes_back(run: Path) -> None:
    assert read_about(run) == ABOUT


def test_another_folder_is_told_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith("hiwm: expected the folder of a run with run.json")
    (tmp_path / "run.json").write_text("{}")
    assert main(["report", str(tmp_path)]) == 2
    assert "does not fit (KeyError" in capsys.readouterr().err
