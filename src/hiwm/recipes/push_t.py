"""Experiments with `push_t`."""

from __future__ import annotations

from dataclasses import replace

from hiwm.recipes.experiment import (
    Budget,
    Data,
    ExperimentRecipe,
    Extra,
    Round,
    usual_demo,
    usual_short,
    usual_tiny,
)

DATA = Data(demos=200, failures=250, edges=150)
"""The base policy in the package has learned from these demonstrations; the rest is for a world yet to be learned."""
BASE_STEPS = 6000
"""Of a base policy: five minutes on one core. After 20,000 it knows its demonstrations by heart, and is worse."""


def full() -> ExperimentRecipe:
    """The whole experiment, a few hours on two cores with the shipped world; `--jobs 2 --workers 1` is fastest there.

    Trainings are counted in steps: what else the machine does then decides how long they take, and nothing more.
    """
    return ExperimentRecipe(
        name="full",
        data=DATA,
        base=Budget(steps=BASE_STEPS),
        post=Budget(steps=3000),
        rounds=(Round(300, 0.20), Round(200, 0.15, first=300, per_state=3)),
        controls=("longer", "closed", "untargeted", "three"),
        eval_scenes=200,
        looks=("appearance", "background", "distractors"),
        look_scenes=60,
        world_scenes=20,
        extras=tuple(
            Extra(f"base-{seed}-{steps}", seed, Budget(steps=steps))
            for seed, steps in ((1, BASE_STEPS), (2, BASE_STEPS), (3, 3000), (4, 2000), (5, 1000))
        ),
    )


def short() -> ExperimentRecipe:
    """Half an hour."""
    return replace(usual_short(), data=DATA, post=Budget(steps=3000))


def demo() -> ExperimentRecipe:
    """A quarter of an hour."""
    return replace(usual_demo(), data=DATA)


def tiny() -> ExperimentRecipe:
    """Seconds a stage."""
    return usual_tiny()
