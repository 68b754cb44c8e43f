"""`hiwm doctor`: what it says of a machine that lacks something, and of this one."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import hiwm.pipeline.doctor
from hiwm.cli.app import main
from hiwm.pipeline.doctor import (
    Finding,
    Verdict,
    arithmetic,
    browser,
    cores,
    disk,
    gpu,
    leader_arms,
    packages,
    page,
    python,
    rendering,
    report,
    sqlite,
)
from hiwm.runfolder import read_json

NFS = "server:/home / nfs4 rw 0 0\n"


@pytest.mark.parametrize(
    ("check", "verdict", "found", "to_do"),
    [
        (lambda place: python((3, 11, 4)), Verdict.MISSING, "3.11.4, expected 3.12", "install Python 3.12"),
        (lambda place: packages(["numpy>=2", "nosuchpackage[x]>=1", "y; extra == 'dev'"]), Verdict.MISSING,
         "nosuchpackage not installed", "make clean setup"),
        (lambda place: rendering((sys.executable, "-c", "raise SystemExit('no EGL')")), Verdict.MISSING,
         "no EGL", "apt-get install libegl1"),
        (lambda place: page(place), Verdict.MISSING, "is not built", "scripts/build_web.sh"),
        (lambda place: browser(lambda name: None), Verdict.LACKS, "no Chromium", "apt-get install chromium"),
        (lambda place: disk(place, 1e9), Verdict.MISSING, "1.0 GB free", "free 2 GB"),
        (lambda place: disk(place, 5e9), Verdict.LACKS, "5.0 GB free", "20 GB"),
        (lambda place: disk(place, 5e11, NFS), Verdict.MISSING, "network file system (nfs4)", "set HIWM_HOME"),
        (lambda place: sqlite((3, 31, 0)), Verdict.MISSING, "3.31.0, expected 3.37.0", "a newer SQLite"),
        (lambda place: sqlite((3, 40, 1)), Verdict.GOOD, "before 3.51.3 two writers", ""),
        (lambda place: cores(1), Verdict.LACKS, "1", "half the speed"),
        (lambda place: arithmetic(False), Verdict.LACKS, "not in this processor", "avx512_bf16"),
        (lambda place: gpu(False), Verdict.GOOD, "none; nothing needs one", ""),
        (lambda place: leader_arms(lambda name: None), Verdict.LACKS, "cannot read SO arms", "lerobot[feetech]"),
    ],
)  # fmt: skip
def test_what_is_missing_is_said_with_what_to_do(
    check: Callable[[Path], Finding], verdict: Verdict, found: str, to_do: str, tmp_path: Path
) -> None:
    finding = check(tmp_path)
    assert finding.verdict is verdict
    assert found in finding.found
    assert to_do in finding.to_do
    assert finding.bad == (verdict is Verdict.MISSING)


@pytest.mark.parametrize(
    "check",
    [
        lambda place: python(),
        lambda place: packages(),
        lambda place: browser(lambda name: f"/usr/bin/{name}"),
        lambda place: disk(place, 5e11, "/dev/sda / ext4 rw 0 0\n"),
        lambda place: sqlite((3, 52, 0)),
        lambda place: cores(8),
        lambda place: arithmetic(True),
        lambda place: gpu(True),
        lambda place: leader_arms(lambda name: object()),
    ],
)
def test_what_is_there_needs_nothing_done(check: Callable[[Path], Finding], tmp_path: Path) -> None:
    finding = check(tmp_path)
    assert (finding.verdict, finding.to_do) == (Verdict.GOOD, "")


def test_this_machine_draws_a_picture() -> None:
    assert rendering() == Finding("rendering", Verdict.GOOD, "a picture is drawn without a display")


def test_a_built_page_is_found(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<html>")
    assert page(tmp_path).verdict is Verdict.GOOD


def test_the_report_is_for_people_and_for_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report([python((3, 11, 4)), gpu(False)], tmp_path / "found.json")
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("MISSING python      3.11.4")
    assert said[1].strip().startswith("-> install Python 3.12")
    assert said[2].startswith("ok      gpu         none")
    assert read_json(tmp_path / "found.json")["python"]["verdict"] == "MISSING"


@pytest.mark.parametrize(("found", "code"), [(python((3, 12, 1)), None), (python((3, 11, 4)), 1)])
def test_the_exit_code_says_whether_something_needed_is_missing(
    found: Finding, code: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hiwm.pipeline.doctor, "examine", lambda: [found])
    if code is None:
        assert main(["doctor"]) == 0
        return
    with pytest.raises(SystemExit) as ended:
        main(["doctor"])
    assert ended.value.code == code
