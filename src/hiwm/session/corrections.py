"""What operators steered, read from the tree: with lead-in, the failed sibling that it replaces, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hiwm.session.phases import Label
from hiwm.session.rows import EventRow
from hiwm.session.tree import Tree

LEAD_IN = 16
"""Steps before a takeover that belong to its correction."""


@dataclass(frozen=True)
class Correction:
    """The steered part of a branch.

    session: id of the session. takeover: the node at which the operator took over. lead_in: up to LEAD_IN nodes before
    it, and it, in time order. nodes: those that were steered, in time order. end: where the branch ends, the labelled
    node if one is. replaces: where the branch ends that went on without an operator from the same place, None where
    there is none. outcome: the label of the branch, None without one. least_trust, mean_trust: over the steered nodes,
    None where nobody can say.
    """

    session: str
    takeover: int
    lead_in: tuple[int, ...]
    nodes: tuple[int, ...]
    end: int
    replaces: int | None
    operator: str
    device: str
    reason: str
    outcome: Label | None
    least_trust: float | None
    mean_trust: float | None


def find_corrections(
    session: str, tree: Tree, events: Sequence[EventRow], labels: Mapping[int, Label]
) -> list[Correction]:
    """One for each takeover under which something was steered, in the order of the takeovers."""
    steered: dict[int, list[int]] = {}
    for row in tree.rows:
        if row.takeover is not None:
            steered.setdefault(row.takeover, []).append(row.id)
    return [_correction(session, tree, events[event], nodes, labels) for event, nodes in sorted(steered.items())]


def _correction(
    session: str, tree: Tree, event: EventRow, nodes: Sequence[int], labels: Mapping[int, Label]
) -> Correction:
    takeover = tree.row(nodes[0]).parent or 0
    end = _end(tree, nodes[-1], labels)
    trusts = [trust for node in nodes if (trust := tree.row(node).reading.trust) is not None]
    return Correction(
        session=session,
        takeover=takeover,
        lead_in=tuple(_lead_in(tree, takeover)),
        nodes=tuple(nodes),
        end=end,
        replaces=_replaced(tree, nodes[0]),
        operator=event.operator,
        device=tree.row(nodes[0]).device,
        reason=str(event.data.get("reason", "")),
        outcome=labels.get(end),
        least_trust=min(trusts) if trusts else None,
        mean_trust=sum(trusts) / len(trusts) if trusts else None,
    )


def _lead_in(tree: Tree, takeover: int) -> list[int]:
    nodes = [takeover]
    while len(nodes) <= LEAD_IN and (parent := tree.parent(nodes[-1])) is not None:
        nodes.append(parent)
    return nodes[::-1]


def _end(tree: Tree, last: int, labels: Mapping[int, Label]) -> int:
    """The node below that was labelled and comes last; without one, the newest leaf."""
    below = tree.below(last)
    labelled = [node for node in below if node in labels]
    return (labelled or below)[-1]


def _replaced(tree: Tree, first: int) -> int | None:
    """Goes up from the first steered node to where a branch without an operator goes another way, and to its end."""
    node = first
    while (parent := tree.parent(node)) is not None:
        for sibling in tree.siblings(node):
            if sibling < node and tree.row(sibling).takeover is None:
                return tree.end(sibling)
        if tree.row(parent).takeover is not None:
            return None
        node = parent
    return None
