"""Recipes by task and name."""

from __future__ import annotations

from collections.abc import Callable

from hiwm.errors import UnknownName
from hiwm.recipes import fold_towel, push_t, route_rope
from hiwm.recipes.experiment import ExperimentRecipe

RECIPES: dict[str, dict[str, Callable[[], ExperimentRecipe]]] = {
    "push_t": {"full": push_t.full, "demo": push_t.demo, "tiny": push_t.tiny},
    "route_rope": {"full": route_rope.full, "demo": route_rope.demo, "tiny": route_rope.tiny},
    "fold_towel": {"full": fold_towel.full, "demo": fold_towel.demo, "tiny": fold_towel.tiny},
}


def load_recipe(task: str, name: str) -> ExperimentRecipe:
    """A task's recipe; raises UnknownName for a task or recipe that does not exist."""
    if task not in RECIPES:
        raise UnknownName("task with recipes", task, RECIPES)
    if name not in RECIPES[task]:
        raise UnknownName("recipe", name, RECIPES[task])
    return RECIPES[task][name]()
