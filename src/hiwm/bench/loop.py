"""How fast a policy acts in a world, judge and trust included: one session, as a person watches it.

A policy that plans ahead computes a chunk of actions at some steps and takes them from memory at the others. Both are
told: steps in which it computed, steps in which it did not, and all together; the console computes chunks in the time
between two steps, so that what a person waits for is a step without one.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hiwm.interfaces import Dynamics, Policy
from hiwm.policies.memory import PolicyMemory
from hiwm.rollout import Node, advance, first_nodes
from hiwm.types import Scene

WARM_UP = 10
"""Steps before the first that is timed: buffers, caches, the first chunk."""


@dataclass(frozen=True, eq=False)
class Timed:
    """What each step took, seconds, and whether a chunk was computed in it."""

    wall_s: NDArray[np.float64]
    planned: NDArray[np.bool_]


def bench_loop(dynamics: Dynamics, policy: Policy, scenes: Sequence[Scene], steps: int) -> dict[str, Any]:
    """Figures of `steps` steps in all scenes at once; JSON-ready."""
    timed = time_steps(dynamics, policy, scenes, steps)
    return {
        "sessions": len(scenes),
        "scenes": [scenes[0].id, scenes[-1].id],
        "steps": steps,
        "steps_per_second": len(scenes) * steps / float(timed.wall_s.sum()),
        "step_ms": spread_ms(timed.wall_s),
        "chunks": int(timed.planned.sum()),
        "step_with_chunk_ms": spread_ms(timed.wall_s[timed.planned]),
        "step_without_chunk_ms": spread_ms(timed.wall_s[~timed.planned]),
        "steps_per_second_chunk_ahead": _rate(len(scenes), timed.wall_s[~timed.planned]),
    }


def time_steps(dynamics: Dynamics, policy: Policy, scenes: Sequence[Scene], steps: int) -> Timed:
    """Steps as everybody else does them, by `advance`."""
    nodes = first_nodes(policy, dynamics, scenes)
    for _ in range(WARM_UP):
        nodes = advance(policy, dynamics, nodes)
    wall_s, planned = [], []
    for _ in range(steps):
        planned.append(any(plans_now(node) for node in nodes))
        began = time.perf_counter()
        nodes = advance(policy, dynamics, nodes)
        wall_s.append(time.perf_counter() - began)
    return Timed(np.array(wall_s), np.array(planned))


def plans_now(node: Node) -> bool:
    """The policy has no planned action left for the next step."""
    return isinstance(node.memory, PolicyMemory) and not len(node.memory.ahead_ta)


def spread_ms(wall_s: NDArray[np.float64]) -> dict[str, float] | None:
    """Median, 95th percentile and most, milliseconds; None of nothing."""
    if not len(wall_s):
        return None
    p50, p95 = np.percentile(wall_s, (50, 95)) * 1e3
    return {"p50": float(p50), "p95": float(p95), "most": float(wall_s.max() * 1e3)}


def _rate(sessions: int, wall_s: NDArray[np.float64]) -> float | None:
    return sessions * len(wall_s) / float(wall_s.sum()) if len(wall_s) else None
