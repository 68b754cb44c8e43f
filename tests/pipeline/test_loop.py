"""The stages of the loop by their commands: rollouts, the inbox, corrections and export, each gone on with."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from hiwm.cli.app import main
from hiwm.errors import BadInput
from hiwm.perception.estimator import Estimator, make_net, save_estimator
from hiwm.perception.network import EstimatorConfig
from hiwm.perception.targets import Targets
from hiwm.pipeline.correct import Place, correct, random_places, report_of, starts_of
from hiwm.pipeline.correct import Work as Corrections
from hiwm.pipeline.find_failures import find_all_failures, read_inbox
from hiwm.pipeline.manifest import read_manifest
from hiwm.pipeline.rollout import require_rollout, rollout
from hiwm.pipeline.rollout_worker import Job
from hiwm.pipeline.scenes import parse_scenes
from hiwm.session.file import SessionFile
from hiwm.session.tree import Tree
from hiwm.sims.tasks import load_task

STEPS = 14


def _job(out: Path, policy: str = "random", seed: int = 0, last: int = 2) -> Job:
    scenes = tuple(parse_scenes(f"push_t/train/0..{last}"))
    return Job(policy, None, "push_t", "plain", scenes, out, seed, STEPS)


@pytest.fixture(scope="module")
def rolled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three short attempts of a policy that moves at random, in the simulator."""
    out = tmp_path_factory.mktemp("loop") / "rollouts"
    rollout(_job(out), batch=2, workers=0, progress=False)
    find_all_failures(out)
    return out


@pytest.fixture(scope="module")
def estimator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An estimator that has learned nothing: it sees the block whole, somewhere."""
    task = load_task("push_t")
    dynamics = task.open()
    spec = dynamics.spec
    dynamics.close()
    names = tuple(number.name for number in spec.state)
    values = np.random.default_rng(0).normal(size=(9, len(task.truth_names) + len(names))).astype(np.float32) * 0.1
    targets = Targets.fit(task.truth_names, names, values)
    config = EstimatorConfig(widths=(8, 8, 8), points=4, hidden=16)
    net = make_net(spec.cameras, targets, config).eval()
    folder = tmp_path_factory.mktemp("estimator")
    save_estimator(folder, Estimator(spec.cameras, targets, ("block",), config, net, -1e9, {}))
    return folder


def _readings(folder: Path) -> dict[str, list[float | None]]:
    read = {}
    for path in require_rollout(folder):
        file = SessionFile.open(path, read_only=True, sealed=True)
        read[path.name] = [row.reading.progress for row in file.rows()]
        file.close()
    return read


def test_each_attempt_is_a_session_and_the_manifest_tells(rolled: Path) -> None:
    manifest = read_manifest(rolled)
    assert manifest is not None
    assert manifest.results is not None
    assert manifest.results["attempts"] == 3
    assert manifest.settings["dynamics"]["name"] == "push_t"
    assert sorted(_readings(rolled)) == [f"push_t-train-{k}.hiwm" for k in range(3)]
    assert all(len(progress) == STEPS + 1 for progress in _readings(rolled).values())
    assert not (rolled / "work").exists()


def test_a_rollout_goes_on_with_what_is_missing(rolled: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    shutil.copytree(rolled, again)
    (again / "sessions" / "push_t-train-1.hiwm").unlink()
    kept = (again / "sessions" / "push_t-train-0.hiwm").read_bytes()
    assert rollout(_job(again), workers=0, progress=False).new == 1
    assert (again / "sessions" / "push_t-train-0.hiwm").read_bytes() == kept
    assert _readings(again) == _readings(rolled)
    assert rollout(_job(again), workers=0, progress=False).new == 0
    with pytest.raises(BadInput, match="seed was 0, now 1"):
        rollout(_job(again, seed=1), workers=0, progress=False)


def test_a_worker_process_gives_the_same_attempts(rolled: Path, tmp_path: Path) -> None:
    rollout(_job(tmp_path / "two"), batch=2, workers=1, progress=False)
    assert _readings(tmp_path / "two") == _readings(rolled)


def test_another_seed_draws_otherwise(rolled: Path, tmp_path: Path) -> None:
    rollout(_job(tmp_path / "other", seed=1, last=0), workers=0, progress=False)
    file = SessionFile.open(tmp_path / "other" / "sessions" / "push_t-train-0.hiwm", read_only=True, sealed=True)
    before = SessionFile.open(rolled / "sessions" / "push_t-train-0.hiwm", read_only=True, sealed=True)
    ours, theirs = (one.rows()[1].action for one in (file, before))
    assert ours is not None
    assert theirs is not None
    assert not np.array_equal(ours, theirs)


def test_the_inbox_is_ranked_and_has_pictures(rolled: Path) -> None:
    inbox = read_inbox(rolled)
    assert inbox.attempts == 3
    assert len(inbox.items) == 3
    assert [item.score for item in inbox.items] == sorted((item.score for item in inbox.items), reverse=True)
    assert (rolled / "inbox.png").stat().st_size > 1000


def test_without_an_inbox_or_a_rollout_the_next_step_is_named(rolled: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="expected a finished hiwm rollout"):
        find_all_failures(tmp_path)
    shutil.copytree(rolled, tmp_path / "copy", ignore=shutil.ignore_patterns("inbox.*"))
    with pytest.raises(BadInput, match="hiwm find-failures"):
        correct(Corrections(tmp_path / "copy", tmp_path), tmp_path / "out")


def test_corrections_by_command_and_what_they_are_worth(
    rolled: Path, estimator: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["correct", str(rolled), "--estimator", str(estimator), "--out", str(tmp_path / "out"), "--steps", "10"]
    assert main([*command, "--batch", "1"]) == 0
    report = report_of(tmp_path / "out")
    assert report.takeovers >= 1
    assert report.steered >= 10
    before = {path.name: path.read_bytes() for path in (tmp_path / "out" / "sessions").iterdir()}
    assert main([*command, "--batch", "1"]) == 0
    assert {path.name: path.read_bytes() for path in (tmp_path / "out" / "sessions").iterdir()} == before
    assert "takeovers" in capsys.readouterr().out
    assert main(["export", str(tmp_path / "out"), "--out", str(tmp_path / "data")]) == 2
    assert "nothing is left to export" in capsys.readouterr().err
    assert not (tmp_path / "data").exists()


def test_untargeted_moments_are_random_but_the_same_again(rolled: Path) -> None:
    sessions = require_rollout(rolled)
    first, again, other = (random_places(sessions, seed) for seed in (0, 0, 1))
    assert first == again != other
    assert {place.session for place in first} == set(sessions)


def test_several_starts_at_one_state_go_further_back_or_are_moments_of_a_stall(rolled: Path) -> None:
    path = require_rollout(rolled)[0]
    file = SessionFile.open(path, read_only=True, sealed=True)
    tree = Tree(file.rows())
    end = tree.end(0)
    starts = starts_of(Place(path, 12, "fall", end), tree, 3, 0)
    assert [start.node for start in starts] == [12, 2, 7]
    assert len({start.seed for start in starts}) == 3
    stalled = [start.node for start in starts_of(Place(path, 3, "stall", end), tree, 5, 0)]
    assert sorted(stalled) == [3, 8, 13, end, end]


def test_sessions_of_another_policy_are_not_mixed(rolled: Path, estimator: Path, tmp_path: Path) -> None:
    mixed = tmp_path / "mixed"
    shutil.copytree(rolled, mixed)
    rollout(_job(tmp_path / "still", policy="hold", last=0), workers=0, progress=False)
    shutil.copy(tmp_path / "still" / "sessions" / "push_t-train-0.hiwm", mixed / "sessions" / "push_t-train-0.hiwm")
    with pytest.raises(BadInput, match="another policy or in another world"):
        correct(Corrections(mixed, estimator), tmp_path / "out")


def test_a_world_is_rolled_out_in_batches(tmp_path: Path) -> None:
    job = Job("hold", "push_t", None, "plain", tuple(parse_scenes("push_t/train/0..1")), tmp_path / "out", 0, 4)
    assert len(rollout(job, batch=2, progress=False).rolled) == 2
    file = SessionFile.open(tmp_path / "out" / "sessions" / "push_t-train-0.hiwm", read_only=True)
    node = file.node(4).node
    assert node.reading.trust is not None
    assert node.observation.truth is None
    file.close()
