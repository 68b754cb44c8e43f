"""The process that owns dynamics and policy: the server asks it for first nodes and for steps of many sessions at once.

Started by the server as `python -m hiwm.pipeline.model_worker FD MODULE:FUNCTION SETTINGS`; ends when the server does.
"""

from __future__ import annotations

import importlib
import json
import os
import select
import socket
import sys
import traceback
import zlib
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hiwm.errors import BadInput, HiwmError
from hiwm.interfaces import Dynamics, Policy
from hiwm.rollout import Node, advance, first_nodes
from hiwm.server.model_wire import pack, receive
from hiwm.types import Driver, Floats, Observation, Picture, Reading, Scene

LEAST_TRUST = 0.5
"""Of an uploaded picture."""
KEPT_NODES = 512
"""Nodes that are held here, so that a step needs no more than their number."""


@dataclass(frozen=True)
class Errand:
    """What shall be done in a scene, and after how many steps time is up."""

    prompt: str
    max_steps: int


@dataclass(frozen=True)
class Models:
    """What a worker serves.

    dynamics, policy: what steps and what decides. prepare: is called with a scene before it is first reset to, and says
    what shall be done there. about: kind, name and hash of both, as session files keep them. begin: dynamics' state,
    observation and reading of a new scene that begins with a picture, None where the dynamics cannot.
    """

    dynamics: Dynamics
    policy: Policy
    prepare: Callable[[Scene], Errand]
    about: Mapping[str, Mapping[str, str]]
    begin: Callable[[Picture], tuple[Any, Observation, Reading]] | None = None


class Foresight:
    """The policy, with what it would decide next worked out in idle time.

    A memory and its decision are kept by identity: nodes here are values that nobody edits.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._known: OrderedDict[int, tuple[Any, Any, Floats]] = OrderedDict()

    @property
    def driver(self) -> Driver:
        """The policy's."""
        return self._policy.driver

    def start(self, seeds: Sequence[int]) -> list[Any]:
        """The policy's."""
        return self._policy.start(seeds)

    def watch(self, memories: Sequence[Any], observations: Sequence[Observation]) -> list[Any]:
        """The policy's."""
        return self._policy.watch(memories, observations)

    def act(self, memories: Sequence[Any], observations: Sequence[Observation]) -> tuple[list[Any], list[Floats]]:
        """Decides what was not decided ahead, in one batch."""
        new = [i for i, memory in enumerate(memories) if not self.knows(memory)]
        if new:
            self.look_ahead([memories[i] for i in new], [observations[i] for i in new])
        found = [self._known.pop(id(memory)) for memory in memories]
        return [memory for _, memory, _ in found], [action for _, _, action in found]

    def knows(self, memory: Any) -> bool:
        """True once the decision is there."""
        return id(memory) in self._known

    def look_ahead(self, memories: Sequence[Any], observations: Sequence[Observation]) -> None:
        """Decides ahead, in one batch."""
        after, actions = self._policy.act(memories, observations)
        for memory, new, action in zip(memories, after, actions, strict=True):
            self._known[id(memory)] = (memory, new, action)  # holding the memory keeps its id its own
        while len(self._known) > KEPT_NODES:
            self._known.popitem(last=False)


class Worker:
    """Answers requests, one after the other, and looks ahead for the policy while there are none."""

    def __init__(self, models: Models) -> None:
        self.models, self._policy = models, Foresight(models.policy)
        self._nodes: OrderedDict[int, Node] = OrderedDict()
        self._ahead: list[Node] = []

    def ready(self) -> dict[str, Any]:
        """The first message: what is served."""
        about = {part: dict(values) for part, values in self.models.about.items()}
        return {"id": 0, "spec": json.dumps(self.models.dynamics.spec.to_json()), "about": about}

    def answer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to a request; what is refused is answered with `error`, a sentence."""
        try:
            return {"id": request["id"], **self._handlers()[request["kind"]](request)}
        except HiwmError as error:
            return {"id": request["id"], "error": str(error)}
        except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError) as error:
            traceback.print_exc()
            return {"id": request["id"], "error": f"the model failed on this step ({type(error).__name__}: {error})"}

    def look_ahead(self) -> bool:
        """Works out one decision that is likely to be asked for; False when there is none."""
        while self._ahead:
            node = self._ahead.pop()
            if not self._policy.knows(node.memory):
                self._policy.look_ahead([node.memory], [node.observation])
                return True
        return False

    def _handlers(self) -> dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]]:
        return {"first": self._first, "advance": self._advance, "picture": self._picture}

    def _first(self, request: Mapping[str, Any]) -> dict[str, Any]:
        scene = Scene.parse(request["scene"])
        errand = self.models.prepare(scene)
        [node] = first_nodes(self._policy, self.models.dynamics, [scene])
        self._keep(request["token"], node)
        self._ahead = [node]
        return {"node": node, "prompt": errand.prompt, "max_steps": errand.max_steps}

    def _advance(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Steps the items (token, node or None, action or None, new token) in one batch, or names unknown tokens."""
        items = request["items"]
        for item in items:
            if item["node"] is not None:
                self._keep(item["token"], item["node"])
        if missing := [item["token"] for item in items if item["token"] not in self._nodes]:
            return {"missing": missing}
        before = [self._nodes[item["token"]] for item in items]
        after = advance(self._policy, self.models.dynamics, before, [item["action"] for item in items])
        for item, node in zip(items, after, strict=True):
            self._keep(item["new_token"], node)
        self._ahead = [node for node in after if node.driver is not Driver.PERSON]
        return {"nodes": after}

    def _picture(self, request: Mapping[str, Any]) -> dict[str, Any]:
        if self.models.begin is None:
            raise BadInput(
                "a session can begin with a picture only in a learned world, with an estimator that reads the robot "
                "state; take one of the scenes"
            )
        state, seen, reading = self.models.begin(request["picture"])
        if reading.trust is not None and reading.trust < LEAST_TRUST:
            raise BadInput(
                f"the world does not trust this picture (trust {reading.trust:.2f}, at least {LEAST_TRUST} is needed): "
                "it shows something that the world has not learned; take one like those of its dataset"
            )
        errand = self.models.prepare(Scene.parse(f"{request['scenes']}/0"))
        [memory] = self._policy.start([zlib.crc32(request["picture"].tobytes())])
        node = Node(state, memory, seen, reading)
        self._keep(request["token"], node)
        return {"node": node, "prompt": errand.prompt, "max_steps": errand.max_steps}

    def _keep(self, token: int, node: Node) -> None:
        self._nodes[token] = node
        self._nodes.move_to_end(token)
        while len(self._nodes) > KEPT_NODES:
            self._nodes.popitem(last=False)


def serve(link: socket.socket, worker: Worker) -> None:
    """Answers until the server is gone."""
    link.sendall(pack(worker.ready()))
    while True:
        while not select.select([link], [], [], 0)[0] and worker.look_ahead():
            pass
        request = receive(link)
        if request is None:
            return
        link.sendall(pack(worker.answer(request)))


def load_models(factory: str, settings: Mapping[str, Any]) -> Models:
    """What `module:function` makes of the settings."""
    module, _, function = factory.partition(":")
    models: Models = getattr(importlib.import_module(module), function)(settings)
    return models


def main(arguments: Sequence[str]) -> int:
    """Loads the models, then answers; a model that cannot be loaded is told to the server, and is the end."""
    descriptor, factory, settings = arguments
    with socket.socket(fileno=int(descriptor)) as link:
        try:
            worker = Worker(load_models(factory, json.loads(settings)))
        except HiwmError as error:
            link.sendall(pack({"id": 0, "error": str(error)}))
            return os.EX_CONFIG
        try:
            serve(link, worker)
        except (ConnectionError, KeyboardInterrupt):
            pass  # the server is gone
        finally:
            worker.models.dynamics.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
