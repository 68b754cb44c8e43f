"""Policies without a network: hold still, zeros, smooth random motion, the actions of a recorded episode."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from hiwm.data.columns import read_columns
from hiwm.data.source import open_source
from hiwm.errors import BadInput, SpecMismatch, UnknownName
from hiwm.spec import RobotSpec
from hiwm.types import Doubles, Driver, Floats, Observation

LEG = 12
"""Steps from one random target to the next."""


@dataclass(frozen=True)
class SimpleMemory:
    """The episode's seed and how many steps it has seen."""

    seed: int
    steps: int = 0


type Choose = Callable[[SimpleMemory, Observation], Floats]


class SimplePolicy:
    """Chooses each action from the step's number and what is seen."""

    driver = Driver.POLICY

    def __init__(self, choose: Choose) -> None:
        self._choose = choose

    def start(self, seeds: Sequence[int]) -> list[SimpleMemory]:
        """At the first step."""
        return [SimpleMemory(seed) for seed in seeds]

    def act(
        self, memories: Sequence[SimpleMemory], observations: Sequence[Observation]
    ) -> tuple[list[SimpleMemory], list[Floats]]:
        """One action each."""
        actions = [self._choose(memory, seen) for memory, seen in zip(memories, observations, strict=True)]
        return self.watch(memories, observations), actions

    def watch(self, memories: Sequence[SimpleMemory], observations: Sequence[Observation]) -> list[SimpleMemory]:
        """Counts the step."""
        return [replace(memory, steps=memory.steps + 1) for memory in memories]


def simple_policy(name: str, spec: RobotSpec) -> SimplePolicy:
    """hold: the measured pose as the target. zero: zeros. random: smooth motion within the ranges."""
    known = {"hold": _hold(spec), "zero": _zero(spec), "random": _random(spec)}
    if name not in known:
        raise UnknownName("simple policy", name, known)
    return SimplePolicy(known[name])


def open_replay(dataset_and_episode: str, spec: RobotSpec) -> SimplePolicy:
    """The actions of an episode given as DATASET:EPISODE, and its last one from then on."""
    folder, _, number = dataset_and_episode.rpartition(":")
    if not folder or not number.isdecimal():
        raise BadInput(f"expected replay:DATASET:EPISODE, got replay:{dataset_and_episode}; for example replay:data:3")
    source = open_source(Path(folder))
    if len(source.spec.action) != len(spec.action):
        raise SpecMismatch(
            f"{folder} has actions of {len(source.spec.action)} numbers, {spec.robot_type} takes {len(spec.action)}; "
            "replay an episode of this robot"
        )
    if int(number) >= source.episodes.count:
        raise BadInput(f"no episode {number} in {folder}; it has 0 to {source.episodes.count - 1}")
    action_ta = read_columns(source).action_na[source.episodes.rows(int(number))]
    return SimplePolicy(lambda memory, seen: action_ta[min(memory.steps, len(action_ta) - 1)])


def _hold(spec: RobotSpec) -> Choose:
    """Numbers of the action that the state has under the same name; the middle of their range for all others."""
    places = {number.name: k for k, number in enumerate(spec.state)}
    middle = ((spec.action_low_a + spec.action_high_a) / 2).astype(np.float32)
    pairs = [(a, places[number.name]) for a, number in enumerate(spec.action) if number.name in places]

    def choose(memory: SimpleMemory, seen: Observation) -> Floats:
        action = middle.copy()
        for a, s in pairs:
            action[a] = seen.state[s]
        return action

    return choose


def _zero(spec: RobotSpec) -> Choose:
    return lambda memory, seen: np.zeros(len(spec.action), np.float32)


def _random(spec: RobotSpec) -> Choose:
    """From one random target to the next in LEG steps, at rest in each."""
    low, high = spec.action_low_a, spec.action_high_a

    def target(seed: int, leg: int) -> Doubles:
        return np.random.default_rng(np.random.SeedSequence([abs(seed), leg])).uniform(low, high)

    def choose(memory: SimpleMemory, seen: Observation) -> Floats:
        leg, step = divmod(memory.steps, LEG)
        share = (1 - np.cos(np.pi * step / LEG)) / 2
        ends = target(memory.seed, leg), target(memory.seed, leg + 1)
        return np.asarray(ends[0] * (1 - share) + ends[1] * share, np.float32)

    return choose
