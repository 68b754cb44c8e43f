"""Checks a session file: every hash, every value, and by replay that the same actions give the same steps."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hiwm.errors import BadSession
from hiwm.interfaces import Dynamics
from hiwm.rollout import Node
from hiwm.session.file import SessionFile
from hiwm.session.rows import SessionAbout, event_hash, node_hash
from hiwm.session.standing import standing_of


@dataclass(frozen=True)
class Replayed:
    """How a replay compares with what is stored: steps taken, those with the same bits in pictures and robot state, and
    the largest differences (of pixels, 0..255, and of the robot state in its units).
    """

    steps: int
    same: int
    pixels: int
    state: float

    def line(self) -> str:
        """For a person."""
        if self.same == self.steps:
            return f"replayed {self.steps} steps, all the same to the last bit"
        return (
            f"replayed {self.steps} steps, {self.same} the same to the last bit; "
            f"largest difference {self.pixels} of 255 in a pixel, {self.state:.3g} in the robot state"
        )


@dataclass(frozen=True)
class Checked:
    """What a sound session file holds; `hash` stands for all of it."""

    nodes: int
    events: int
    hash: str
    replayed: Replayed | None = None

    def line(self) -> str:
        """For a person."""
        parts = [f"{self.nodes} nodes and {self.events} events are as they were written, hash {self.hash[:16]}"]
        return "; ".join([*parts, self.replayed.line()] if self.replayed else parts)


def verify(path: Path, open_dynamics: Callable[[SessionAbout], Dynamics] | None = None) -> Checked:
    """Checks hashes, values and the story of a file; with dynamics, replays every step from its stored parent.

    Steps are replayed one by one, as live sessions make them; those of batched rollouts may differ in the last bits.
    Raises BadSession at the first thing that is not as it was written, BadInput where a class is not registered.
    """
    with closing(SessionFile.open(path, read_only=True, sealed=open_dynamics is None)) as file:
        _check_hashes(file)
        try:
            standing_of(file.rows(), file.events())
        except ValueError as error:
            raise BadSession(f"{path} tells a story that cannot be: {error}") from error
        replayed = None
        if open_dynamics is not None:
            with closing(open_dynamics(file.about)) as dynamics:
                replayed = replay(file, dynamics)
        return Checked(len(file.rows()), len(file.events()), _hash_of_all(file), replayed)


def _hash_of_all(file: SessionFile) -> str:
    hashes = [row.hash for row in file.rows()] + [event.hash for event in file.events()]
    return hashlib.sha256(b"".join([file.about.hash(), *hashes])).hexdigest()


def _check_hashes(file: SessionFile) -> None:
    rows = file.rows()
    for row in rows:
        before = file.about.hash() if row.parent is None else rows[row.parent].hash
        if node_hash(row, file.value_bytes(row.id), before) != row.hash:
            raise BadSession(f"{file.path}: node {row.id} is not as it was written; take a copy that is whole")
        file.node(row.id)
    before = file.about.hash()
    for event in file.events():
        if event_hash(event, before) != event.hash:
            raise BadSession(f"{file.path}: event {event.id} is not as it was written; take a copy that is whole")
        before = event.hash


def replay(file: SessionFile, dynamics: Dynamics) -> Replayed:
    """Takes every step again from its stored parent."""
    same, pixels, state, steps = 0, 0, 0.0, 0
    for row in file.rows():
        if row.parent is None:
            continue
        stored = file.node(row.id).node
        pixel, number = _difference(dynamics, file.node(row.parent).node, stored)
        steps += 1
        same += pixel == 0 and number == 0
        pixels, state = max(pixels, pixel), max(state, number)
    return Replayed(steps, same, pixels, state)


def _difference(dynamics: Dynamics, before: Node, stored: Node) -> tuple[int, float]:
    if stored.action is None:
        raise BadSession(f"step {stored.step} has no action; only the first node may have none")
    _, [seen], _ = dynamics.step([before.state], [stored.action])
    pixel = max(_largest(seen.images[name], picture) for name, picture in stored.observation.images.items())
    return int(pixel), _largest(seen.state, stored.observation.state)


def _largest(one: np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> float:
    return float(np.abs(one.astype(np.float64) - other.astype(np.float64)).max(initial=0.0))
