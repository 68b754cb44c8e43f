"""Recipes by task and name."""

from __future__ import annotations

import pytest

from hiwm.errors import UnknownName
from hiwm.recipes.experiment import Budget
from hiwm.recipes.loading import RECIPES, load_recipe


@pytest.mark.parametrize("task", RECIPES)
@pytest.mark.parametrize("name", ["full", "short", "demo", "tiny"])
def test_every_task_has_every_recipe(task: str, name: str) -> None:
    recipe = load_recipe(task, name)
    assert recipe.name == name
    assert recipe.rounds
    assert "longer" in recipe.controls


def test_the_full_one_of_push_t_is_large_enough_for_what_it_claims() -> None:
    recipe = load_recipe("push_t", "full")
    assert recipe.eval_scenes >= 200
    assert set(recipe.controls) == {"longer", "closed", "untargeted", "three"}
    assert sum(one.share for one in recipe.rounds) == pytest.approx(0.35)
    assert len(recipe.extras) >= 5  # with at most three of the run's own lineage, eight count for agreement


def test_a_budget_is_a_limit_and_flags() -> None:
    assert Budget(minutes=1.5, flags=("--batch", "4")).arguments == ("--minutes", "1.5", "--batch", "4")
    assert Budget(steps=7).arguments == ("--steps", "7")


def test_unknown_names_are_told() -> None:
    with pytest.raises(UnknownName, match="no task with recipes is called 'gym_pusht'"):
        load_recipe("gym_pusht", "full")
    with pytest.raises(UnknownName, match="known: demo, full, short, tiny"):
        load_recipe("push_t", "huge")
