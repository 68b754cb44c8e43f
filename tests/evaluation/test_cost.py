"""The cost model: what it adds up, and where the curves cross."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hiwm.evaluation.cost import CostInputs, break_even_scenes, cost_figures, hardware_usd, world_fixed_usd, world_usd

ROUND = CostInputs(
    robot_hour_usd=60, operator_hour_usd=60, gpu_hour_usd=0, scene_layout_s=600, scene_picture_s=60, attempt_s=30,
    reset_s=30, correction_s=15, failing_share=0.5, corrections_per_scene=4, world_robot_hours=10, world_gpu_hours=0,
)  # fmt: skip


def test_hardware_adds_up_by_hand() -> None:
    assert hardware_usd(ROUND, 1) == pytest.approx((600 + 8 * 60 + 4 * 15) / 3600 * 120)


def test_the_world_costs_once_and_then_little() -> None:
    assert world_fixed_usd(ROUND) == 1200
    assert world_usd(ROUND, 1) - 1200 == pytest.approx(60 / 3600 * 120 + 60 / 3600 * 60)


def test_the_curves_cross_where_it_says() -> None:
    even = break_even_scenes(CostInputs())
    assert even is not None
    assert hardware_usd(CostInputs(), 1) * even == pytest.approx(
        world_fixed_usd(CostInputs()) + even * (world_usd(CostInputs(), 1) - world_fixed_usd(CostInputs()))
    )
    points = cost_figures(CostInputs())["curve"]
    assert points[0]["hardware_usd"] < points[0]["world_usd"]
    assert points[-1]["hardware_usd"] > points[-1]["world_usd"]


def test_a_free_robot_never_pays_off() -> None:
    free = replace(ROUND, scene_layout_s=0, attempt_s=0, reset_s=0, correction_s=0, scene_picture_s=600)
    assert break_even_scenes(free) is None
