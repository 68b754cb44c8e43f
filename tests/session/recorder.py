"""A process that records a session until it is killed; one server process forks one for each line that it is given.

A line is "FILE FIRST": record messages FIRST, FIRST + 1 ... of client "seat". What is printed: "pid N" when it begins,
and "saved SEQ" after each message, once `record` has returned.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NoReturn

import numpy as np

from hiwm.rollout import Node
from hiwm.session.file import SessionFile
from hiwm.session.phases import Command, Phase
from hiwm.session.rows import SessionAbout
from hiwm.session.session import Session
from hiwm.spec import CameraSpec, NumberSpec, RobotSpec
from hiwm.types import Driver, Observation, Reading

CAMERA = "observation.images.top"
NUMBER = (NumberSpec("x", "m", 0, 1),)
ABOUT = SessionAbout(
    id="killed",
    task="count",
    prompt="count on",
    scene="count/train/0",
    spec=RobotSpec("counter", 10, (CameraSpec(CAMERA, 48, 48),), NUMBER, NUMBER),
    dynamics={"kind": "simulator", "name": "count", "hash": ""},
    policy={"name": "count", "hash": ""},
    created=0.0,
)


def node_of(seq: int, step: int) -> Node:
    """The step that message `seq` leads to; everything in it follows from `seq`."""
    rng = np.random.default_rng(seq)
    number = np.array([seq], np.float32)
    seen = Observation({CAMERA: rng.integers(0, 255, (48, 48, 3), np.uint8)}, number)
    return Node((seq, seen.images[CAMERA]), seq, seen, Reading(0.5, False, 1.0), number, Driver.PERSON, step)


def record(path: Path, first: int) -> NoReturn:
    """Records until it is killed; every tenth message it also rewinds and takes over again."""
    session = Session(SessionFile.open(path))
    seq = first
    while True:
        if session.phase is not Phase.STEERING:
            session.command(Command.TAKE_OVER)
        session.record(node_of(seq, session.node(session.head).step + 1), client="seat", seq=seq)
        os.write(1, f"saved {seq}\n".encode())
        if seq % 10 == 0:
            session.command(Command.REWIND, node=max(0, session.head - 5), client="seat", seq=seq)
        seq += 1


def serve() -> None:
    """Forks a recorder for each line, and waits for its end."""
    for line in sys.stdin:
        path, first = line.split()
        child = os.fork()
        if child == 0:
            os.write(1, f"pid {os.getpid()}\n".encode())
            record(Path(path), int(first))
        os.waitpid(child, 0)
        os.write(1, b"ended\n")


if __name__ == "__main__":
    serve()
