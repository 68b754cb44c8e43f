"""Serves a policy over openpi's WebSocket protocol, for openpi's own client and for hiwm's."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock, Thread

import numpy as np
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import Server, ServerConnection, serve

from hiwm.errors import BadInput, HiwmError
from hiwm.interfaces import Policy
from hiwm.policies.features import STATE
from hiwm.policies.memory import PolicyMemory
from hiwm.policies.openpi_wire import pack, unpack
from hiwm.spec import RobotSpec
from hiwm.types import Floats, Observation


class PolicyServer:
    """Answers each observation with a chunk of actions.

    A client that follows a chunk sends nothing meanwhile, so that its observations do not follow one another: each is
    answered as the first of an episode, with a seed of its own.
    """

    def __init__(self, policy: Policy, spec: RobotSpec, seed: int = 0) -> None:
        self.policy, self.spec = policy, spec
        self._seeds, self._lock = np.random.default_rng(seed), Lock()

    def talk(self, connection: ServerConnection) -> None:
        """One client, until it goes."""
        connection.send(pack({"robot": self.spec.robot_type, "fps": self.spec.fps}))
        try:
            for message in connection:
                connection.send(self._answer(message))
        except ConnectionClosed:
            return

    def _answer(self, message: str | bytes) -> str | bytes:
        """A chunk, or text that says what was wrong; the protocol has no other way to fail."""
        try:
            with self._lock:
                return pack({"actions": self._plan(self._observation(message))})
        except HiwmError as error:
            return str(error)
        except (ValueError, TypeError, RuntimeError):
            return traceback.format_exc()

    def _observation(self, message: str | bytes) -> Observation:
        sent = unpack(message) if isinstance(message, bytes) else None
        missing = [name for name in (STATE, *(c.name for c in self.spec.cameras)) if not sent or name not in sent]
        if sent is None or missing:
            raise BadInput(f"expected an observation with {', '.join(missing)}; send all of the robot's features")
        images = {camera.name: np.asarray(sent[camera.name], np.uint8) for camera in self.spec.cameras}
        seen = Observation(images, np.asarray(sent[STATE], np.float32))
        self.spec.check_observation(seen)
        return seen

    def _plan(self, seen: Observation) -> Floats:
        [memory], [action] = self.policy.act(self.policy.start([int(self._seeds.integers(2**31))]), [seen])
        ahead = memory.ahead_ta if isinstance(memory, PolicyMemory) else np.zeros((0, len(action)), np.float32)
        return np.concatenate([action[None], ahead])


def serve_policy(policy: Policy, spec: RobotSpec, host: str, port: int) -> None:
    """Serves a policy until it is interrupted; raises BadInput where the port is taken."""
    try:
        server = serve(PolicyServer(policy, spec).talk, host, port, compression=None, max_size=None)
    except OSError as error:
        raise BadInput(f"cannot serve at {host}:{port} ({error}); give another --port") from error
    with server:
        server.serve_forever()


@contextmanager
def serving(policy: Policy, spec: RobotSpec, host: str = "127.0.0.1", port: int = 0) -> Iterator[int]:
    """Serves a policy in a thread while inside; gives the port (0 takes a free one)."""
    with serving_with(PolicyServer(policy, spec).talk, host, port) as taken:
        yield taken


@contextmanager
def serving_with(talk: Callable[[ServerConnection], None], host: str = "127.0.0.1", port: int = 0) -> Iterator[int]:
    """Talks to every client in a thread of its own while inside; gives the port."""
    server: Server = serve(talk, host, port, compression=None, max_size=None)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield int(server.socket.getsockname()[1])
    finally:
        server.shutdown()
        thread.join()
