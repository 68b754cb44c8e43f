"""The model worker as the server sees it: started, spoken to, and started again when it dies."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hiwm.rollout import Node
from hiwm.server.logs import log
from hiwm.server.model_wire import LENGTH, MOST_BYTES, ModelError, pack, unpack
from hiwm.spec import RobotSpec
from hiwm.types import Floats, Picture

MODULE = "hiwm.pipeline.model_worker"
"""Run as a process of its own: the server may not import the pipeline."""
LONGEST_LOAD_S = 900.0
LONGEST_ANSWER_S = 60.0


@dataclass(frozen=True)
class ModelSettings:
    """How a worker is made: a function `module:function` and what it is given (JSON-ready)."""

    factory: str = "hiwm.pipeline.serve_models:open_models"
    values: Mapping[str, Any] | None = None


@dataclass(frozen=True, eq=False)
class StepItem:
    """One session's step: from the node that `token` names, under `action` (None: the policy's), to `new_token`.

    node: given along where the worker may not have it.
    """

    token: int
    new_token: int
    action: Floats | None
    node: Node | None = None


@dataclass(frozen=True, eq=False)
class FirstNode:
    """Where a session in a scene begins."""

    node: Node
    prompt: str
    max_steps: int


class ModelGone(ModelError):
    """The worker died while it started or was asked; asking again starts it again."""


class MissingNodes(ModelError):
    """The worker does not hold these nodes (any more)."""

    def __init__(self, tokens: Sequence[int]) -> None:
        super().__init__("the model does not hold the nodes it was asked to go on from")
        self.tokens = frozenset(tokens)


class ModelProcess:
    """One worker at a time; requests are answered in order."""

    def __init__(self, settings: ModelSettings) -> None:
        self.settings = settings
        self.spec: RobotSpec | None = None
        self.about: dict[str, dict[str, str]] = {}
        self.generation = 0
        """Counts the starts: a worker of another generation holds no nodes."""
        self.last_ms: float | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._turn = asyncio.Lock()
        self._numbers = 0

    @property
    def alive(self) -> bool:
        """True while the worker can be asked."""
        return self._writer is not None and self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int | None:
        """The worker's process id."""
        return self._process.pid if self.alive and self._process is not None else None

    async def start(self) -> None:
        """Starts the worker and waits until its models are loaded; raises ModelError where they cannot be."""
        async with self._turn:
            if not self.alive:
                await self._start()

    async def _start(self) -> None:
        ours, theirs = socket.socketpair()
        arguments = (str(theirs.fileno()), self.settings.factory, json.dumps(dict(self.settings.values or {})))
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", MODULE, *arguments, pass_fds=[theirs.fileno()], stdin=asyncio.subprocess.DEVNULL,
            env=dict(os.environ),
        )  # fmt: skip
        theirs.close()
        self._process = process
        self._reader, self._writer = await asyncio.open_connection(sock=ours, limit=2**20)
        try:
            ready = await asyncio.wait_for(self._receive(), LONGEST_LOAD_S)
        except (ModelGone, TimeoutError) as error:
            await self._abandon()
            raise ModelGone("the model worker did not start; its own message stands above in the log") from error
        if "error" in ready:
            await self.stop()
            raise ModelError(str(ready["error"]))
        self.spec, self.about = RobotSpec.from_json(json.loads(ready["spec"])), ready["about"]
        self.generation += 1
        log("model started", pid=process.pid, generation=self.generation)

    async def stop(self) -> None:
        """Ends the worker."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        if self._process is not None and self._process.returncode is None:
            try:
                await asyncio.wait_for(self._process.wait(), 2)  # it ends once its socket is closed
            except TimeoutError:
                self._process.kill()
                await self._process.wait()

    async def first(self, scene: str, token: int) -> FirstNode:
        """The first node of a scene; raises ModelError."""
        answer = await self._ask({"kind": "first", "scene": scene, "token": token})
        return FirstNode(answer["node"], answer["prompt"], answer["max_steps"])

    async def advance(self, items: Sequence[StepItem]) -> list[Node]:
        """The new nodes, in one batch; raises ModelError, MissingNodes or ModelGone."""
        started = time.perf_counter()
        packed = [vars(item) for item in items]
        answer = await self._ask({"kind": "advance", "items": packed})
        if "missing" in answer:
            raise MissingNodes(answer["missing"])
        self.last_ms = 1e3 * (time.perf_counter() - started)
        nodes: list[Node] = answer["nodes"]
        return nodes

    async def first_of_picture(self, picture: Picture, scenes: str, token: int) -> FirstNode:
        """Where a session begins that begins with a picture; raises ModelError, also where it is not trusted."""
        answer = await self._ask({"kind": "picture", "picture": picture, "scenes": scenes, "token": token})
        return FirstNode(answer["node"], answer["prompt"], answer["max_steps"])

    async def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        async with self._turn:
            if not self.alive:
                await self._restart()
            self._numbers += 1
            try:
                answer = await asyncio.wait_for(self._exchange({"id": self._numbers, **request}), LONGEST_ANSWER_S)
            except (TimeoutError, ConnectionError) as error:
                await self._abandon()
                raise ModelGone("the model did not answer; it is being started again") from error
            except asyncio.CancelledError:
                await self._abandon()  # an answer that nobody waits for would be taken for the next one's
                raise
        if "error" in answer:
            raise ModelError(str(answer["error"]))
        return answer

    async def _exchange(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._writer is not None
        self._writer.write(pack(request))
        await self._writer.drain()
        return await self._receive()

    async def _receive(self) -> dict[str, Any]:
        assert self._reader is not None
        try:
            [length] = LENGTH.unpack(await self._reader.readexactly(LENGTH.size))
            if length > MOST_BYTES:
                raise ModelGone("the model sent no message that this server knows")
            return unpack(await self._reader.readexactly(length), sealed=True)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            if self._writer is not None:
                self._writer.close()
                self._writer = None
            raise ModelGone("the model worker has ended; it is being started again") from error

    async def _abandon(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
        await self.stop()

    async def _restart(self) -> None:
        log("model restarts", generation=self.generation)
        await self.stop()
        await self._start()
