"""Drives a simulated robot by a scripted expert: skill after skill, with a person's unsteadiness and mistakes.

An expert looks at the observation (privileged truth included) whenever its last skill has run out, and names the next
one as way points. It starts afresh from what it sees, so it also finishes what a mistake, or somebody else, has left
behind. Everything an episode does follows from its seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from hiwm.sims.robot import FPS, Reach
from hiwm.sims.task import ScriptMemory
from hiwm.types import Doubles, Driver, Floats, Observation


@dataclass(frozen=True, eq=False)
class WayPoint:
    """A command (14,) to be reached in a straight line, in at least `steps` control steps."""

    command: Doubles
    steps: int = 1


@dataclass(frozen=True)
class Skill:
    """What the expert does next. `mistake` names the mistake that is in it ("" for none)."""

    way: tuple[WayPoint, ...]
    mistake: str = ""


class Expert(Protocol):
    """Knows one task. `usual_skills` is how many skills an episode mostly takes; commands are kept within `reach`."""

    home: Doubles
    reach: tuple[Reach, Reach]
    mistakes: tuple[str, ...]
    usual_skills: int

    def next_skill(
        self, seen: Observation, command: Doubles, number: int, mistake: str, rng: np.random.Generator
    ) -> Skill | None:
        """The next skill from what is seen and the last command (14,); None when nothing is left to do.

        number: skills done so far. mistake: the one that is due ("" for none); an expert that cannot make it in this
        skill leaves it out, and is asked again in the next. rng serves mistakes only: without one, what the expert
        does depends on the scene alone.
        """
        ...


@dataclass(frozen=True)
class Unsteadiness:
    """How unlike a machine the expert is: command noise (standard deviations, smoothed over 0.3 s); its mistakes."""

    noise_m: float = 0.0015
    noise_rad: float = 0.01
    mistakes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class _Plan:
    seed: int
    command: Doubles
    wobble: Doubles
    ahead: tuple[Doubles, ...] = ()
    skills: int = 0
    steps: int = 0
    due: tuple[tuple[int, str], ...] = ()
    gives_up: bool = False
    leaving: bool = False


class ExpertDriver:
    """A scripted policy that plays an expert."""

    driver = Driver.SCRIPT

    def __init__(self, expert: Expert, unsteadiness: Unsteadiness) -> None:
        self.expert = expert
        self.unsteadiness = unsteadiness
        numbers = [n for arm in expert.reach for n in arm.numbers("")]
        self._low_a, self._high_a = np.array([n.low for n in numbers]), np.array([n.high for n in numbers])

    def start(self, seeds: Sequence[int]) -> list[ScriptMemory]:
        """A memory per episode: of mistakes, if any, one or two are due, and most episodes give up after the last."""
        return [ScriptMemory(self._first_plan(seed)) for seed in seeds]

    def act(
        self, memories: Sequence[ScriptMemory], observations: Sequence[Observation]
    ) -> tuple[list[ScriptMemory], list[Floats]]:
        """The next command of each episode."""
        pairs = [self._act(m, o) for m, o in zip(memories, observations, strict=True)]
        return [memory for memory, _ in pairs], [action for _, action in pairs]

    def watch(self, memories: Sequence[ScriptMemory], observations: Sequence[Observation]) -> list[ScriptMemory]:
        """After somebody else's step the expert looks afresh, from where the hands are."""
        return [
            replace(m, plan=replace(m.plan, ahead=(), leaving=False, command=o.state.astype(float)), lapse="")
            for m, o in zip(memories, observations, strict=True)
        ]

    def looks_now(self, memory: ScriptMemory) -> bool:
        """Whether the next command depends on what is seen, since no skill is under way."""
        return not memory.plan.ahead

    def finished(self, memory: ScriptMemory) -> bool:
        """True when the hands are back home."""
        return bool(memory.plan.leaving and not memory.plan.ahead)

    def _first_plan(self, seed: int) -> _Plan:
        due: tuple[tuple[int, str], ...] = ()
        gives_up = False
        if self.unsteadiness.mistakes:
            rng = np.random.default_rng([seed, 1])
            names = rng.choice(self.unsteadiness.mistakes, size=rng.integers(1, 3))
            when = np.sort(rng.integers(0, self.expert.usual_skills, size=len(names)))
            due = tuple((int(k), str(name)) for k, name in zip(when, names, strict=True))
            gives_up = bool(rng.random() < 0.6)
        return _Plan(seed, self.expert.home, np.zeros(14), due=due, gives_up=gives_up)

    def _act(self, memory: ScriptMemory, seen: Observation) -> tuple[ScriptMemory, Floats]:
        plan, lapse = memory.plan, memory.lapse
        if not plan.ahead:
            plan, lapse = self._planned(plan, seen)
        rng = np.random.default_rng([plan.seed, 3, plan.steps])
        wobble = 0.7 * plan.wobble + rng.normal(size=14) * self._noise_14() * np.sqrt(1 - 0.7**2)
        action = plan.ahead[0] + wobble
        action[[6, 13]] = plan.ahead[0][[6, 13]]
        action = np.clip(action, self._low_a, self._high_a)
        plan = replace(plan, ahead=plan.ahead[1:], command=plan.ahead[0], wobble=wobble, steps=plan.steps + 1)
        return ScriptMemory(plan, lapse), action.astype(np.float32)

    def _noise_14(self) -> Doubles:
        u = self.unsteadiness
        return np.tile([u.noise_m] * 3 + [u.noise_rad] * 3 + [0.0], 2)

    def _planned(self, plan: _Plan, seen: Observation) -> tuple[_Plan, str]:
        """The plan with commands ahead again, and the mistake that they hold."""
        due = plan.due
        mistake = due[0][1] if due and due[0][0] <= plan.skills else ""
        given_up = plan.gives_up and not due
        rng = np.random.default_rng([plan.seed, 2, plan.skills])
        skill = None if given_up else self.expert.next_skill(seen, plan.command, plan.skills, mistake, rng)
        if skill is None:
            return replace(plan, ahead=interpolate(plan.command, self._way_home(plan.command)), leaving=True), ""
        left = due[1:] if mistake and skill.mistake == mistake else due
        ahead = interpolate(plan.command, skill.way)
        return replace(plan, ahead=ahead, skills=plan.skills + 1, due=left, leaving=False), skill.mistake

    def _way_home(self, command: Doubles) -> tuple[WayPoint, ...]:
        """Open nothing, rise straight up first (a slanted retreat knocks things over), go home, rest for half a
        second.
        """
        up = command.copy()
        up[[2, 9]] = np.maximum(up[[2, 9]], self.expert.home[[2, 9]])
        return WayPoint(up, 2), WayPoint(self.expert.home, 4), WayPoint(self.expert.home, 5)


def log_uniform(rng: np.random.Generator, low: float, high: float, size: int | None = None) -> Doubles:
    """Sizes of mistakes: as many between 1 and 2 as between 2 and 4, for a policy's are mostly small."""
    return np.asarray(np.exp(rng.uniform(np.log(low), np.log(high), size)))


CRUISE_MPS = 0.45
"""Fastest commanded motion of an expert's hands."""


def interpolate(command: Doubles, way: Sequence[WayPoint]) -> tuple[Doubles, ...]:
    """Commands (14,), one a control step, through the way points in straight lines, no hand faster than CRUISE_MPS."""
    out: list[Doubles] = []
    for point in way:
        gap = (point.command - command).reshape(2, 7)[:, :3]
        steps = max(point.steps, int(np.ceil(np.linalg.norm(gap, axis=1).max() / CRUISE_MPS * FPS)))
        out += [command + (point.command - command) * (k / steps) for k in range(1, steps + 1)]
        command = point.command
    return tuple(out)
