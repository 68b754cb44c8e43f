"""The `hiwm` command: what it says, what it exits with, and that it starts fast."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NoReturn
from urllib.request import urlopen

import pytest

import hiwm.pipeline.collect
from hiwm.cli.app import main
from hiwm.errors import HiwmError
from hiwm.pipeline.collect import CollectReport
from hiwm.sims.task import Setting, SimTask
from hiwm.types import Kind
from tests.data.foreign_dataset import make_foreign

RUN = "import sys; from hiwm.cli.app import main; sys.exit(main(sys.argv[1:]))"
HEARS_CTRL_C = f"import signal; signal.signal(signal.SIGINT, signal.default_int_handler); {RUN}"
"""What a shell without job control starts in the background ignores Ctrl-C, and so do its children."""


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_foreign(tmp_path_factory.mktemp("cli") / "cubes")


def raising(error: BaseException) -> Callable[..., NoReturn]:
    def collect(*args: object, **kwargs: object) -> NoReturn:
        raise error

    return collect


def test_help_names_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["--help"])
    assert exit_.value.code == 0
    said = capsys.readouterr().out
    assert all(name in said for name in ("tour", "collect", "data", "bench"))


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys\nfrom hiwm.cli.app import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'numpy', 'torch', 'lerobot', 'mujoco', 'av', 'matplotlib', 'pyarrow', 'gymnasium'}\n"
        "print('loaded:', sorted(heavy & set(sys.modules)))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.splitlines()[-1] == "loaded: []"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["collect", "fold_rope", "--out", "never", "--demos", "1"], "no task is called 'fold_rope'; known: "),
        (["bench", "expert", "fold_rope"], "no task is called 'fold_rope'; known: "),
        (["data", "check", "/nowhere"], "expected a LeRobot v3 dataset"),
        (["data", "show", "/nowhere", "--camera", "top"], "expected --camera NAME=FEATURE, got 'top'"),
        (["bench", "expert", "push_t", "--episodes", "0"], "expected --episodes of at least 1, got 0"),
        (["data", "show", "/nowhere", "--camera", "a=b", "--camera", "a=c"], "--camera gives a twice, b and c"),
    ],
)
def test_bad_input_is_one_line(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith(f"hiwm: {said}")
    assert captured.err.count("\n") == 1
    assert captured.out == ""


def test_a_message_of_more_lines_becomes_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(hiwm.pipeline.collect, "collect", raising(HiwmError("one\n  two")))
    assert main(["collect", "push_t", "--out", "never"]) == 2
    assert capsys.readouterr().err == "hiwm: one two\n"


def test_ctrl_c_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(hiwm.pipeline.collect, "collect", raising(KeyboardInterrupt()))
    assert main(["collect", "push_t", "--out", "never"]) == 130
    assert capsys.readouterr().err == "hiwm: interrupted\n"


def test_a_defect_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hiwm.pipeline.collect, "collect", raising(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        main(["collect", "push_t", "--out", "never"])


def test_an_unknown_flag_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["collect", "push_t", "--out", "never", "--speed", "9"])
    assert exit_.value.code == 2
    assert "--speed" in capsys.readouterr().err


def test_a_closed_pipe_is_quiet() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([sys.executable, "-c", RUN, "--help"], stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


def test_collect_hands_on_its_flags_and_sums_up(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[dict[str, object]] = []

    def collect(source: partial[SimTask], out: Path, **kwargs: object) -> CollectReport:
        asked.append({"source": source.args, "out": out, **kwargs})
        counts = {Kind.DEMO: 7, Kind.FAILURE: 2, Kind.EDGE: 3}
        return CollectReport(counts, {Kind.DEMO: 7, Kind.FAILURE: 1, Kind.EDGE: 0}, 12, 2400.0, 40_000.0, {})

    monkeypatch.setattr(hiwm.pipeline.collect, "collect", collect)
    flags = "--demos 7 --failures 2 --edges 3 --out here --workers 1 --seed 5 --cameras top angle --size 96 --look all"
    assert main(["collect", "push_t", *flags.split()]) == 0
    setting = Setting("all", ("top", "angle"), 96)
    numbers = {"demos": 7, "failures": 2, "edges": 3, "workers": 1, "seed": 5}
    assert asked == [{"source": ("push_t", setting), "out": Path("here"), **numbers}]
    said = capsys.readouterr().out.splitlines()
    assert said[1].split() == ["failure", "2", "episodes,", "1", "end", "in", "success"]
    assert said[-1] == "here: 40 kB an episode, 2,400 episodes an hour"


def test_check_reports_and_draws(
    dataset: Path, tmp_path: Path, hiwm_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "report.json"
    names = ["--camera", "top=cam_high", "--json", str(report)]
    assert main(["data", "check", str(dataset), *names]) == 0
    assert "3 episodes, 41 frames" in capsys.readouterr().out
    assert (hiwm_home / "reports" / "cubes" / "heat_map.png").stat().st_size > 0
    assert list(json.loads(report.read_text())["visited"]) == ["observation.images.top"]


def test_show_writes_where_it_is_told(dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "show", str(dataset), "--out", str(tmp_path), "--view", "wrist"]) == 0
    sheets = [Path(line) for line in capsys.readouterr().out.splitlines()]
    assert sheets
    assert all(sheet.parent == tmp_path and sheet.stat().st_size > 0 for sheet in sheets)


def test_label_all_success_marks_each_episode_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(make_foreign(tmp_path / "cubes", lengths=(6, 6)))
    assert main(["data", "label", folder, "--all-success"]) == 0
    assert main(["data", "label", folder, "--all-success"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["2", "0"]


def test_label_serves_a_page_until_ctrl_c(dataset: Path) -> None:
    command = [sys.executable, "-c", HEARS_CTRL_C, "data", "label", str(dataset)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as label:
        assert label.stdout is not None
        with urlopen(label.stdout.readline().strip(), timeout=30) as page:
            assert page.headers.get_content_type() == "text/html"
        label.send_signal(signal.SIGINT)
        assert label.stdout.read().splitlines()[-1] == "0 of 3 episodes marked"
    assert label.returncode == 0


def test_bench_reader_says_and_saves_its_figures(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "reader.json"
    assert main(["bench", "reader", str(dataset), "--windows", "4", "--json", str(file)]) == 0
    figures = json.loads(file.read_text())
    assert figures["windows"] == 4
    assert f"ratio           {figures['ratio']:.4g}" in capsys.readouterr().out
