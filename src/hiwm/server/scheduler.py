"""Steps of all sessions that are due, in one batch: those that people drive first, then the earliest deadline."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from hiwm.rollout import Node
from hiwm.server.logs import log
from hiwm.server.model_process import MissingNodes, ModelGone, ModelProcess, StepItem
from hiwm.server.model_wire import ModelError
from hiwm.types import Floats

MOST_TOGETHER = 8
MOST_TRIES = 8
"""Of one batch: nodes may be missing, the worker may die, and both again."""


class Urgency(IntEnum):
    """Who waits."""

    PERSON = 0
    WATCHER = 1
    GHOST = 2


@dataclass(frozen=True, eq=False)
class Due:
    """A step that is asked for. load: the node, from memory or disk, where the worker does not hold it."""

    token: int
    action: Floats | None
    urgency: Urgency
    deadline: float
    load: Callable[[], Awaitable[Node]]


@dataclass(frozen=True, eq=False)
class Stepped:
    """A step that was made, the token of its node, and where the time went."""

    node: Node
    token: int
    queue_ms: float
    model_ms: float
    batch: int


@dataclass(eq=False)
class _Asked:
    due: Due
    done: asyncio.Future[Stepped]
    since: float = field(default_factory=time.perf_counter)


class Scheduler:
    """Asks the model for one batch at a time; what comes meanwhile is in the next."""

    def __init__(self, model: ModelProcess) -> None:
        self._model = model
        self._asked: list[_Asked] = []
        self._news = asyncio.Event()
        self._tokens = itertools.count(1)

    def new_token(self) -> int:
        """A number for a node that the worker shall hold."""
        return next(self._tokens)

    @property
    def idle(self) -> bool:
        """True when nobody waits for the model."""
        return not self._asked

    async def step(self, due: Due) -> Stepped:
        """The next node; raises ModelError. Cancelled, its result is dropped."""
        asked = _Asked(due, asyncio.get_running_loop().create_future())
        self._asked.append(asked)
        self._news.set()
        return await asked.done

    async def run(self) -> None:
        """Serves until cancelled."""
        while True:
            await self._news.wait()
            self._news.clear()
            while batch := self._next_batch():
                await self._serve(batch)

    def _next_batch(self) -> list[_Asked]:
        """Takes the most urgent out; ghosts come only where nobody else waits, one at a time."""
        waiting = [asked for asked in self._asked if not asked.done.cancelled()]
        waiting.sort(key=lambda asked: (asked.due.urgency, asked.due.deadline))
        seen = [asked for asked in waiting if asked.due.urgency is not Urgency.GHOST]
        batch = seen[:MOST_TOGETHER] or waiting[:1]
        self._asked = [asked for asked in waiting if asked not in batch]
        return batch

    async def _serve(self, batch: Sequence[_Asked]) -> None:
        started = time.perf_counter()
        tokens = [self.new_token() for _ in batch]
        try:
            nodes = await self._advance(batch, tokens)
        except ModelError as error:
            await self._apart(batch, error)
            return
        model_ms = 1e3 * (time.perf_counter() - started)
        for asked, token, node in zip(batch, tokens, nodes, strict=True):
            if not asked.done.done():
                queue_ms = 1e3 * (started - asked.since)
                asked.done.set_result(Stepped(node, token, queue_ms, model_ms, len(batch)))

    async def _apart(self, batch: Sequence[_Asked], error: ModelError) -> None:
        """One session that cannot be stepped shall not stop the others: each is tried alone."""
        if len(batch) > 1 and not isinstance(error, ModelGone):
            for asked in batch:
                await self._serve([asked])
            return
        log("step failed", sessions=len(batch), text=str(error))
        for asked in batch:
            if not asked.done.done():
                asked.done.set_exception(error)

    async def _advance(self, batch: Sequence[_Asked], tokens: Sequence[int]) -> list[Node]:
        nodes: dict[int, Node] = {}
        for attempt in range(MOST_TRIES):
            items = [
                StepItem(asked.due.token, token, asked.due.action, nodes.get(asked.due.token))
                for asked, token in zip(batch, tokens, strict=True)
            ]
            try:
                return await self._model.advance(items)
            except MissingNodes as error:
                for asked in batch:
                    if asked.due.token in error.tokens:
                        nodes[asked.due.token] = await asked.due.load()
            except ModelGone:
                if attempt == MOST_TRIES - 1:
                    raise
        raise ModelGone("the model did not answer several times; look into the server's log")
