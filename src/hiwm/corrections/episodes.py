"""A stretch of a session as an episode of a dataset: pictures, numbers, readings, who drove, and where it came from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hiwm.corrections.takes import Take
from hiwm.data.episode import Episode, Lineage
from hiwm.session.rows import NodeRow
from hiwm.session.session import Session
from hiwm.types import Driver, Kind


def episode_of(session: Session, take: Take) -> Episode:
    """The episode of a take. Where nobody reads progress or success, they are NaN and False: `is_judged` tells."""
    rows = [session.tree.row(node) for node in take.nodes]
    seen, led = rows[:-1], rows[1:]
    observations = [session.file.observation(row.id) for row in seen]
    truths = [o.truth for o in observations if o.truth is not None]
    return Episode(
        images={name: np.stack([o.images[name] for o in observations]) for name in observations[0].images},
        state=np.stack([o.state for o in observations]).astype(np.float32),
        action=np.stack([row.action for row in led if row.action is not None]).astype(np.float32),
        success=np.array([bool(row.reading.success) for row in seen], np.bool_),
        progress=_floats([row.reading.progress for row in seen]),
        drivers=tuple(row.driver or Driver.POLICY for row in led),
        lapses=("",) * len(led),
        kind=Kind.DEMO if take.takeovers or rows[-1].reading.success else Kind.FAILURE,
        scene=session.about.scene,
        prompt=session.about.prompt,
        truth=np.stack(truths).astype(np.float32) if len(truths) == len(seen) else None,
        lineage=_lineage(session, seen, led),
    )


def is_judged(session: Session, take: Take) -> bool:
    """Whether progress and success are read at each step of a take."""
    readings = [session.tree.row(node).reading for node in take.nodes[:-1]]
    return all(reading.success is not None and reading.progress is not None for reading in readings)


def node_runs(nodes: Sequence[int]) -> list[tuple[int, int]]:
    """Node ids as runs (first, last) of ids that follow each other."""
    runs: list[tuple[int, int]] = []
    for node in nodes:
        if runs and node == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], node)
        else:
            runs.append((node, node))
    return runs


def _lineage(session: Session, seen: Sequence[NodeRow], led: Sequence[NodeRow]) -> Lineage:
    tree = session.tree
    starts = tree.branch_starts
    branches = [tree.branch(row.id) for row in led]
    parents = [tree.parent(starts[branch]) for branch in branches]
    return Lineage(
        intervention=np.array([row.takeover is not None for row in led], np.bool_),
        branch=np.array(branches, np.int64),
        parent=np.array([0 if parent is None else tree.row(parent).step for parent in parents], np.int64),
        trust=_floats([row.reading.trust for row in seen]),
        source=session.file.path.stem,
    )


def _floats(values: Sequence[Any]) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.array([np.nan if value is None else value for value in values], np.float32)
