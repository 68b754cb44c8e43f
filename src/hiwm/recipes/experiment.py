"""The sizes of an experiment, from its data to its report, as one value."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Data:
    """Episodes of each kind that are collected where no dataset is given."""

    demos: int
    failures: int = 0
    edges: int = 0


@dataclass(frozen=True)
class Budget:
    """How long a training lasts: minutes or steps, one of them. flags: further ones of its command."""

    minutes: float | None = None
    steps: int | None = None
    flags: tuple[str, ...] = ()

    @property
    def arguments(self) -> tuple[str, ...]:
        """As flags of a command line."""
        limit = ("--minutes", f"{self.minutes:g}") if self.minutes is not None else ("--steps", str(self.steps))
        return (*limit, *self.flags)


@dataclass(frozen=True)
class Round:
    """One round of rollouts and corrections.

    scenes: how many to roll out, from number `first` on. share: steered steps, as a share of the base data's frames.
    per_state: corrections of each failure state, where there is room for them.
    """

    scenes: int
    share: float
    first: int = 0
    per_state: int = 1


@dataclass(frozen=True)
class Extra:
    """A further base policy, only for agreement: another seed, or another length of training."""

    label: str
    seed: int
    budget: Budget


@dataclass(frozen=True)
class ExperimentRecipe:
    """All sizes of an experiment.

    base, post: trainings; every post-training and its controls have the same budget. rounds: the first trains the main
    policy, the second adds to its corrections. controls: of `longer`, `closed`, `untargeted`, `three`. eval_scenes: in
    the simulator, unseen and paired. looks: other looks in which base and main are evaluated. world_scenes: of those
    that are also evaluated in the world; 0 leaves that and agreement out. max_steps: of every attempt, None for the
    task's. export: further flags of every export. shipped_policy: start from the package's base policy if there is one.
    estimator, world: trainings where none is given or shipped.
    """

    name: str
    data: Data
    base: Budget
    post: Budget
    rounds: tuple[Round, ...]
    controls: tuple[str, ...]
    eval_scenes: int
    looks: tuple[str, ...] = ()
    look_scenes: int = 0
    world_scenes: int = 0
    extras: tuple[Extra, ...] = ()
    max_steps: int | None = None
    export: tuple[str, ...] = ()
    shipped_policy: bool = False
    estimator: Budget = field(default_factory=lambda: Budget(minutes=10))
    world: Budget = field(default_factory=lambda: Budget(minutes=240))


def usual_full(demos: int, share: float) -> ExperimentRecipe:
    """The experiment once, with one round and without looks and further base policies; an hour or two on two cores.

    demos: so few that the base policy needs help; an eye reads the pictures for it, and after many it fails no
    longer. share: see Round; a fifth of so few demonstrations would be a handful of corrections.

    Trainings are counted in steps, as those of `push_t`.
    """
    return ExperimentRecipe(
        name="full",
        data=Data(demos, failures=180, edges=40),
        base=Budget(steps=2000),
        post=Budget(steps=1500),
        rounds=(Round(100, share),),
        controls=("longer", "closed", "untargeted"),
        eval_scenes=100,
        estimator=Budget(minutes=15),
        world=Budget(minutes=60),
    )


def usual_demo() -> ExperimentRecipe:
    """The story in a quarter of an hour on two cores: shipped world, policy and estimator, one short post-training."""
    return ExperimentRecipe(
        name="demo",
        data=Data(demos=150),
        base=Budget(minutes=5),
        post=Budget(minutes=1.5),
        rounds=(Round(24, 0.08, per_state=3),),
        controls=("longer",),
        eval_scenes=40,
        shipped_policy=True,
    )


def usual_short() -> ExperimentRecipe:
    """Half an hour on two cores: shipped world, policy and estimator, a round of corrections and two controls."""
    return ExperimentRecipe(
        name="short",
        data=Data(demos=300),
        base=Budget(minutes=18),
        post=Budget(minutes=4),
        rounds=(Round(96, 0.10),),
        controls=("longer", "closed"),
        eval_scenes=100,
        shipped_policy=True,
    )


def usual_tiny() -> ExperimentRecipe:
    """Every stage once, for seconds: shows that they fit together, and nothing else."""
    return ExperimentRecipe(
        name="tiny",
        data=Data(demos=5),
        base=Budget(steps=2, flags=("--batch", "4")),
        post=Budget(steps=2, flags=("--batch", "4")),
        rounds=(Round(2, 0.2, first=54),),  # two scenes that begin near the goal
        controls=("longer",),
        eval_scenes=2,
        looks=("background",),
        look_scenes=1,
        world_scenes=2,
        extras=(Extra("base-1", 1, Budget(steps=1, flags=("--batch", "4"))),),
        max_steps=12,
        export=("--least-trust", "0", "--mean-trust", "0"),
        estimator=Budget(minutes=0.05),
        world=Budget(minutes=0.05),
    )
