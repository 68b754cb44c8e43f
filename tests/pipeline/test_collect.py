from __future__ import annotations

import functools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hiwm.data.features import read_sidecar
from hiwm.data.writer import open_lerobot
from hiwm.errors import BadInput, HiwmError, OutOfSpace, StageFailed, UnknownName
from hiwm.interfaces import Stepped
from hiwm.pipeline import collect as collecting
from hiwm.pipeline import collect_plan
from hiwm.pipeline.collect import CollectReport, collect, run_plan
from hiwm.pipeline.collect_plan import Part, Plan, Slot, WorkFolder, parts_to_write
from hiwm.spec import RobotSpec
from hiwm.types import Kind, Scene
from tests.fakes import TOY_SPEC, TOY_TASK, ToyDynamics, toy_dataset, toy_episode

COUNTS = (4, 2, 1)
REPO = Path(__file__).parents[2]


def _collect(out: Path, demos: int, failures: int, edges: int, **more: Any) -> CollectReport:
    settings = {"workers": 0, "part_episodes": 3, "progress": False} | more
    return collect(settings.pop("task", TOY_TASK), out, demos, failures, edges, **settings)


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("collect") / "toy"
    report = _collect(out, *COUNTS)
    assert tuple(report.counts.values()) == COUNTS
    return out


@pytest.fixture
def copied(collected: Path, tmp_path: Path) -> Path:
    shutil.copytree(collected, tmp_path / "toy")
    return tmp_path / "toy"


def _rows(out: Path) -> dict[str, NDArray[Any]]:
    columns: dict[str, NDArray[Any]] = dict(open_lerobot(out).hf_dataset.with_format("numpy")[:])
    return columns


def _scenes(out: Path) -> list[str]:
    return list(dict.fromkeys(_rows(out)["scene"].tolist()))


def _require_same(one: Path, other: Path) -> None:
    ours, theirs = _rows(one), _rows(other)
    assert ours.keys() == theirs.keys()
    for name in ours:
        np.testing.assert_array_equal(ours[name], theirs[name])
    datasets: tuple[Any, Any] = open_lerobot(one), open_lerobot(other)
    for index in range(0, len(ours["index"]), 7):
        pictures = [dataset[index] for dataset in datasets]
        for camera in TOY_SPEC.cameras:  # x264 gives the same bits every time only for sides that 16 divides
            difference = pictures[0][camera.name].float() - pictures[1][camera.name].float()
            assert difference.abs().mean() < 2


def _listing(out: Path) -> dict[str, tuple[int, int]]:
    return {str(p): (p.stat().st_mtime_ns, p.stat().st_size) for p in out.rglob("*") if p.is_file()}


def test_collected_episodes_are_what_the_scripts_do(collected: Path) -> None:
    rows = _rows(collected)
    slots = [Slot(kind, n) for kind, count in zip(Kind, COUNTS, strict=True) for n in range(count)]
    expected = [toy_episode(slot.kind, slot.scene("toy", 0).number) for slot in slots]
    np.testing.assert_array_equal(rows["action"], np.concatenate([e.action for e in expected]))
    np.testing.assert_array_equal(rows["observation.state"], np.concatenate([e.state for e in expected]))
    np.testing.assert_array_equal(rows["success"], np.concatenate([e.success for e in expected]))
    assert _scenes(collected) == [e.scene for e in expected]
    assert not WorkFolder.beside(collected).root.exists()


def test_sidecar_has_the_figures(collected: Path) -> None:
    sidecar = read_sidecar(collected)
    assert sidecar is not None
    figures = sidecar["collected"]
    assert figures["counts"] == {"demo": 4, "failure": 2, "edge": 1}
    assert figures["successes"] == {
        str(kind): sum(toy_episode(kind, Slot(kind, n).scene("toy", 0).number).succeeded for n in range(count))
        for kind, count in zip(Kind, COUNTS, strict=True)
    }
    assert figures["successes"]["demo"] == 4
    assert figures["seed"] == 0
    assert figures["new_episodes"] == 7
    assert figures["cpu_s"].keys() == {"simulate", "journal", "import", "encode", "join"}
    assert {"hiwm", "mujoco", "episodes_per_hour", "bytes_per_episode"} <= figures.keys()
    assert RobotSpec.from_json(sidecar["spec"]) == TOY_SPEC


def test_same_numbers_again_change_nothing(copied: Path) -> None:
    before = _listing(copied)
    report = _collect(copied, *COUNTS)
    assert report.already_complete
    assert tuple(report.counts.values()) == COUNTS
    assert _listing(copied) == before
    assert not WorkFolder.beside(copied).root.exists()


def test_larger_numbers_extend(collected: Path, copied: Path) -> None:
    report = _collect(copied, 6, 2, 3)
    assert (report.new_episodes, tuple(report.counts.values())) == (4, (6, 2, 3))
    new, old = _rows(copied), _rows(collected)
    for name in old:
        np.testing.assert_array_equal(new[name][: len(old[name])], old[name])
    added = [Slot(Kind.DEMO, 4), Slot(Kind.DEMO, 5), Slot(Kind.EDGE, 1), Slot(Kind.EDGE, 2)]
    assert _scenes(copied)[sum(COUNTS) :] == [slot.scene("toy", 0).id for slot in added]


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"seed": 1}, "collected with seed 0, now seed 1"),
        ({"task": replace(TOY_TASK, name="other")}, "collected with task toy, now task other"),
        ({"task": replace(TOY_TASK, look="dark")}, "collected with look plain, now look dark"),
        ({"task": replace(TOY_TASK, mistakes=("slip",))}, r"collected with mistakes \[\], now mistakes \['slip'\]"),
        ({"demos": 3}, "4 demos, 2 failures, 1 edges, which is more than the 3 demos"),
        ({"demos": 5, "spec": replace(TOY_SPEC, fps=20)}, "another robot spec"),
    ],
)
def test_a_dataset_of_something_else_is_not_touched(copied: Path, change: dict[str, Any], match: str) -> None:
    asked = {"demos": 4, "failures": 2, "edges": 1} | change
    if spec := asked.pop("spec", None):
        asked["task"] = replace(TOY_TASK, open=functools.partial(_OtherSpec, spec))
    before = _listing(copied)
    with pytest.raises(BadInput, match=match):
        _collect(copied, **asked)
    assert _listing(copied) == before
    assert not copied.with_name("toy.parts").exists()


class _OtherSpec(ToyDynamics):
    def __init__(self, spec: RobotSpec) -> None:
        self._spec = spec

    @property
    def spec(self) -> RobotSpec:
        return self._spec


def test_what_hiwm_did_not_collect_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("mine")
    toy_dataset(tmp_path / "written", each=1)
    for name in ("notes", "notes/a.txt", "written"):
        with pytest.raises(BadInput, match="was not made by hiwm collect"):
            _collect(tmp_path / name, 1, 0, 0)
    (tmp_path / "new.parts").mkdir()
    with pytest.raises(BadInput, match=r"new\.parts is in the way"):
        _collect(tmp_path / "new", 1, 0, 0)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["new.parts", "notes", "written"]


@pytest.mark.parametrize("wrong", [{"demos": -1}, {"demos": 0}, {"seed": -1}, {"workers": -1}, {"part_episodes": 0}])
def test_impossible_numbers_are_refused(tmp_path: Path, wrong: dict[str, int]) -> None:
    with pytest.raises(BadInput, match="expected"):
        _collect(tmp_path / "out", **({"demos": 1, "failures": 0, "edges": 0} | wrong))
    assert not list(tmp_path.iterdir())


def test_unknown_task_names_those_that_exist(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match=r"no task is called 'push_te'; known: .*push"):
        _collect(tmp_path / "out", 1, 0, 0, task="push_te")


def test_no_two_episodes_start_from_the_same_scene() -> None:
    scenes = {Slot(kind, n).scene("toy", seed) for kind in Kind for n in range(50) for seed in range(3)}
    assert len(scenes) == 3 * 50 * 3
    assert {scene.split for scene in scenes} == {"train"}


def test_missing_parts_leave_out_what_is_there() -> None:
    wanted = {Kind.DEMO: 12, Kind.FAILURE: 2, Kind.EDGE: 1}
    have = {Kind.DEMO: 2, Kind.FAILURE: 2, Kind.EDGE: 0}
    assert parts_to_write(wanted, have, [Part(Kind.DEMO, 5, 7)], 4) == [
        Part(Kind.DEMO, 2, 5),
        Part(Kind.DEMO, 7, 11),
        Part(Kind.DEMO, 11, 12),
        Part(Kind.EDGE, 0, 1),
    ]


class TestInterrupted:
    SCRIPT = """
from pathlib import Path
from hiwm.pipeline.collect import collect
from tests.fakes import TOY_TASK
collect(TOY_TASK, Path({out!r}), *{counts}, workers={workers}, part_episodes=3, progress=False)
"""

    @pytest.mark.timeout(300)
    def test_killed_and_resumed_is_the_same_as_never_killed(self, collected: Path, tmp_path: Path) -> None:
        out, rng = tmp_path / "toy", random.Random(time.time_ns())
        journal, parts = out.with_name("toy.parts") / "journal", out.with_name("toy.parts") / "parts"
        self._kill(out, rng.uniform(0, 0.3), lambda: len(list(journal.glob("*.npz"))) >= 1)
        self._kill(out, rng.uniform(0, 0.3), lambda: len(list(journal.glob("*.npz"))) >= 2)
        self._kill(out, rng.uniform(0, 0.5), lambda: any(not p.suffix for p in parts.glob("*")), workers=1)
        assert not out.exists()
        _collect(out, *COUNTS)
        _require_same(out, collected)
        assert not journal.parent.exists()

    def _kill(self, out: Path, after_s: float, when: Callable[[], bool], workers: int = 2) -> None:
        script = self.SCRIPT.format(out=str(out), counts=COUNTS, workers=workers)
        process = subprocess.Popen([sys.executable, "-c", script], cwd=REPO, env=os.environ | {"TOY_STEP_S": "0.01"})
        try:
            while not when():
                assert process.poll() is None, "it ended before it could be killed"
                time.sleep(0.005)
            time.sleep(after_s)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()

    @pytest.mark.parametrize("name", ["replace_folder", "write_sidecar"])
    def test_stopped_around_the_last_step(
        self, collected: Path, copied: Path, monkeypatch: pytest.MonkeyPatch, name: str
    ) -> None:
        before = _listing(copied)
        with monkeypatch.context() as patch:
            patch.setattr(collecting, name, _stop)
            with pytest.raises(KeyboardInterrupt):
                _collect(copied, 5, 2, 1)
        assert _listing(copied) == before
        assert _collect(copied, 5, 2, 1).new_episodes == 0
        assert len(_scenes(copied)) == 8

    def test_stopped_before_the_work_folder_is_removed(self, copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(WorkFolder, "remove", _stop)
            with pytest.raises(KeyboardInterrupt):
                _collect(copied, 5, 2, 1)
        assert copied.with_name("toy.parts").exists()
        assert _collect(copied, 5, 2, 1).already_complete
        assert not copied.with_name("toy.parts").exists()
        assert len(_scenes(copied)) == 8

    def test_other_numbers_go_on_with_what_was_journaled(self, tmp_path: Path) -> None:
        out = tmp_path / "toy"
        broken = replace(TOY_TASK, open=functools.partial(_FailsIn, Slot(Kind.DEMO, 3).scene("toy", 0)))
        with pytest.raises(StageFailed, match="demo in toy/train/3 failed: RuntimeError: the dot is stuck"):
            _collect(out, 5, 0, 0, task=broken)
        with pytest.raises(BadInput, match=r"toy\.parts has 3 demos.* more than the 2 demos"):
            _collect(out, 2, 0, 0)
        with pytest.raises(BadInput, match=r"toy\.parts was collected with seed 0, now seed 1"):
            _collect(out, 5, 0, 0, seed=1)
        report = _collect(out, 5, 1, 0)
        assert (report.new_episodes, tuple(report.counts.values())) == (3, (5, 1, 0))
        assert len(_scenes(out)) == 6

    def test_death_of_a_worker_is_one_clear_line(self, tmp_path: Path) -> None:
        with pytest.raises(StageFailed, match=r"a worker process died, .* run the same command again, with fewer"):
            _collect(tmp_path / "toy", 2, 0, 0, task=replace(TOY_TASK, open=_Dies), workers=1)

    def test_two_at_once_are_kept_apart(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(collect_plan, "_LOCK_WAIT_S", 0.0)
        with (
            WorkFolder.beside(tmp_path / "toy").locked(),
            pytest.raises(BadInput, match="another hiwm collect is at work"),
        ):
            _collect(tmp_path / "toy", 1, 0, 0)


def _stop(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


class _Dies(ToyDynamics):
    def step(self, states: Any, actions: Any) -> Stepped:
        os.kill(os.getpid(), signal.SIGKILL)
        return super().step(states, actions)


class _FailsIn(ToyDynamics):
    def __init__(self, scene: Scene) -> None:
        self.scene = scene

    def reset(self, scenes: Any) -> Stepped:
        if self.scene in scenes:
            raise RuntimeError("the dot is stuck")
        return super().reset(scenes)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 24 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", place], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting a small disk needs root")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


class TestFullDisk:
    @pytest.mark.parametrize(("episodes", "left_bytes"), [(2, 0), (3, 120_000)])
    def test_disk_fills_up_and_the_same_command_goes_on(
        self, collected: Path, small_disk: Path, episodes: int, left_bytes: int
    ) -> None:
        out, filler = small_disk / "toy", small_disk / "filler"
        plan = Plan("toy", 0, dict(zip(Kind, COUNTS, strict=True)))

        def fill(stage: str, done: int, total: int) -> None:
            if done == episodes and not filler.exists():
                _fill(filler, left_bytes)

        with pytest.raises(OutOfSpace, match="the same command again"):
            run_plan(plan, TOY_TASK, out, 0, 3, fill)
        assert not out.exists()
        filler.unlink()
        report = _collect(out, *COUNTS)
        assert report.new_episodes <= sum(COUNTS) - episodes
        _require_same(out, collected)

    def test_too_small_a_disk_is_told_before_the_first_episode(self, small_disk: Path) -> None:
        with pytest.raises(OutOfSpace, match="collecting 5000 episodes needs"):
            _collect(small_disk / "toy", 5000, 0, 0)
        assert not list(small_disk.iterdir())


def _fill(filler: Path, left_bytes: int) -> None:
    filler.write_bytes(bytes(shutil.disk_usage(filler.parent).free - left_bytes))


def test_report_survives_json(collected: Path) -> None:
    sidecar = json.loads((collected / "meta" / "hiwm.json").read_text())
    report = CollectReport.from_json(sidecar["collected"])
    assert list(report.counts) == list(Kind)
    assert replace(report, already_complete=False).to_json().items() <= sidecar["collected"].items()


def test_errors_are_one_line() -> None:
    with pytest.raises(HiwmError) as caught:
        Plan("toy", -1, dict.fromkeys(Kind, 0))
    assert "\n" not in str(caught.value)
