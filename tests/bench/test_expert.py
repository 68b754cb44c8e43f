"""The expert benchmark counts what really happened."""

from hiwm.bench.expert import bench_expert
from tests.fakes import TOY_TASK


def test_figures_of_the_toy_expert() -> None:
    figures = bench_expert(TOY_TASK, episodes=6)
    assert figures["scenes"] == ["toy/eval/0", "toy/eval/5"]
    assert figures["success"] == 1.0
    low, high = figures["success_interval_95"]
    assert 0.5 < low < high == 1.0
    assert 0 < figures["steps_mean"] <= figures["steps_max"] <= TOY_TASK.max_steps
    mistakes = figures["with_mistakes"]
    assert mistakes["ended_failed"] + mistakes["made_good"] + mistakes["without_mistake"] <= 1 + 1e-9
