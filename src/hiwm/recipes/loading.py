"""Recipes by task and name."""

from __future__ import annotations

from collections.abc import Callable

from hiwm.errors import UnknownName
from hiwm.recipes import fold_towel, push_t, route_rope
from hiwm.recipes.experiment import ExperimentRecipe

RECIPES: dict[str, dict[str, Callable[[], ExperimentRecipe]]] = {
    task: {"full": module.full, "short": module.short, "demo": module.demo, "tiny": module.tiny}
    for task, module in (("push_t", push_t), ("route_rope", route_rope), ("fold_towel", fold_towel))
}


def load_recipe(task: str, name: str) -> ExperimentRecipe:
    """A task's recipe; raises UnknownName for a task or recipe that does not exist."""
    if task not in RECIPES:
        raise UnknownName("task with recipes", task, RECIPES)
    if name not in RECIPES[task]:
        raise UnknownName("recipe", name, RECIPES[task])
    return RECIPES[task][name]()
