"""Sessions of the toy world: short ones recorded step by step, and one with a correction."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hiwm.rollout import Node, advance, first_nodes
from hiwm.session.file import SessionFile
from hiwm.session.phases import Command, Label
from hiwm.session.rows import SessionAbout
from hiwm.session.session import Session
from hiwm.session.values import register
from hiwm.sims.task import ScriptMemory
from hiwm.types import Driver, Floats, Kind, Scene
from tests.fakes import TOY_SPEC, ToyDynamics, ToyScript, ToyState

register(ToyState, ScriptMemory)

ABOUT = SessionAbout(
    id="toy-train-1",
    task="toy",
    prompt="bring the dot to the goal",
    scene="toy/train/1",
    spec=TOY_SPEC,
    dynamics={"kind": "simulator", "name": "toy", "hash": "0"},
    policy={"name": "script", "hash": "1"},
    created=1.0,
)
POLICY = ToyScript(Kind.FAILURE)
DYNAMICS = ToyDynamics()


class Clock:
    """Every look is a second later."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


def new_session(folder: Path, name: str = "a.hiwm", cache_bytes: int = 2**24) -> Session:
    """A session with its first node alone."""
    session = Session(SessionFile.create(folder / name, ABOUT), cache_bytes, Clock())
    session.start(first_node())
    return session


def first_node(number: int = 1) -> Node:
    [node] = first_nodes(POLICY, DYNAMICS, [Scene("toy", "train", number)])
    return node


def stepped(node: Node, action: Floats | None = None) -> Node:
    [after] = advance(POLICY, DYNAMICS, [node], [action])
    return after


def drive(session: Session, steps: int, action: Floats | None = None, device: str = "") -> list[int]:
    """Records steps of the policy, or of a scripted operator's action; gives their ids."""
    driver = None if action is None else Driver.SCRIPT
    return [session.record(stepped(session.node(session.head), action), driver, device=device) for _ in range(steps)]


def corrected_session(folder: Path, name: str = "a.hiwm") -> Session:
    """Nodes 0-10 by the policy; from 6 an operator steers 11-14, the policy goes on with 15-17, and it succeeds."""
    session = new_session(folder, name)
    drive(session, 10)
    session.command(Command.MARK, label=Label.FAILURE, operator="ann")
    session.command(Command.REWIND, node=6, operator="ann")
    session.command(Command.TAKE_OVER, operator="ann", device="keys", reason="it goes away from the goal")
    drive(session, 4, session.node(6).observation.require_truth(), "keys")
    session.command(Command.HAND_BACK, operator="ann")
    drive(session, 3)
    session.command(Command.MARK, label=Label.SUCCESS, operator="ann")
    return session


def same_node(one: Node, other: Node) -> bool:
    """Equal to the last bit, pictures and states included."""
    pictures = all(
        np.array_equal(picture, other.observation.images[name]) for name, picture in one.observation.images.items()
    )
    states = all(np.array_equal(getattr(one.state, n), getattr(other.state, n)) for n in ("dot", "goal", "speed"))
    actions = (one.action is None) == (other.action is None) and np.array_equal(
        np.asarray(one.action), np.asarray(other.action)
    )
    rest = (one.reading, one.step, one.driver, one.memory) == (other.reading, other.step, other.driver, other.memory)
    return pictures and states and actions and rest and np.array_equal(one.observation.state, other.observation.state)
