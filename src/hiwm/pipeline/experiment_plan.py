"""The stages of an experiment as command lines, from what is given and a recipe; and what the report says of them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hiwm.perception.shipped import shipped_estimator
from hiwm.pipeline.run_about import LINEAGE, CorrectionSet, Method, RunAbout
from hiwm.pipeline.run_stages import REPORT, RUN, Stage
from hiwm.recipes.experiment import Budget, ExperimentRecipe, Round
from hiwm.worldmodel.shipped import shipped_worlds

BASE, MAIN, MORE = "base", "post", "post-more"
PRACTICE, EVAL = "practice", "eval"
"""Splits of scenes: where the policy practises in the world, and where nothing but evaluation ever happens."""


@dataclass(frozen=True)
class Given:
    """What an experiment starts from; None is collected, trained or taken from the package.

    policies: further ones by label, evaluated and compared with the others.
    """

    task: str
    dataset: Path | None = None
    world: str | None = None
    policy: str | None = None
    estimator: Path | None = None
    policies: Mapping[str, str] = field(default_factory=dict)
    device: str = "cpu"
    workers: int = 2


@dataclass(frozen=True)
class Part:
    """Something that stages read: how it is written on a command line, the stage that makes it, or its folder."""

    text: str
    made_by: str = ""
    place: Path | None = None

    @property
    def after(self) -> tuple[str, ...]:
        """The stage to wait for."""
        return (self.made_by,) if self.made_by else ()

    @property
    def given(self) -> tuple[Path, ...]:
        """What is hashed instead."""
        return (self.place,) if self.place else ()


@dataclass(frozen=True)
class Parts:
    """What every experiment needs."""

    dataset: Part
    estimator: Part
    world: Part
    policy: Part


def prepared(given: Given, recipe: ExperimentRecipe, shipped_policies: Mapping[str, Path]) -> tuple[list[Stage], Parts]:
    """The stages that make what is not there, and where it all will be."""
    stages: list[Stage] = []
    dataset = _existing(given.dataset) or _made(stages, _collect(given, recipe))
    estimator = _existing(given.estimator or shipped_estimator(given.task))
    if estimator is None:
        made = ("train-estimator", dataset.text, "--out", f"{RUN}estimator", *recipe.estimator.arguments)
        estimator = _made(stages, Stage("estimator", "train the estimator", made, "estimator", *_from(dataset)))
    world = _named(given.world or (given.task if given.task in shipped_worlds() else None))
    if world is None:
        made = ("train-world", dataset.text, "--out", f"{RUN}world", *recipe.world.arguments)
        world = _made(stages, Stage("world", "learn the world", made, "world", *_from(dataset), resume=True))
    shipped = given.task if recipe.shipped_policy and given.task in shipped_policies else None
    policy = _named(given.policy or shipped)
    if policy is None:
        policy = _made(stages, _base_training(BASE, "train the base policy", given, recipe.base, 0, dataset, estimator))
    return stages, Parts(dataset, estimator, world, policy)


def looped(given: Given, recipe: ExperimentRecipe, parts: Parts, frames: int) -> Plan:
    """The stages from the first rollout to the report. frames: of the base data, which shares are of."""
    plan = Plan(given, recipe, parts, frames)
    policies = {BASE: parts.policy}
    sets: list[Part] = []
    for number, one in enumerate(recipe.rounds):
        sets.append(plan.corrected(number + 1, one, policies[MAIN] if number else parts.policy))
        label = MORE if number else MAIN
        policies[label] = plan.post_trained(label, "post-train on the corrections", sets)
    for name in recipe.controls:
        policies[name] = plan.control(name)
    plan.measured(policies)
    return plan


class Plan:
    """Collects stages; the methods add some, and return what they make."""

    def __init__(self, given: Given, recipe: ExperimentRecipe, parts: Parts, frames: int) -> None:
        self.given, self.recipe, self.parts, self.frames = given, recipe, parts, frames
        self.stages: list[Stage] = []
        self.sets: list[CorrectionSet] = []
        self.outside: list[str] = []
        self.policies: dict[str, Part] = {}
        self.others: dict[str, Part] = {}

    def corrected(self, n: int, one: Round, policy: Part) -> Part:
        """Rollouts, inbox, corrections and their dataset of round number n."""
        where = f"{self.given.task}/{PRACTICE}/{one.first}..{one.first + one.scenes - 1}"
        rollout = self._add(
            f"rollout-{n}", f"round {n}: roll out in the world", policy, self.parts.world,
            *("rollout", "--policy", policy.text, "--world", self.parts.world.text, "--scenes", where),
            *("--out", f"{RUN}rollout-{n}", "--device", self.given.device, *self._max_steps()),
        )  # fmt: skip
        inbox = self._add(
            f"failures-{n}", f"round {n}: find failures", rollout, *("find-failures", rollout.text),
            made=f"rollout-{n}/inbox.json",
        )  # fmt: skip
        flags = ("--per-state", str(one.per_state)) if one.per_state > 1 else ()
        return self._corrections(f"{n}", f"round {n}: ", f"Round {n}", inbox, rollout, one.share, *flags)

    def control(self, name: str) -> Part:
        """A control: the same recipe and volume as the first round, but for one thing."""
        rollout, share = Part(f"{RUN}rollout-1", "rollout-1"), self.recipe.rounds[0].share
        if name == "longer":
            return self.post_trained(name, "control: train longer on the base data", ())
        if name == "closed":
            own = self._add(
                "export-closed", "control: its own successes", rollout,
                *("export", rollout.text, "--successes", "--most-frames", str(self._steps(share))),
                *("--out", f"{RUN}dataset-closed", *self.recipe.export),
            )  # fmt: skip
            return self.post_trained(name, "control: post-train on its own successes", [own])
        flags = {"untargeted": ("--untargeted",), "three": ("--per-state", "3")}[name]
        inbox = Part(f"{RUN}rollout-1", "failures-1")
        made = self._corrections(name, f"control {name}: ", METHODS[name].title, inbox, rollout, share, *flags)
        return self.post_trained(name, f"control {name}: post-train", [made])

    def post_trained(self, label: str, title: str, sets: Sequence[Part]) -> Part:
        """The base policy trained on with these corrections; all have the same budget."""
        base, data = self.parts.policy, self.parts.dataset
        added = tuple(word for one in sets for word in ("--corrections", one.text)) or ("--longer",)
        return self._add(
            f"train-{label}", title, base, data, *sets,
            *("post-train", "--policy", base.text, "--base", data.text, *added, "--out", f"{RUN}policies/{label}"),
            *(*self.recipe.post.arguments, "--device", self.given.device), made=f"policies/{label}", resume=True,
        )  # fmt: skip

    def measured(self, policies: Mapping[str, Part]) -> None:
        """Evaluation outside, in other looks and inside; agreement; the report."""
        self.policies = dict(policies)
        task, recipe = self.given.task, self.recipe
        outside = ("--sim", task)
        self._evaluated("plain", "evaluate outside", policies, outside, recipe.eval_scenes)
        self.outside.append("plain")
        for extra in recipe.extras:
            stage = _base_training(
                extra.label, f"another base policy: {extra.label}", self.given, extra.budget, extra.seed,
                self.parts.dataset, self.parts.estimator,
            )  # fmt: skip
            self.others[extra.label] = _made(self.stages, stage)
        self.others |= {label: part for label, text in self.given.policies.items() if (part := _named(text))}
        if self.others:
            self._evaluated("others", "evaluate further policies outside", self.others, outside, recipe.eval_scenes)
            self.outside.append("others")
        for look in recipe.looks:
            seen = {label: policies[label] for label in (BASE, MAIN)}
            flags = (*outside, "--look", look)
            self._evaluated(look, f"evaluate in another look: {look}", seen, flags, recipe.look_scenes)
        if recipe.world_scenes:
            self._agreed({**policies, **self.others})
        self._add(REPORT, "report", *(Part("", stage.name) for stage in self.stages), "report", RUN)

    def about(self) -> RunAbout:
        """What the report compares."""
        rounds = tuple(str(n + 1) for n in range(len(self.recipe.rounds)))
        learned = {MAIN: rounds[:1], MORE: rounds, "untargeted": ("untargeted",), "three": ("three",)}
        methods = [
            Method(label, METHODS[label].title, METHODS[label].about, learned.get(label, ())) for label in self.policies
        ]
        pairs = [(MAIN, name) for name in self.recipe.controls]
        if MORE in self.policies:
            pairs += [(MORE, MAIN), (MORE, BASE)]
        world = bool(self.recipe.world_scenes)
        return RunAbout(
            task=self.given.task,
            recipe=self.recipe.name,
            created=time.strftime("%Y-%m-%d"),
            methods=tuple(methods),
            main=MAIN,
            against=BASE,
            compared=tuple(pairs),
            outside=tuple(f"evaluate/{name}" for name in self.outside),
            inside=("evaluate/world",) if world else (),
            looks={look: f"evaluate/{look}" for look in self.recipe.looks},
            agreement="agree" if world else None,
            volume=tuple(label for label in (BASE, MAIN, MORE) if label in self.policies),
            corrections=tuple(self.sets),
            base_dataset=self.parts.dataset.text.removeprefix(RUN),
            operators=f"scripted ({self.given.task}), seeing only pictures and robot state",
        )

    def lineages(self) -> dict[str, str]:
        """What each policy descends from: those of the run from its base, others from themselves."""
        return dict.fromkeys(self.policies, BASE) | {label: label for label in self.others}

    def _corrections(
        self, name: str, before: str, title: str, inbox: Part, rollout: Part, share: float, *flags: str
    ) -> Part:
        see = self.parts.estimator
        corrected = self._add(
            f"correct-{name}", f"{before}correct", inbox, see, self.parts.world,
            *("correct", rollout.text, "--estimator", see.text, "--steps", str(self._steps(share)), *flags),
            *("--out", f"{RUN}corrections-{name}", "--device", self.given.device),
        )  # fmt: skip
        self.sets.append(CorrectionSet(name, title, f"corrections-{name}", f"dataset-{name}"))
        return self._add(
            f"export-{name}", f"{before}export", corrected, *("export", corrected.text),
            *("--out", f"{RUN}dataset-{name}", *self.recipe.export), made=f"dataset-{name}",
        )  # fmt: skip

    def _evaluated(
        self, name: str, title: str, policies: Mapping[str, Part], where: Sequence[str], scenes: int
    ) -> Part:
        named = (f"{label}={part.text}" for label, part in policies.items())
        given = self.given
        return self._add(
            f"evaluate-{name}", title, *policies.values(), *("evaluate", "--policy", *named, *where),
            *("--scenes", f"{given.task}/{EVAL}/0..{scenes - 1}", "--workers", str(given.workers)),
            *("--out", f"{RUN}evaluate/{name}", "--device", given.device, *self._max_steps()), made=f"evaluate/{name}",
        )  # fmt: skip

    def _agreed(self, policies: Mapping[str, Part]) -> None:
        world = self.parts.world
        inside = self._evaluated(
            "world", "evaluate in the world", policies, ("--world", world.text), self.recipe.world_scenes
        )
        files = tuple(f"{RUN}evaluate/{name}/trials.csv" for name in self.outside)
        outside = [Part("", f"evaluate-{name}") for name in self.outside]
        self._add(
            "agree", "compare inside with outside", inside, *outside,
            *("agree", "--inside", f"{RUN}evaluate/world/trials.csv", "--outside", *files),
            *("--lineage", f"{RUN}{LINEAGE}", "--out", f"{RUN}agree"),
        )  # fmt: skip

    def _add(self, name: str, title: str, *words: Part | str, made: str = "", resume: bool = False) -> Part:
        """A stage that reads parts and is called with words."""
        parts = [word for word in words if isinstance(word, Part)]
        after = dict.fromkeys(stage for part in parts for stage in part.after)
        given = dict.fromkeys(place for part in parts for place in part.given)
        arguments = tuple(word for word in words if isinstance(word, str))
        if not made:
            made = arguments[arguments.index("--out") + 1].removeprefix(RUN) if "--out" in arguments else name
        stage = Stage(name, title, arguments, made, tuple(after), tuple(given), resume)
        return _made(self.stages, stage)

    def _steps(self, share: float) -> int:
        return max(1, round(share * self.frames))

    def _max_steps(self) -> tuple[str, ...]:
        return () if self.recipe.max_steps is None else ("--max-steps", str(self.recipe.max_steps))


@dataclass(frozen=True)
class Told:
    """How the report calls a method, and what it is."""

    title: str
    about: str


METHODS = {
    BASE: Told("Base policy", "trained on the demonstrations alone"),
    MAIN: Told("Post-trained", "on corrections from failure states"),
    MORE: Told("Post-trained, two rounds", "on the corrections of both rounds, the second from the first's failures"),
    "longer": Told("Longer", "as long on the base data alone"),
    "closed": Told("Closed loop", "on the policy's own successes in the world, no operator"),
    "untargeted": Told("Untargeted", "the same operator steered as many steps, from random states"),
    "three": Told("Three a state", "as many steps, but three corrections of each failure state"),
}
"""How the report calls the methods of an experiment."""


def _existing(place: Path | None) -> Part | None:
    return None if place is None else Part(str(place.resolve()), place=place.resolve())


def _named(text: str | None) -> Part | None:
    """A folder, or a name that the commands know."""
    if text is None:
        return None
    place = Path(text)
    return _existing(place) if place.exists() else Part(text)


def _made(stages: list[Stage], stage: Stage) -> Part:
    stages.append(stage)
    return Part(f"{RUN}{stage.made}", stage.name)


def _from(*parts: Part) -> tuple[tuple[str, ...], tuple[Path, ...]]:
    """What a stage waits for, and what it is given."""
    return tuple(s for part in parts for s in part.after), tuple(p for part in parts for p in part.given)


def _collect(given: Given, recipe: ExperimentRecipe) -> Stage:
    """Demonstrations; and failures and edge cases where a world is to be learned from them."""
    data, known = recipe.data, given.world is not None or given.task in shipped_worlds()
    counts = {"demos": data.demos} if known else {"demos": data.demos, "failures": data.failures, "edges": data.edges}
    flags = tuple(word for kind, count in counts.items() if count for word in (f"--{kind}", str(count)))
    workers = ("--workers", str(given.workers))
    return Stage("collect", "collect data", ("collect", given.task, *flags, *workers, "--out", f"{RUN}data"), "data")


def _base_training(
    label: str, title: str, given: Given, budget: Budget, seed: int, dataset: Part, estimator: Part
) -> Stage:
    arguments = (
        *("train-policy", dataset.text, "--policy", "diffusion", "--eye", estimator.text, "--seed", str(seed)),
        *(*budget.arguments, "--device", given.device, "--out", f"{RUN}policies/{label}"),
    )
    return Stage(f"train-{label}", title, arguments, f"policies/{label}", *_from(dataset, estimator), resume=True)
