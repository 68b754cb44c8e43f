"""The tree's answers on small trees that are drawn here as lists of parents."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hiwm.session.rows import NodeRow
from hiwm.session.tree import Tree
from hiwm.types import Reading


def tree_of(parents: Sequence[int | None]) -> Tree:
    steps: list[int] = []
    for parent in parents:
        steps.append(0 if parent is None else steps[parent] + 1)
    return Tree(NodeRow(i, parent, steps[i], None, None, Reading(None, None), 0.0) for i, parent in enumerate(parents))


FORK = tree_of([None, 0, 1, 2, 1, 4, 1, 4])
"""0-1-2-3, with 4-5 and 6 from 1, and 7 from 4."""


def test_paths_children_and_siblings() -> None:
    assert FORK.path(7) == [0, 1, 4, 7]
    assert FORK.children(1) == (2, 4, 6)
    assert FORK.siblings(4) == (2, 6)
    assert FORK.siblings(0) == ()
    assert (FORK.parent(0), FORK.parent(7), FORK.depth(7)) == (None, 4, 3)
    assert (8 in FORK, 7 in FORK, -1 in FORK, len(FORK)) == (False, True, False, 8)


def test_branches_go_on_through_first_children() -> None:
    assert [FORK.branch(node) for node in range(8)] == [0, 0, 0, 0, 1, 1, 2, 3]
    assert FORK.branch_starts == (0, 4, 6, 7)
    assert FORK.leaves() == [3, 5, 6, 7]
    assert FORK.branches() == [[0, 1, 2, 3], [0, 1, 4, 5], [0, 1, 6], [0, 1, 4, 7]]
    assert (FORK.end(0), FORK.end(4), FORK.end(7)) == (3, 5, 7)
    assert FORK.below(4) == [4, 5, 7]


def test_a_tree_that_grew_is_the_tree_of_its_rows() -> None:
    rng = np.random.default_rng(0)
    parents = [None, *(int(rng.integers(max(0, i - 3), i)) for i in range(1, 200))]
    grown, whole = Tree(), tree_of(parents)
    for row in whole.rows:
        grown.add(row)
    for node in range(200):
        assert grown.path(node) == whole.path(node)
        assert grown.branch(node) == whole.branch(node)
        assert node in whole.below(whole.path(node)[len(whole.path(node)) // 2])
    assert sorted(node for branch in whole.branches() for node in branch if node in whole.leaves()) == whole.leaves()
