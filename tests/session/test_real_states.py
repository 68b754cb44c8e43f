"""What real simulators and worlds hold is stored whole: a replay from the file gives the same bits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hiwm.interfaces import Dynamics
from hiwm.pipeline.dynamics import open_dynamics
from hiwm.pipeline.stored_values import know_stored_values
from hiwm.policies.memory import PolicyMemory
from hiwm.rollout import Node
from hiwm.session.check import verify
from hiwm.session.file import SessionFile
from hiwm.session.phases import Command
from hiwm.session.session import Session
from hiwm.types import Driver, Scene
from tests.session.toy_sessions import ABOUT

SCENE = Scene("push_t", "train", 5)


def stepped(dynamics: Dynamics, node: Node, seed: int) -> Node:
    """By a random action, with a memory that holds what was seen."""
    spec, rng = dynamics.spec, np.random.default_rng(seed)
    action = rng.uniform(spec.action_low_a, spec.action_high_a).astype(np.float32)
    [state], [seen], [reading] = dynamics.step([node.state], [action])
    memory = node.memory.saw(node.observation, 2).planned(rng.random((8, len(action))).astype(np.float32))
    return Node(state, memory, seen, reading, action, Driver.POLICY, node.step + 1)


@pytest.mark.parametrize(("world", "sim"), [("push_t", None), (None, "push_t"), (None, "fold_towel")])
def test_a_replay_from_the_file(tmp_path: Path, world: str | None, sim: str | None) -> None:
    know_stored_values()
    scene = replace(SCENE, task=world or sim or "")
    dynamics = open_dynamics(world, sim, [scene])
    [state], [seen], [reading] = dynamics.reset([scene])
    about = replace(ABOUT, scene=scene.id, spec=dynamics.spec)
    session = Session(SessionFile.create(tmp_path / "a.hiwm", about), cache_bytes=0)
    session.start(Node(state, PolicyMemory.fresh(3, len(dynamics.spec.action)), seen, reading))
    for seed in range(4):
        session.record(stepped(dynamics, session.node(session.head), seed))
    session.command(Command.REWIND, node=1)
    session.command(Command.RESUME)
    session.record(stepped(dynamics, session.node(1), 1))
    twins = [session.node(node).observation for node in (2, 5)]
    assert all(np.array_equal(twins[0].images[name], twins[1].images[name]) for name in twins[0].images)
    assert session.node(4).memory.recent[-1].state.tolist() == session.node(3).observation.state.tolist()
    session.close()
    assert session.file.path.stat().st_size < 6 * 60_000
    replayed = verify(session.file.path, lambda about: dynamics).replayed
    assert replayed is not None
    assert (replayed.steps, replayed.same) == (5, 5)
