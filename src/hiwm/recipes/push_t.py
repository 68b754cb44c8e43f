"""Experiments with `push_t`."""

from __future__ import annotations

from hiwm.recipes.experiment import ExperimentRecipe, usual_demo, usual_full, usual_short, usual_tiny


def full() -> ExperimentRecipe:
    """The whole experiment."""
    return usual_full()


def short() -> ExperimentRecipe:
    """Half an hour."""
    return usual_short()


def demo() -> ExperimentRecipe:
    """A quarter of an hour."""
    return usual_demo()


def tiny() -> ExperimentRecipe:
    """Seconds a stage."""
    return usual_tiny()
