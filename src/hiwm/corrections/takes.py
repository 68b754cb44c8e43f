"""Which stretches of a session become episodes: whole attempts with the corrections inside, corrections alone, or what
the policy did by itself: its successes, or all of its attempts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from hiwm.corrections.gates import Gates, Verdict, ends_well, judge_corrections, trust_reasons
from hiwm.session.corrections import LEAD_IN
from hiwm.session.session import Session


class Shape(StrEnum):
    """What an episode is."""

    ATTEMPTS = "attempts"
    SEGMENTS = "segments"
    SUCCESSES = "successes"
    ROLLOUTS = "rollouts"


@dataclass(frozen=True)
class Take:
    """An episode of T frames: nodes, T + 1 in time order, the last of which only ends the last action.

    takeovers: the nodes at which the corrections in it begin.
    """

    nodes: tuple[int, ...]
    takeovers: tuple[int, ...]

    @property
    def frames(self) -> int:
        """T."""
        return len(self.nodes) - 1


@dataclass(frozen=True)
class Rejected:
    """What is kept apart: the node where it begins (a takeover, or the first), where it ends, and why."""

    node: int
    end: int
    reasons: tuple[str, ...]


def takes_of(session: Session, shape: Shape, gates: Gates) -> tuple[list[Take], list[Rejected]]:
    """The episodes of a session, and what was rejected."""
    if shape in (Shape.SUCCESSES, Shape.ROLLOUTS):
        return _own_attempt(session, gates if shape is Shape.SUCCESSES else None)
    verdicts = judge_corrections(session, gates)
    rejected = [Rejected(v.correction.takeover, v.correction.end, v.reasons) for v in verdicts if v.reasons]
    good = [verdict for verdict in verdicts if not verdict.reasons]
    if shape is Shape.SEGMENTS:
        return [Take((v.correction.takeover, *v.correction.nodes), (v.correction.takeover,)) for v in good], rejected
    return _attempts(session, verdicts, good), rejected


def _attempts(session: Session, verdicts: Sequence[Verdict], good: Sequence[Verdict]) -> list[Take]:
    """The path to each end at which good corrections end.

    It begins after the last correction that was rejected; and of what an earlier episode has already, it has only the
    last LEAD_IN steps again.
    """
    takes: list[Take] = []
    used: set[int] = set()
    for end in dict.fromkeys(verdict.correction.end for verdict in good):
        path = session.path(end)
        bad = {node for verdict in verdicts if verdict.reasons for node in verdict.correction.nodes}
        first = max((i for i, node in enumerate(path) if node in bad), default=0)
        new = next((i for i, node in enumerate(path) if node not in used), len(path))
        nodes = tuple(path[max(first, new - 1 - LEAD_IN) if new else first :])
        inside = [v.correction.takeover for v in good if set(v.correction.nodes) <= set(nodes[1:])]
        if inside:
            takes.append(Take(nodes, tuple(inside)))
            used |= set(nodes)
    return takes


def _own_attempt(session: Session, gates: Gates | None) -> tuple[list[Take], list[Rejected]]:
    """The first branch, if nobody steered in it; and if it ends well, where there are gates.

    A world learns most from attempts that failed, so that without gates nothing is left out.
    """
    if not len(session.tree):
        return [], []
    path = session.path(session.tree.end(0))
    rows = [session.tree.row(node) for node in path]
    if len(path) < 2 or any(row.takeover is not None for row in rows):
        return [], []
    if gates is None:
        return [Take(tuple(path), ())], []
    reasons = [] if ends_well(session, path[-1]) else ["the attempt does not end in success"]
    reasons += trust_reasons([row.reading.trust for row in rows], gates)
    if reasons:
        return [], [Rejected(path[0], path[-1], tuple(reasons))]
    return [Take(tuple(path), ())], []
