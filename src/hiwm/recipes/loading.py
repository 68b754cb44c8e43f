"""Recipes by task and name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from hiwm.errors import UnknownName
from hiwm.recipes import push_t
from hiwm.recipes.experiment import ExperimentRecipe, usual_demo, usual_full, usual_short, usual_tiny

USUAL = {"short": usual_short, "demo": usual_demo, "tiny": usual_tiny}
RECIPES: dict[str, dict[str, Callable[[], ExperimentRecipe]]] = {
    "push_t": {"full": push_t.full, "short": push_t.short, "demo": push_t.demo, "tiny": push_t.tiny},
    "route_rope": USUAL | {"full": partial(usual_full, demos=20, share=0.5)},
    "fold_towel": USUAL | {"full": partial(usual_full, demos=6, share=1.0)},
}


def load_recipe(task: str, name: str) -> ExperimentRecipe:
    """A task's recipe; raises UnknownName for a task or recipe that does not exist."""
    if task not in RECIPES:
        raise UnknownName("task with recipes", task, RECIPES)
    if name not in RECIPES[task]:
        raise UnknownName("recipe", name, RECIPES[task])
    return RECIPES[task][name]()
