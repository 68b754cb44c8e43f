"""How long a rewind takes in a long session: to any step, from the disk, until its whole state is at hand.

The steps are real: a policy acts in the dynamics, and every node is stored as the console stores it. A long session is
made of a shorter rollout over and over, since what a node holds decides what reading it costs, not its number.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from hiwm.bench.loop import spread_ms
from hiwm.interfaces import Dynamics, Policy
from hiwm.rollout import Node, run
from hiwm.session.file import SessionFile
from hiwm.session.phases import Command
from hiwm.session.rows import SessionAbout
from hiwm.session.session import Session
from hiwm.types import Scene

GROUP = 50
"""Nodes that are stored in one transaction while the session is made."""


def bench_rewind(
    dynamics: Dynamics, policy: Policy, scene: Scene, folder: Path, nodes: int, rewinds: int, rolled: int, seed: int
) -> dict[str, Any]:
    """Figures of a session of `nodes` nodes in an empty folder, from a rollout of `rolled` steps; JSON-ready.

    A rewind is the command, on disk when it returns, and the node that it leads to, as a value to step on from.
    """
    path = folder / "long.hiwm"
    [made] = run(policy, dynamics, [scene], rolled, lambda path: False)
    append_s = _stored(path, scene, dynamics, made, nodes)
    began = time.perf_counter()
    session = Session(SessionFile.open(path), cache_bytes=0)
    open_s = time.perf_counter() - began
    targets = np.random.default_rng(seed).integers(0, nodes, rewinds)
    cold = _rewound(session, targets)
    to_first = _rewound(session, [0] * min(rewinds, 20))
    session.file.close()
    warm_session = Session(SessionFile.open(path))
    _rewound(warm_session, targets[:GROUP])
    warm = _rewound(warm_session, targets[:GROUP])
    warm_session.file.close()
    return {
        "scene": scene.id,
        "nodes": nodes,
        "rewinds": rewinds,
        "rewind_ms": spread_ms(cold),
        "rewind_to_first_ms": spread_ms(to_first),
        "rewind_in_memory_ms": spread_ms(warm),
        "open_s": open_s,
        "append_ms_a_node": 1e3 * append_s / nodes,
        "bytes_a_node": path.stat().st_size / nodes,
    }


def _stored(path: Path, scene: Scene, dynamics: Dynamics, made: Sequence[Node], nodes: int) -> float:
    """Writes the session, and says how many seconds the writing took."""
    what, who = {"kind": "simulator", "name": scene.task, "hash": "bench"}, {"name": "bench", "hash": "bench"}
    about = SessionAbout("bench-rewind", scene.task, "", scene.id, dynamics.spec, what, who, time.time())
    session = Session(SessionFile.create(path, about))
    session.start(made[0])
    later = made[1:]
    began = time.perf_counter()
    for first in range(1, nodes, GROUP):
        steps = range(first, min(first + GROUP, nodes))
        session.record_all([replace(later[(step - 1) % len(later)], step=step) for step in steps])
    wall_s = time.perf_counter() - began
    session.file.close()
    return wall_s


def _rewound(session: Session, targets: Sequence[int] | np.ndarray[Any, Any]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Seconds of each rewind."""
    wall_s = []
    for target in targets:
        began = time.perf_counter()
        session.command(Command.REWIND, node=int(target))
        session.node(session.head)
        wall_s.append(time.perf_counter() - began)
    return np.array(wall_s)
