"""The operator of push_t in the simulator itself: it makes a policy's failure good, and hands a block over at rest."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hiwm.operators.desk import Desk, Start
from hiwm.operators.eyes import Glance
from hiwm.operators.habits import Habits
from hiwm.operators.scripted import ScriptedOperator
from hiwm.operators.work import Budget, work
from hiwm.pipeline.stored_values import know_stored_values
from hiwm.policies.simple import simple_policy
from hiwm.rollout import run
from hiwm.session.file import SessionFile
from hiwm.session.phases import Label
from hiwm.session.rows import SessionAbout
from hiwm.session.session import Session
from hiwm.sims.push_t_expert import PushTExpert
from hiwm.sims.script import ExpertDriver, Unsteadiness
from hiwm.sims.task import Setting
from hiwm.sims.tasks import load_task
from hiwm.types import Observation, Scene

SCENE = Scene("push_t", "train", 3)


class BlurredEyes:
    """Where the block is, as an estimator would read it: off by a few millimetres and degrees, and sometimes blind."""

    def __init__(self) -> None:
        self._rng = np.random.default_rng(0)

    def read(self, seen: Sequence[Observation]) -> list[Glance]:
        return [self._glance(moment) for moment in seen]

    def apart_m(self, one: Glance, other: Glance) -> float:
        gap = one.truth_k - other.truth_k
        return float(np.hypot(*gap[:2]) + 0.1 * abs(np.sin(gap[2])))

    def between(self, one: Glance, other: Glance) -> Glance:
        return one

    def _glance(self, seen: Observation) -> Glance:
        off = np.array([0.003, 0.003, 0.04, 0, 0, 0]) * self._rng.normal(size=6)
        return Glance((seen.require_truth() + off).astype(np.float32), bool(self._rng.random() > 0.1))


def test_a_block_that_is_left_alone_is_pushed_home(tmp_path: Path) -> None:
    know_stored_values()
    dynamics = load_task("push_t", Setting(size=16)).open()
    try:
        policy = simple_policy("hold", dynamics.spec)
        [path] = run(policy, dynamics, [SCENE], 8, lambda path: False)
        about = SessionAbout(
            "one", "push_t", "", SCENE.id, dynamics.spec, {"kind": "simulator", "name": "push_t", "hash": ""}, {}, 0
        )
        session = Session(SessionFile.create(tmp_path / "one.hiwm", about))
        session.start(path[0])
        session.record_all(path[1:])
        planner = ExpertDriver(PushTExpert(), Unsteadiness())
        operator = ScriptedOperator("script:push_t", dynamics.spec, planner, BlurredEyes())
        desk = Desk(session, operator, Habits(gain=1.0, steered=200), [Start(2, "stall", 7)])
        work(iter([desk]), operator, policy, dynamics, 1, Budget(None), lambda desk: None)
        [correction] = session.corrections()
        assert correction.outcome is Label.SUCCESS
        assert correction.replaces == 8
        rows = [session.tree.row(node) for node in correction.nodes]
        actions = np.array([row.action for row in rows])
        start = session.node(correction.takeover).observation.state
        assert np.abs(actions[0][:3] - start[:3]).max() < 0.08, "the hand goes on from where it is"
        session.close()
    finally:
        dynamics.close()
