"""A live session: the one door through which the server and scripted operators record steps and give commands."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hiwm.errors import BadInput, BadSession, NotAllowed
from hiwm.rollout import Node
from hiwm.session.cache import Recent
from hiwm.session.corrections import Correction, find_corrections
from hiwm.session.file import SessionFile
from hiwm.session.phases import Command, Label, Phase, next_phase
from hiwm.session.rows import EventRow, NodeRow, SessionAbout, StoredNode
from hiwm.session.standing import labels_of, standing_marks, standing_of
from hiwm.session.tree import Tree
from hiwm.session.values import size_bytes
from hiwm.types import Driver

CACHE_BYTES = 256 * 2**20


@dataclass(frozen=True)
class _Asked:
    """Who asked for something, with which device, and by which message of which client."""

    operator: str = ""
    device: str = ""
    client: str = ""
    seq: int | None = None


class Session:
    """One session. What it shows follows from the file alone, so opening the file again gives the same session.

    Every change is on disk before it is seen here; where the disk refuses (OutOfSpace), nothing has changed. Not for
    several threads at once.
    """

    def __init__(
        self, file: SessionFile, cache_bytes: int = CACHE_BYTES, clock: Callable[[], float] = time.time
    ) -> None:
        self.file, self._clock = file, clock
        self._cache: Recent[int, Node] = Recent(cache_bytes)
        self.events = file.events()
        self.tree = Tree(file.rows())
        try:
            self._standing = standing_of(self.tree.rows, self.events)
            self.labels = labels_of(self.events)
        except (ValueError, KeyError) as error:
            raise BadSession(
                f"{file.path} tells a story that cannot be ({error}); take a copy that is whole"
            ) from error
        self._nodes_asked = {(row.client, row.seq): row.id for row in self.tree.rows if row.seq is not None}
        self._events_asked = {(event.client, event.seq): event.id for event in self.events if event.seq is not None}

    @property
    def about(self) -> SessionAbout:
        """What the session is about."""
        return self.file.about

    @property
    def phase(self) -> Phase:
        """Who holds the controls."""
        return self._standing.phase

    @property
    def head(self) -> int:
        """The node that the next one comes after; raises NotAllowed before the first."""
        if self._standing.head is None:
            raise NotAllowed("the session has no first node yet; start it")
        return self._standing.head

    @property
    def may_step(self) -> bool:
        """Whether `record` would take a step now: not while holding (but for single steps), nor when done."""
        phase = self._standing.phase
        return phase in (Phase.WATCHING, Phase.STEERING) or self._standing.single_steps > 0

    def start(self, node: Node) -> int:
        """Records the first node, and returns its id; raises NotAllowed where there is one."""
        if self._standing.head is not None:
            raise NotAllowed("the session has started already; record the next step")
        return self._append_nodes([node], None, None, _Asked())[0]

    def record(
        self,
        node: Node,
        driver: Driver | None = None,
        operator: str = "",
        device: str = "",
        client: str = "",
        seq: int | None = None,
        after: int | None = None,
    ) -> int:
        """Records a node that was stepped from the head, and returns its id when it is on disk; it becomes the head.

        driver: by default the node's own. client, seq: the message that asked for it; a message that was heard before
        changes nothing and gives the node it gave then. after: the node it was stepped from, where the head may have
        moved meanwhile. Raises NotAllowed while no step may come, and where it was stepped from another node.
        """
        if seq is not None and (known := self.heard(client, seq)) is not None:
            return known
        return self._record([node], driver, _Asked(operator, device, client, seq), after)[0]

    def record_all(
        self, nodes: Sequence[Node], driver: Driver | None = None, operator: str = "", device: str = ""
    ) -> list[int]:
        """Records nodes that follow each other in one transaction; all of them or none."""
        return self._record(nodes, driver, _Asked(operator, device), None)

    def heard(self, client: str, seq: int) -> int | None:
        """The node that this message has given already, None where it was not heard yet."""
        return self._nodes_asked.get((client, seq))

    def command(
        self,
        command: Command,
        *,
        node: int | None = None,
        label: Label | None = None,
        reason: str = "",
        operator: str = "",
        device: str = "",
        client: str = "",
        seq: int | None = None,
    ) -> None:
        """Does what an operator asks; a message that was heard before changes nothing.

        node: where to go (REWIND needs one, BRANCH takes the head), or what is labelled (MARK; by default the head).
        label: how the attempt that ends there went (MARK). Raises NotAllowed where the phase does not take it, BadInput
        where something is missing.
        """
        if (client, seq) in self._events_asked:
            return
        next_phase(self.phase, command)
        data: dict[str, Any] = {name: text for name, text in (("reason", reason), ("device", device)) if text}
        if command is Command.MARK:
            if label is None:
                raise BadInput(f"expected a label to mark with, one of {', '.join(Label)}, got none")
            data["label"] = label.value
        if command is Command.UNDO:
            data["undoes"] = self._last_mark().id
        self._append_event(command, self._place(command, node), data, _Asked(operator, device, client, seq))

    def note(self, kind: str, data: Mapping[str, Any], operator: str = "") -> None:
        """Records an event of another kind than commands, for example a lease; `data` is JSON-ready."""
        if kind in list(Command):
            raise BadInput(f"{kind} is a command, give it as one; notes are of other kinds")
        self._append_event(kind, None, data, _Asked(operator))

    def node(self, node_id: int) -> Node:
        """A whole node, from memory or from the file; raises BadInput where there is none."""
        held = self._cache.get(node_id)
        if held is None:
            held = self.file.node(node_id).node
            self._cache.put(node_id, held, size_bytes(held))
        return held

    def path(self, node_id: int) -> list[int]:
        """The nodes from the first one to this one."""
        self._require(node_id)
        return self.tree.path(node_id)

    def corrections(self) -> list[Correction]:
        """What was steered, one for each takeover."""
        return find_corrections(self.about.id, self.tree, self.events, self.labels)

    def close(self) -> None:
        """Closes the file."""
        self.file.close()

    def _place(self, command: Command, node: int | None) -> int | None:
        if command is Command.REWIND and node is None:
            raise BadInput("expected a node to rewind to, got none")
        if node is not None:
            self._require(node)
            return node
        return self.head

    def _require(self, node: int) -> None:
        if node not in self.tree:
            raise BadInput(f"the session has nodes 0 to {len(self.tree) - 1}, got {node}")

    def _last_mark(self) -> EventRow:
        marks = standing_marks(self.events)
        if not marks:
            raise NotAllowed("there is no label to undo")
        return marks[-1]

    def _append_event(self, kind: str, node: int | None, data: Mapping[str, Any], asked: _Asked) -> None:
        place = (len(self.events), len(self.tree) - 1, kind, self._clock(), node)
        _, [event] = self.file.append([], [EventRow(*place, asked.operator, asked.client, asked.seq, data)])
        self.events.append(event)
        self._standing = self._standing.after_event(event)
        self.labels = labels_of(self.events)
        if event.seq is not None:
            self._events_asked[event.client, event.seq] = event.id

    def _record(self, nodes: Sequence[Node], driver: Driver | None, asked: _Asked, after: int | None) -> list[int]:
        head = self.head
        if not self.may_step:
            raise NotAllowed(f"a session that is {self.phase} takes no step; resume or take over first")
        if after is not None and after != head:
            raise NotAllowed(f"the step was made from node {after}, the session is at {head} now; step from there")
        for step, node in enumerate(nodes, start=self.tree.row(head).step + 1):
            if node.step != step or node.action is None or (driver or node.driver) is None:
                raise BadInput(
                    f"expected step {step} with its action and driver, got step {node.step}; advance makes it"
                )
        return self._append_nodes(nodes, head, driver, asked)

    def _append_nodes(
        self, nodes: Sequence[Node], parent: int | None, driver: Driver | None, asked: _Asked
    ) -> list[int]:
        first = len(self.tree)
        parents = [parent, *range(first, first + len(nodes) - 1)]
        stored = [
            StoredNode(self._row(first + i, parents[i], node, driver, asked), node) for i, node in enumerate(nodes)
        ]
        rows, _ = self.file.append(stored)
        for row, node in zip(rows, nodes, strict=True):
            self.tree.add(row)
            kept = replace(node, driver=row.driver, reading=row.reading, action=row.action)  # as the file gives it back
            self._cache.put(row.id, kept, size_bytes(kept))
            if row.seq is not None:
                self._nodes_asked[row.client, row.seq] = row.id
        self._standing = self._standing.after_nodes(rows)
        return [row.id for row in rows]

    def _row(self, number: int, parent: int | None, node: Node, driver: Driver | None, asked: _Asked) -> NodeRow:
        self.about.spec.check_observation(node.observation)
        return NodeRow(
            id=number,
            parent=parent,
            step=node.step,
            driver=driver or node.driver,
            action=None if node.action is None else self.about.spec.check_action(node.action),
            reading=node.reading,
            time=self._clock(),
            operator=asked.operator,
            device=asked.device,
            client=asked.client,
            seq=asked.seq,
            takeover=self._standing.takeover,
        )
