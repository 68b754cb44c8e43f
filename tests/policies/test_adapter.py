"""LeRobot's own classes as hiwm policies: memory as a value, batches, seeds, branches, and what does not fit."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from hiwm.data.source import Source
from hiwm.errors import SpecMismatch
from hiwm.policies.adapter import LeRobotPolicy
from hiwm.policies.checkpoint import load_checkpoint
from hiwm.posttrain.fresh import fresh_policy
from hiwm.rollout import advance, first_nodes
from hiwm.types import Scene
from tests.dot_world import DOT_SPEC, DotDynamics
from tests.policies.made import SMALL, SMALL_ACT, saved, seen


@pytest.fixture(scope="module")
def loaded(policy: Path) -> LeRobotPolicy:
    torch.set_num_threads(1)
    return LeRobotPolicy(load_checkpoint(policy), DOT_SPEC)


def test_a_plan_is_followed_and_then_made_anew(loaded: LeRobotPolicy) -> None:
    [memory] = loaded.start([7])
    ahead = []
    for _ in range(9):
        [memory], [action] = loaded.act([memory], [seen()])
        assert action.shape == (2,)
        assert np.isfinite(action).all()
        ahead.append(len(memory.ahead_ta))
    assert ahead == [7, 6, 5, 4, 3, 2, 1, 0, 7]
    assert memory.steps == 9
    assert len(memory.recent) == 2


def test_the_same_memory_gives_the_same_actions_and_another_seed_others(loaded: LeRobotPolicy) -> None:
    first, again, other = loaded.start([7, 7, 8])
    _, [one] = loaded.act([first], [seen()])
    torch.randn(5)
    _, [two] = loaded.act([again], [seen()])
    _, [three] = loaded.act([other], [seen()])
    assert np.array_equal(one, two)
    assert not np.allclose(one, three)


def test_a_batch_plans_what_each_would_plan_alone(loaded: LeRobotPolicy) -> None:
    observations = [seen(number) for number in range(4)]
    _, together = loaded.act(loaded.start(range(4)), observations)
    alone = [loaded.act(loaded.start([n]), [observation])[1][0] for n, observation in enumerate(observations)]
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_watching_drops_the_plan_and_remembers_what_was_seen(loaded: LeRobotPolicy) -> None:
    memories, _ = loaded.act(loaded.start([7]), [seen(0)])
    [watched] = loaded.watch(memories, [seen(1)])
    assert len(watched.ahead_ta) == 0
    assert len(memories[0].ahead_ta) == 7
    assert np.array_equal(watched.recent[-1].state, seen(1).state)


def test_it_drives_a_dynamics_through_the_one_primitive(loaded: LeRobotPolicy) -> None:
    dynamics = DotDynamics()
    nodes = first_nodes(loaded, dynamics, [Scene("toy", "eval", n) for n in range(3)])
    nodes = advance(loaded, dynamics, nodes, [None, np.array([0.5, 0.5], np.float32), None])
    assert [len(node.memory.ahead_ta) for node in nodes] == [7, 0, 7]


@pytest.mark.parametrize(("name", "settings"), [("diffusion", SMALL | {"resize_shape": (16, 16)}), ("act", SMALL_ACT)])
def test_policies_that_look_themselves_run_and_reload(
    name: str, settings: dict[str, object], source: Source, tmp_path: Path
) -> None:
    made = fresh_policy(name, source, None, settings)
    before = LeRobotPolicy(dataclasses.replace(made, policy=made.policy.eval()), DOT_SPEC, "go")
    after = LeRobotPolicy(load_checkpoint(saved(tmp_path / name, made, source)), DOT_SPEC, "go")
    _, one = before.act(before.start([1, 2]), [seen(0), seen(1)])
    _, two = after.act(after.start([1, 2]), [seen(0), seen(1)])
    np.testing.assert_allclose(one, two, atol=1e-6)


def test_a_policy_of_other_actions_is_refused(policy: Path) -> None:
    spec = dataclasses.replace(DOT_SPEC, action=(*DOT_SPEC.action, DOT_SPEC.state[2]))
    with pytest.raises(SpecMismatch, match="the policy's action is 2 numbers") as raised:
        LeRobotPolicy(load_checkpoint(policy), spec)
    assert "\n" not in str(raised.value)


def test_a_policy_of_other_cameras_is_refused(policy: Path) -> None:
    small = dataclasses.replace(DOT_SPEC.cameras[0], height=16)
    with pytest.raises(SpecMismatch, match=r"looks at observation\.images\.top of"):
        LeRobotPolicy(load_checkpoint(policy), dataclasses.replace(DOT_SPEC, cameras=(small,)))
