"""What was used last, in memory, up to a number of bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable


class Recent[K: Hashable, V]:
    """Leaving it drops a copy; what it holds is on disk too. The newest entry is held whatever its size."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.held_bytes = 0
        self._held: OrderedDict[K, tuple[V, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._held)

    def get(self, key: K) -> V | None:
        """The entry, None where it is not held."""
        if key not in self._held:
            return None
        self._held.move_to_end(key)
        return self._held[key][0]

    def put(self, key: K, value: V, size_bytes: int) -> None:
        """Holds an entry, and lets the longest unused go until the limit is kept."""
        _, before = self._held.pop(key, (None, 0))
        self._held[key] = (value, size_bytes)
        self.held_bytes += size_bytes - before
        while self.held_bytes > self.limit_bytes and len(self._held) > 1:
            _, (_, freed) = self._held.popitem(last=False)
            self.held_bytes -= freed

    def clear(self) -> None:
        """Lets everything go."""
        self._held.clear()
        self.held_bytes = 0
