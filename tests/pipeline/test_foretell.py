"""Whether failures were foretold: counted right, and played in the simulator with the very actions of the attempt."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hiwm.errors import BadInput
from hiwm.pipeline.find_failures import find_all_failures
from hiwm.pipeline.foretell import Recorded, fails_outside, figures, foretelling
from hiwm.pipeline.rollout import rollout
from hiwm.pipeline.rollout_worker import Job
from hiwm.pipeline.scenes import parse_scenes
from hiwm.rollout import run
from hiwm.sims.task import Setting
from hiwm.sims.tasks import load_task
from hiwm.types import Kind, Scene


def test_precision_and_recall_are_counted_over_scenes_that_both_know() -> None:
    foretold = {"a": True, "b": True, "c": False, "d": False, "e": True}
    found = figures(foretold, {"a": True, "b": False, "c": True, "d": False})
    assert (found["attempts"], found["foretold"], found["failed"]) == (4, 2, 2)
    assert found["precision"]["value"] == found["recall"]["value"] == 0.5
    low, high = found["precision"]["interval_95"]
    assert low < 0.5 < high
    assert figures({"a": False}, {"a": True})["precision"] is None
    with pytest.raises(BadInput, match="the same scenes"):
        figures({"a": True}, {"b": True})


def test_the_actions_of_a_success_succeed_again_and_half_of_them_do_not() -> None:
    task = load_task("push_t", Setting(size=16))
    dynamics, script = task.open(), task.script(Kind.DEMO)
    scene = Scene("push_t", "train", 3)
    try:
        [path] = run(script, dynamics, [scene], task.max_steps, lambda p: script.finished(p[-1].memory))
    finally:
        dynamics.close()
    assert path[-1].reading.success
    actions = tuple(node.action for node in path if node.action is not None)
    half = Recorded(scene, actions[: len(actions) // 4], True)
    assert fails_outside([Recorded(scene, actions, False), half]) == [False, True]


def test_a_simulator_foretells_itself(tmp_path: Path) -> None:
    job = Job("hold", None, "push_t", "plain", tuple(parse_scenes("push_t/train/0..1")), tmp_path / "out", 0, 6)
    rollout(job, workers=0, progress=False)
    find_all_failures(job.out)
    found = foretelling(job.out)
    assert found["failed"] == found["foretold"] == 2
    assert np.isclose(found["precision"]["value"], 1)
