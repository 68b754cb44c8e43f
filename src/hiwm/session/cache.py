"""The nodes that were used last, in memory, up to a number of bytes."""

from __future__ import annotations

from collections import OrderedDict

from hiwm.rollout import Node


class NodeCache:
    """Leaving the cache drops a copy; every node is on disk."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.held_bytes = 0
        self._held: OrderedDict[int, tuple[Node, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._held)

    def get(self, node_id: int) -> Node | None:
        """The node, None where it is not held."""
        if node_id not in self._held:
            return None
        self._held.move_to_end(node_id)
        return self._held[node_id][0]

    def put(self, node_id: int, node: Node, size_bytes: int) -> None:
        """Holds a node, and lets the longest unused go until the limit is kept."""
        self.held_bytes += size_bytes - self._held.get(node_id, (None, 0))[1]
        self._held[node_id] = (node, size_bytes)
        self._held.move_to_end(node_id)
        while self.held_bytes > self.limit_bytes and len(self._held) > 1:
            _, (_, freed) = self._held.popitem(last=False)
            self.held_bytes -= freed
