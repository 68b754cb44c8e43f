"""The one primitive: `advance` moves a list of nodes one step on; `run` loops over it.

Rollouts, evaluation, collection and live sessions all go through `advance`; a second copy of it is a defect.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hiwm.interfaces import Dynamics, Policy
from hiwm.types import Driver, Floats, Observation, Reading, Scene


@dataclass(frozen=True, eq=False)
class Node:
    """One step of a session. `action` and `driver` are what led here; both are None at the first node."""

    state: Any
    memory: Any
    observation: Observation
    reading: Reading
    action: Floats | None = None
    driver: Driver | None = None
    step: int = 0


type Path = list[Node]
"""Nodes in time order, first node first."""


def first_nodes(policy: Policy, dynamics: Dynamics, scenes: Sequence[Scene]) -> list[Node]:
    """The first node of each scene, with a fresh policy memory."""
    states, observations, readings = dynamics.reset(scenes)
    memories = policy.start([scene.seed for scene in scenes])
    return [Node(*parts) for parts in zip(states, memories, observations, readings, strict=True)]


def advance(
    policy: Policy, dynamics: Dynamics, nodes: Sequence[Node], actions: Sequence[Floats | None] | None = None
) -> list[Node]:
    """Moves every node one step on, in one batch, and returns the new nodes.

    actions: per node an action (A,) from a person, or None where the policy decides; None means the policy for all.
    """
    given = list(actions) if actions is not None else [None] * len(nodes)
    memories, chosen = _decide(policy, nodes, given)
    states, observations, readings = dynamics.step([node.state for node in nodes], chosen)
    return [
        Node(
            state=states[i],
            memory=memories[i],
            observation=observations[i],
            reading=readings[i],
            action=chosen[i],
            driver=policy.driver if given[i] is None else Driver.PERSON,
            step=node.step + 1,
        )
        for i, node in enumerate(nodes)
    ]


def _decide(policy: Policy, nodes: Sequence[Node], given: Sequence[Floats | None]) -> tuple[list[Any], list[Floats]]:
    memories: list[Any] = [node.memory for node in nodes]
    chosen: list[Any] = list(given)
    free = [i for i, action in enumerate(given) if action is None]
    steered = [i for i, action in enumerate(given) if action is not None]
    if free:
        new, actions = policy.act([memories[i] for i in free], [nodes[i].observation for i in free])
        for i, memory, action in zip(free, new, actions, strict=True):
            memories[i], chosen[i] = memory, action
    if steered:
        watched = policy.watch([memories[i] for i in steered], [nodes[i].observation for i in steered])
        for i, memory in zip(steered, watched, strict=True):
            memories[i] = memory
    return memories, chosen


def run(
    policy: Policy, dynamics: Dynamics, scenes: Sequence[Scene], max_steps: int, done: Callable[[Path], bool]
) -> list[Path]:
    """Rolls all scenes out together; each ends when `done(path)` holds or after `max_steps` steps."""
    paths: list[Path] = [[node] for node in first_nodes(policy, dynamics, scenes)]
    for _ in range(max_steps):
        active = [path for path in paths if not done(path)]
        if not active:
            break
        for path, node in zip(active, advance(policy, dynamics, [p[-1] for p in active]), strict=True):
            path.append(node)
    return paths


def held_success(path: Path, steps: int) -> bool:
    """True when the last `steps` nodes of the path all read success."""
    return len(path) >= steps and all(node.reading.success for node in path[-steps:])
