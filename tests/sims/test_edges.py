"""Edge sweeps reach the limits of all numbers, free and in contact."""

import numpy as np

from hiwm.rollout import Node, run
from hiwm.sims.edges import EdgeSweeps
from hiwm.sims.mujoco_dynamics import MujocoDynamics
from hiwm.sims.push_t import PushT
from hiwm.types import Floats, Scene


def test_sweeps_cover_every_range_and_push_the_object() -> None:
    dynamics = MujocoDynamics(PushT(), views=())
    task = dynamics.physics
    sweeps = EdgeSweeps(task.reach, task.home, [(0, 1)])
    scenes = [Scene("push_t", "train", k) for k in range(20)]
    paths = run(sweeps, dynamics, scenes, 200, lambda path: sweeps.finished(path[-1].memory))
    assert all(len(path) == sweeps.steps + 1 for path in paths)
    spec = dynamics.spec
    states = np.stack([node.observation.state for path in paths for node in path])
    span = (spec.action_high_a - spec.action_low_a) * 0.05
    assert (states.min(0) <= spec.action_low_a + span).all()
    assert (states.max(0) >= spec.action_high_a - span).all()
    low = (states[:, [2, 9]] < 0.025).any(1).mean()
    assert 0.15 < low < 0.85, "both near the table and free"
    moved = [np.abs(_truth(path[-1])[:2] - _truth(path[0])[:2]).max() > 0.01 for path in paths]
    assert sum(moved) >= 6


def _truth(node: Node) -> Floats:
    return node.observation.require_truth()
