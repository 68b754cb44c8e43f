"""How well a world foretells failures: what its inbox holds, against the same actions in the simulator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hiwm.corrections.reading import opened
from hiwm.errors import BadInput
from hiwm.evaluation.ending import succeeded
from hiwm.evaluation.intervals import wilson_interval
from hiwm.pipeline.find_failures import read_inbox
from hiwm.pipeline.rollout import require_rollout
from hiwm.rollout import run
from hiwm.sims.task import Setting
from hiwm.sims.tasks import load_task
from hiwm.types import Driver, Floats, Observation, Scene

SMALL = 16
"""Side of the simulator's pictures in pixels: nobody looks at them."""


@dataclass(frozen=True)
class Recorded:
    """An attempt of a session: where it began, what was done, and whether it is in the inbox."""

    scene: Scene
    actions: tuple[Floats, ...]
    foretold: bool


@dataclass(frozen=True)
class Played:
    """Memory of Replay: which attempt, and how many of its actions are done."""

    attempt: int
    steps: int = 0


class Replay:
    """Does what was done in some attempts; started once, with a seed for each of them, in their order."""

    driver = Driver.POLICY

    def __init__(self, attempts: Sequence[Recorded]) -> None:
        self._attempts = attempts

    def start(self, seeds: Sequence[int]) -> list[Played]:
        """At the first action of each."""
        return [Played(attempt) for attempt, _ in enumerate(seeds)]

    def act(self, memories: Sequence[Played], observations: Sequence[Observation]) -> tuple[list[Played], list[Floats]]:
        """The next action of each."""
        actions = [self._attempts[memory.attempt].actions[memory.steps] for memory in memories]
        return self.watch(memories, observations), actions

    def watch(self, memories: Sequence[Played], observations: Sequence[Observation]) -> list[Played]:
        """One step on."""
        return [Played(memory.attempt, memory.steps + 1) for memory in memories]

    def over(self, memory: Played) -> bool:
        """Whether all of it has been done."""
        return memory.steps >= len(self._attempts[memory.attempt].actions)


def foretelling(folder: Path) -> dict[str, Any]:
    """Precision and recall of "this attempt would have failed", for a rollout in a world with an inbox; JSON-ready.

    An attempt has failed if its actions, in the simulator and from the same scene, do not end in success. Raises
    BadInput where the folder has no inbox.
    """
    attempts = recorded(folder)
    failed = fails_outside(attempts)
    outside = {attempt.scene.id: fails for attempt, fails in zip(attempts, failed, strict=True)}
    return figures({attempt.scene.id: attempt.foretold for attempt in attempts}, outside)


def recorded(folder: Path) -> list[Recorded]:
    """The attempts of a rollout."""
    waiting = {item.session for item in read_inbox(folder).items}
    found = []
    for path in require_rollout(folder):
        with opened(path) as session:
            rows = [session.tree.row(node) for node in session.path(session.tree.end(0))]
            actions = tuple(row.action for row in rows if row.action is not None)
            found.append(Recorded(Scene.parse(session.about.scene), actions, path.name in waiting))
    return found


def fails_outside(attempts: Sequence[Recorded]) -> list[bool]:
    """Whether each attempt's actions fail in the simulator of its task; raises UnknownName for a task without one."""
    task = load_task(attempts[0].scene.task, Setting(size=SMALL))
    replay, dynamics = Replay(attempts), task.open()
    try:
        longest = max(len(attempt.actions) for attempt in attempts)
        scenes = [attempt.scene for attempt in attempts]
        paths = run(replay, dynamics, scenes, longest, lambda path: replay.over(path[-1].memory))
    finally:
        dynamics.close()
    return [not succeeded([node.reading for node in path]) for path in paths]


def figures(foretold: Mapping[str, bool], failed: Mapping[str, bool]) -> dict[str, Any]:
    """Precision and recall with intervals over the scenes that both know; None where there is nothing to share."""
    both = [(foretold[scene], failed[scene]) for scene in foretold if scene in failed]
    if not both:
        raise BadInput("expected the same scenes inside and outside, got none that both have; name the same --scenes")
    hits = sum(said and true for said, true in both)
    return {
        "attempts": len(both),
        "foretold": sum(said for said, _ in both),
        "failed": sum(true for _, true in both),
        "precision": _share(hits, sum(said for said, _ in both)),
        "recall": _share(hits, sum(true for _, true in both)),
    }


def _share(hits: int, of: int) -> dict[str, Any] | None:
    return {"value": hits / of, "interval_95": list(wilson_interval(hits, of)), "n": of} if of else None
