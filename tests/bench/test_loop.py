"""The benchmarks of the loop count what really happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hiwm.bench.loop import bench_loop, time_steps
from hiwm.bench.rewind import bench_rewind
from hiwm.cli.app import main
from hiwm.policies.memory import PolicyMemory
from hiwm.runfolder import read_json
from hiwm.session.values import register
from hiwm.types import Driver, Floats, Observation, Scene
from tests.fakes import ToyDynamics, ToyState

SCENES = [Scene("toy", "eval", number) for number in range(2)]


class Planner:
    """Plans four actions at a time."""

    driver = Driver.POLICY

    def start(self, seeds: Sequence[int]) -> list[PolicyMemory]:
        return [PolicyMemory.fresh(seed, 2) for seed in seeds]

    def act(
        self, memories: Sequence[PolicyMemory], observations: Sequence[Observation]
    ) -> tuple[list[Any], list[Floats]]:
        plans = [m.ahead_ta if len(m.ahead_ta) else np.full((4, 2), 0.5, np.float32) for m in memories]
        after = [replace(memory, ahead_ta=plan[1:]) for memory, plan in zip(memories, plans, strict=True)]
        return after, [plan[0] for plan in plans]

    def watch(self, memories: Sequence[PolicyMemory], observations: Sequence[Observation]) -> list[Any]:
        return [memory.dropped() for memory in memories]


def test_steps_with_a_chunk_are_told_from_those_without() -> None:
    timed = time_steps(ToyDynamics(), Planner(), SCENES, 8)
    assert timed.planned.tolist() == [False, False, True, False] * 2
    figures = bench_loop(ToyDynamics(), Planner(), SCENES, 8)
    assert figures["chunks"] == 2
    assert figures["sessions"] == 2
    assert figures["steps_per_second"] == pytest.approx(16 / (8 * figures["step_ms"]["p50"] / 1e3), rel=20)
    assert figures["step_without_chunk_ms"]["p50"] <= figures["step_without_chunk_ms"]["most"]


@pytest.mark.timeout(300)  # imports LeRobot, which takes a busy machine minutes
def test_a_policy_that_does_not_plan_has_no_chunks(tmp_path: Path) -> None:
    json = tmp_path / "loop.json"
    arguments = ["bench", "loop", "push_t", "--sim", "push_t", "--policy", "hold", "--steps", "3", "--json", str(json)]
    assert main(arguments) == 0
    figures = read_json(json)
    assert figures["chunks"] == 0
    assert figures["step_with_chunk_ms"] is None
    assert figures["dynamics"] == "simulator push_t"


def test_rewinds_in_a_long_session(tmp_path: Path) -> None:
    register(ToyState, PolicyMemory)
    figures = bench_rewind(
        ToyDynamics(), Planner(), SCENES[0], tmp_path, nodes=120, rewinds=30, rolled=20, seed=0
    )  # fmt: skip
    assert figures["nodes"] == 120
    assert 0 < figures["rewind_ms"]["p50"] <= figures["rewind_ms"]["p95"] <= figures["rewind_ms"]["most"]
    assert figures["bytes_a_node"] > 100


def test_the_commands_say_what_does_not_fit(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "rewind", "push_t", "--sim", "push_t", "--policy", "hold", "--nodes", "1"]) == 2
    assert "expected --nodes of at least 2, got 1" in capsys.readouterr().err
