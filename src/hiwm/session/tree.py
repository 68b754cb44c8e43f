"""The tree of a session: who comes after whom, and which branches there are; built from rows, nothing else."""

from __future__ import annotations

from collections.abc import Iterable

from hiwm.session.rows import NodeRow


class Tree:
    """Grows by one row at a time. Nodes are named by their ids, which count from 0; a parent comes before its children.

    A branch goes on through first children; every later child of a node begins another one, numbered from 0 in the
    order in which they began.
    """

    def __init__(self, rows: Iterable[NodeRow] = ()) -> None:
        self.rows: list[NodeRow] = []
        self._children: list[list[int]] = []
        self._branches: list[int] = []
        self._starts: list[int] = []
        for row in rows:
            self.add(row)

    def __len__(self) -> int:
        return len(self.rows)

    def __contains__(self, node: object) -> bool:
        return type(node) is int and 0 <= node < len(self.rows)

    def add(self, row: NodeRow) -> None:
        """Puts the next node under its parent."""
        goes_on = row.parent is not None and not self._children[row.parent]
        if not goes_on:
            self._starts.append(row.id)
        self._branches.append(
            self._branches[row.parent] if goes_on and row.parent is not None else len(self._starts) - 1
        )
        self.rows.append(row)
        self._children.append([])
        if row.parent is not None:
            self._children[row.parent].append(row.id)

    def row(self, node: int) -> NodeRow:
        """The row of a node."""
        return self.rows[node]

    def parent(self, node: int) -> int | None:
        """None at the first node."""
        return self.rows[node].parent

    def children(self, node: int) -> tuple[int, ...]:
        """In the order in which they were made."""
        return tuple(self._children[node])

    def siblings(self, node: int) -> tuple[int, ...]:
        """The other children of its parent."""
        parent = self.rows[node].parent
        return () if parent is None else tuple(child for child in self._children[parent] if child != node)

    def depth(self, node: int) -> int:
        """Steps from the first node."""
        return self.rows[node].step - self.rows[0].step

    def path(self, node: int) -> list[int]:
        """From the first node to this one."""
        path = [node]
        while (parent := self.rows[path[-1]].parent) is not None:
            path.append(parent)
        return path[::-1]

    def branch(self, node: int) -> int:
        """The number of the branch that it lies on."""
        return self._branches[node]

    @property
    def branch_starts(self) -> tuple[int, ...]:
        """The first node of each branch, by its number."""
        return tuple(self._starts)

    def leaves(self) -> list[int]:
        """Nodes that nothing follows, in the order of recording."""
        return [node for node, children in enumerate(self._children) if not children]

    def branches(self) -> list[list[int]]:
        """The path to each leaf."""
        return [self.path(leaf) for leaf in self.leaves()]

    def end(self, node: int) -> int:
        """The leaf that first children lead to: where the branch of this node ends."""
        while self._children[node]:
            node = self._children[node][0]
        return node

    def below(self, node: int) -> list[int]:
        """All nodes that come after it, the node itself included, in the order of recording."""
        found = {node}
        for row in self.rows[node + 1 :]:
            if row.parent in found:
                found.add(row.id)
        return sorted(found)
