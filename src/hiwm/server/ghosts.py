"""What the policy would do from a node: a short strip of pictures, made while nobody else waits for the model."""

from __future__ import annotations

import time
from collections import OrderedDict

from hiwm.rollout import Node
from hiwm.server.frames import jpeg
from hiwm.server.scheduler import Due, Scheduler, Urgency

STEPS = 12
EVERY = 2
"""One picture of so many steps."""
KEPT = 64
"""Strips."""


class Ghosts:
    """Strips by (session, node). They are never recorded."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._strips: OrderedDict[tuple[str, int], list[bytes]] = OrderedDict()

    async def strip(self, session: str, node_id: int, node: Node) -> int:
        """Makes the strip of a node, if it is not there; how many pictures it has. Raises ModelError."""
        place = (session, node_id)
        if place not in self._strips:
            self._strips[place] = await self._imagine(node)
            while len(self._strips) > KEPT:
                self._strips.popitem(last=False)
        return len(self._strips[place])

    def picture(self, session: str, node_id: int, number: int) -> bytes | None:
        """A picture of a strip as JPEG, None where there is none."""
        strip = self._strips.get((session, node_id), [])
        return strip[number] if 0 <= number < len(strip) else None

    async def _imagine(self, node: Node) -> list[bytes]:
        camera = next(iter(node.observation.images))
        token, pictures = self._scheduler.new_token(), []
        for step in range(1, STEPS + 1):

            async def load(here: Node = node) -> Node:
                return here

            stepped = await self._scheduler.step(Due(token, None, Urgency.GHOST, time.monotonic(), load))
            node, token = stepped.node, stepped.token
            if step % EVERY == 0:
                pictures.append(jpeg(node.observation.images[camera]))
        return pictures
