"""Experiments with `fold_towel`."""

from __future__ import annotations

from dataclasses import replace

from hiwm.recipes.experiment import ExperimentRecipe, usual_demo, usual_full, usual_short, usual_tiny


def full() -> ExperimentRecipe:
    """The whole experiment once, with one round and without further base policies."""
    whole = usual_full()
    return replace(whole, rounds=whole.rounds[:1], extras=(), world_scenes=0)


def short() -> ExperimentRecipe:
    """Half an hour."""
    return usual_short()


def demo() -> ExperimentRecipe:
    """A quarter of an hour."""
    return usual_demo()


def tiny() -> ExperimentRecipe:
    """Seconds a stage."""
    return usual_tiny()
