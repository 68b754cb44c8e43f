"""A policy on another machine, over openpi's WebSocket protocol: one connection, one observation a message."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np
from websockets.exceptions import InvalidURI, WebSocketException
from websockets.sync.client import ClientConnection, connect

from hiwm.errors import BadInput, SpecMismatch, StageFailed
from hiwm.policies.features import STATE
from hiwm.policies.memory import PolicyMemory
from hiwm.policies.openpi_wire import pack, unpack
from hiwm.spec import RobotSpec
from hiwm.types import Driver, Floats, Observation

WAIT_S = 60.0
"""For a connection and for an answer; the first plan of a large policy takes long."""


class RemotePolicy:
    """Asks for a chunk of actions where none is planned, and follows it.

    An observation goes as its cameras' full names -> (H, W, 3) uint8, `observation.state` and `prompt`. Randomness is
    the server's. Raises BadInput where nobody answers at the address.
    """

    driver = Driver.POLICY

    def __init__(self, address: str, spec: RobotSpec, prompt: str = "") -> None:
        self.address, self.spec, self.prompt = address, spec, prompt
        self._opened = ExitStack()
        self._connection, self.about = self._connect()

    def start(self, seeds: Sequence[int]) -> list[PolicyMemory]:
        """Nothing planned yet."""
        return [PolicyMemory.fresh(seed, len(self.spec.action)) for seed in seeds]

    def act(
        self, memories: Sequence[PolicyMemory], observations: Sequence[Observation]
    ) -> tuple[list[PolicyMemory], list[Floats]]:
        """The next planned action of each."""
        pairs = [self._next(memory, seen) for memory, seen in zip(memories, observations, strict=True)]
        return [memory for memory, _ in pairs], [action for _, action in pairs]

    def watch(self, memories: Sequence[PolicyMemory], observations: Sequence[Observation]) -> list[PolicyMemory]:
        """Planned actions are dropped."""
        return [memory.saw(seen, 1).dropped() for memory, seen in zip(memories, observations, strict=True)]

    def close(self) -> None:
        """Ends the connection."""
        self._opened.close()

    def _next(self, memory: PolicyMemory, seen: Observation) -> tuple[PolicyMemory, Floats]:
        memory = memory.saw(seen, 1)
        if not len(memory.ahead_ta):
            memory = memory.planned(self._ask(seen))
        return memory.planned(memory.ahead_ta[1:]), memory.ahead_ta[0]

    def _ask(self, seen: Observation) -> Floats:
        self.spec.check_observation(seen)
        message = {**seen.images, STATE: seen.state, "prompt": self.prompt}
        try:
            self._connection.send(pack(message))
            answer = self._connection.recv(WAIT_S)
        except (OSError, WebSocketException) as error:
            raise StageFailed(
                f"the policy at {self.address} no longer answers ({error}); start it again and run this again"
            ) from error
        if isinstance(answer, str):
            raise StageFailed(f"the policy at {self.address} failed: {answer.strip().splitlines()[-1]}")
        return self._chunk(unpack(answer))

    def _chunk(self, answer: Any) -> Floats:
        found = answer.get("actions") if isinstance(answer, dict) else None
        actions = np.asarray(found if found is not None else [], np.float32)
        width = len(self.spec.action)
        if actions.ndim != 2 or not len(actions) or actions.shape[1] < width or not np.isfinite(actions).all():
            raise SpecMismatch(
                f"expected a chunk of finite actions (T, {width}) from {self.address}, got shape {actions.shape}; "
                "serve a policy of this robot"
            )
        return np.array(actions[:, :width])

    def _connect(self) -> tuple[ClientConnection, Any]:
        try:
            opened = connect(self.address, compression=None, max_size=None, open_timeout=WAIT_S)
            connection: ClientConnection = self._opened.enter_context(opened)
            about = connection.recv(WAIT_S)
        except (OSError, WebSocketException, InvalidURI, ValueError) as error:
            raise BadInput(
                f"no policy answers at {self.address} ({error}); start its server, or check the address"
            ) from error
        if isinstance(about, str):
            raise BadInput(f"what answers at {self.address} does not speak openpi's protocol; check the address")
        return connection, unpack(about)
