"""The stages of an experiment: what they read, in what order, with equal budgets and never in evaluation scenes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hiwm.pipeline import experiment_plan
from hiwm.pipeline.experiment_plan import Given, Plan, looped, prepared
from hiwm.pipeline.run_stages import Stage
from hiwm.recipes.loading import load_recipe

FULL = load_recipe("push_t", "full")


def planned(given: Given, frames: int = 1000) -> tuple[list[Stage], Plan]:
    first, parts = prepared(given, FULL, {})
    return first, looped(given, FULL, parts, frames)


def following(stages: list[Stage], flag: str) -> list[str]:
    """What stands after a flag, for all stages that have it."""
    return [stage.arguments[stage.arguments.index(flag) + 1] for stage in stages if flag in stage.arguments]


@pytest.fixture(scope="module")
def plan() -> Plan:
    return planned(Given("push_t"))[1]


@pytest.fixture
def _nothing_shipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(experiment_plan, "shipped_estimator", lambda task: None)
    monkeypatch.setattr(experiment_plan, "shipped_worlds", dict)


@pytest.mark.usefixtures("_nothing_shipped")
def test_what_is_not_given_is_made_first(tmp_path: Path) -> None:
    names = [stage.name for stage in planned(Given("route_rope"))[0]]
    assert names == ["collect", "estimator", "world", "train-base"]
    for name in ("data", "estimator", "world", "policy"):
        (tmp_path / name).mkdir()
    given = Given(
        "route_rope", tmp_path / "data", str(tmp_path / "world"), str(tmp_path / "policy"), tmp_path / "estimator"
    )
    first, plan = planned(given)
    assert first == []
    rollout = plan.stages[0]
    assert rollout.given == (tmp_path / "policy", tmp_path / "world")
    assert plan.about().base_dataset == str(tmp_path / "data")


@pytest.mark.usefixtures("_nothing_shipped")
def test_a_world_that_has_to_be_learned_gets_failures_to_learn_from() -> None:
    [for_both, *_], _ = planned(Given("push_t"))
    [for_policy, *_], _ = planned(Given("push_t", world="somewhere"))
    assert "--failures" in for_both.arguments
    assert "--failures" not in for_policy.arguments


def test_every_stage_waits_for_what_it_reads(plan: Plan) -> None:
    makers = {stage.made: stage.name for stage in plan.stages}
    done = {"collect", "estimator", "train-base"}
    for stage in plan.stages:
        assert set(stage.after) <= done
        for argument in stage.arguments:
            place = argument.partition("RUN/")[2]
            if stage.name != "report" and place in makers and place != stage.made:
                reads = makers[place]
                assert reads in stage.after or f"failures-{reads[-1]}" in stage.after, (stage.name, reads)
        done.add(stage.name)


def test_evaluation_scenes_are_seen_by_evaluation_alone(plan: Plan) -> None:
    for stage in plan.stages:
        scenes = following([stage], "--scenes")
        if scenes:
            assert ("/eval/" in scenes[0]) == (stage.arguments[0] == "evaluate")
    rounds = following([stage for stage in plan.stages if stage.arguments[0] == "rollout"], "--scenes")
    assert rounds == ["push_t/practice/0..299", "push_t/practice/300..499"]


def test_every_post_training_has_the_same_budget_and_start(plan: Plan) -> None:
    trainings = [stage for stage in plan.stages if stage.arguments[0] == "post-train"]
    assert [stage.made for stage in trainings] == [
        f"policies/{name}" for name in ("post", "post-more", "longer", "closed", "untargeted", "three")
    ]
    assert set(following(trainings, "--steps")) == {"3000"}
    assert set(following(trainings, "--policy")) == {"RUN/policies/base"}


def test_volumes_are_shares_of_the_base_data(plan: Plan) -> None:
    steps = {stage.name: following([stage], "--steps") for stage in plan.stages if stage.arguments[0] == "correct"}
    assert steps == {
        "correct-1": ["200"], "correct-2": ["150"], "correct-untargeted": ["200"], "correct-three": ["200"],
    }  # fmt: skip


def test_a_round_may_correct_a_state_several_times(plan: Plan) -> None:
    corrected = {stage.name: stage for stage in plan.stages if stage.arguments[0] == "correct"}
    assert {name: following([stage], "--per-state") for name, stage in corrected.items()} == {
        "correct-1": [], "correct-2": ["3"], "correct-untargeted": [], "correct-three": ["3"],
    }  # fmt: skip


def test_further_policies_count_for_agreement_and_as_lineages_of_their_own(tmp_path: Path) -> None:
    _, plan = planned(Given("push_t", policies={"pi0": str(tmp_path)}))
    others = next(stage for stage in plan.stages if stage.name == "evaluate-others")
    assert f"pi0={tmp_path}" in others.arguments
    lineages = plan.lineages()
    assert lineages["pi0"] == "pi0"
    assert lineages["post"] == lineages["longer"] == lineages["base"] == "base"
    assert len(set(lineages.values())) >= 6


def test_the_demo_starts_from_the_shipped_policy(tmp_path: Path) -> None:
    demo = load_recipe("push_t", "demo")
    first, parts = prepared(Given("push_t"), demo, {"push_t": tmp_path})
    assert parts.policy.text == "push_t"
    assert "train-base" not in [stage.name for stage in first]
    plan = looped(Given("push_t"), replace(demo, controls=("longer",)), parts, 1000)
    assert [stage.name for stage in plan.stages] == [
        "rollout-1", "failures-1", "correct-1", "export-1", "train-post", "train-longer", "evaluate-plain", "report",
    ]  # fmt: skip
