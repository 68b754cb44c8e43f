"""Stages of a run: made once, gone on with, made anew when what they depend on has changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from threading import Barrier

import pytest

from hiwm.errors import StageFailed
from hiwm.pipeline.run_stages import Execute, Stage, StageRunner, run_command, told_stages
from hiwm.runfolder import read_json

FIRST = Stage("first", "make a", ("make", "--out", "RUN/a"), "a", resume=True)
SECOND = Stage("second", "make b of a", ("make", "RUN/a", "--out", "RUN/b"), "b", after=("first",))


class Maker:
    """Makes the folder after --out, and remembers its calls; fails, or is interrupted, where it is told to."""

    def __init__(self, codes: dict[str, int] | None = None) -> None:
        self.calls: list[list[str]] = []
        self.codes = codes or {}

    def __call__(self, arguments: Sequence[str], log: Path | None) -> int:
        self.calls.append(list(arguments))
        out = Path(arguments[arguments.index("--out") + 1])
        out.mkdir(exist_ok=True)
        (out / "made").write_text(str(len(self.calls)))
        return self.codes.get(out.name, 0)


def go(run: Path, maker: Execute, *stages: Stage, jobs: int = 1) -> int:
    return StageRunner(run, len(stages), maker, jobs).go(stages)


def test_what_is_complete_is_passed_over(tmp_path: Path) -> None:
    maker = Maker()
    assert go(tmp_path, maker, FIRST, SECOND) == 2
    assert maker.calls[1] == ["make", f"{tmp_path}/a", "--out", f"{tmp_path}/b"]
    assert go(tmp_path, maker, FIRST, SECOND) == 0
    assert [one["command"] for one in told_stages(tmp_path)] == [
        "hiwm make --out RUN/a", "hiwm make RUN/a --out RUN/b",
    ]  # fmt: skip


def test_a_stage_that_failed_is_gone_on_with(tmp_path: Path) -> None:
    with pytest.raises(StageFailed, match="stage first ended with code 2"):
        go(tmp_path, Maker({"a": 2}), FIRST, SECOND)
    maker = Maker()
    assert go(tmp_path, maker, FIRST, SECOND) == 2
    assert maker.calls[0][-1] == "--resume"
    assert not (tmp_path / "a.outdated").exists()


def test_an_interrupted_stage_interrupts_the_run(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        go(tmp_path, Maker({"a": 130}), FIRST)
    assert read_json(tmp_path / "stages" / "first.json")["seconds"] is None


def test_another_command_makes_it_and_what_follows_anew(tmp_path: Path) -> None:
    go(tmp_path, Maker(), FIRST, SECOND)
    changed = replace(FIRST, arguments=("make", "--more", "--out", "RUN/a"))
    maker = Maker()
    assert go(tmp_path, maker, changed, SECOND) == 2
    assert (tmp_path / "a.outdated" / "made").read_text() == "1"
    assert (tmp_path / "b.outdated" / "made").read_text() == "2"


def test_another_input_from_outside_makes_it_anew(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("1")
    stage = replace(FIRST, given=(tmp_path / "data.csv",))
    go(tmp_path, Maker(), stage)
    assert go(tmp_path, Maker(), stage) == 0
    (tmp_path / "data.csv").write_text("2")
    assert go(tmp_path, Maker(), stage) == 1


def test_what_is_gone_is_made_again(tmp_path: Path) -> None:
    go(tmp_path, Maker(), FIRST)
    (tmp_path / "a" / "made").unlink()
    (tmp_path / "a").rmdir()
    assert go(tmp_path, Maker(), FIRST) == 1


def test_two_at_a_time_each_after_what_it_reads(tmp_path: Path) -> None:
    maker, both = Maker(), Barrier(2, timeout=20)
    third = Stage("third", "make c", ("make", "--out", "RUN/c"), "c")

    def execute(arguments: Sequence[str], log: Path | None) -> int:
        if arguments[-1].endswith(("/a", "/c")):
            both.wait()  # neither goes on before the other runs
        assert log is not None
        return maker(arguments, log)

    assert go(tmp_path, execute, FIRST, SECOND, third, jobs=2) == 3
    assert maker.calls[2][-1].endswith("/b")
    assert go(tmp_path, maker, FIRST, SECOND, third) == 0


def test_what_others_were_doing_is_kept_when_one_fails(tmp_path: Path) -> None:
    third = Stage("third", "make c", ("make", "--out", "RUN/c"), "c")
    with pytest.raises(StageFailed, match=r"in .*first.log; what is finished is kept"):
        go(tmp_path, Maker({"a": 2}), FIRST, SECOND, third, jobs=2)
    maker = Maker()
    assert go(tmp_path, maker, FIRST, SECOND, third, jobs=2) == 2


def test_a_command_of_several_writes_to_its_log(tmp_path: Path) -> None:
    log = tmp_path / "stage.log"
    log.write_text("before\n")
    assert run_command(["data", "check", str(tmp_path / "none")], log) == 2
    before, said = log.read_text().splitlines()
    assert before == "before"
    assert "none" in said
