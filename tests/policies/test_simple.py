"""Policies without a network."""

from __future__ import annotations

import numpy as np
import pytest

from hiwm.data.columns import read_columns
from hiwm.data.source import Source
from hiwm.errors import BadInput, UnknownName
from hiwm.interfaces import Policy
from hiwm.policies.loading import load_policy
from hiwm.policies.simple import LEG, simple_policy
from hiwm.types import Floats
from tests.dot_world import DOT_SPEC
from tests.policies.made import seen


def _actions(policy: Policy, steps: int, seed: int = 3) -> Floats:
    memories, actions = policy.start([seed]), []
    for _ in range(steps):
        memories, [action] = policy.act(memories, [seen()])
        actions.append(action)
    return np.array(actions)


def test_hold_stays_where_the_robot_is() -> None:
    [action] = _actions(load_policy("hold", DOT_SPEC), 1)
    np.testing.assert_array_equal(action, seen().state[:2])


def test_zero_is_zeros() -> None:
    assert not _actions(load_policy("zero", DOT_SPEC), 2).any()


def test_random_is_smooth_within_the_ranges_and_follows_its_seed() -> None:
    policy = load_policy("random", DOT_SPEC)
    actions = _actions(policy, 4 * LEG)
    assert (actions >= 0).all()
    assert (actions <= 1).all()
    assert np.abs(np.diff(actions, axis=0)).max() < 2 / LEG
    np.testing.assert_array_equal(actions, _actions(policy, 4 * LEG))
    assert not np.allclose(actions, _actions(policy, 4 * LEG, seed=4))


def test_a_replay_gives_an_episode_and_then_its_last_action(source: Source) -> None:
    recorded = read_columns(source).action_na[source.episodes.rows(1)]
    actions = _actions(load_policy(f"replay:{source.folder}:1", DOT_SPEC), len(recorded) + 2)
    np.testing.assert_array_equal(actions[: len(recorded)], recorded)
    np.testing.assert_array_equal(actions[-1], recorded[-1])


@pytest.mark.parametrize(
    ("name", "complaint"), [("replay:nothing", "expected replay:DATASET:EPISODE"), ("nobody", "no policy nobody")]
)
def test_unknown_names_are_said(name: str, complaint: str) -> None:
    with pytest.raises(BadInput, match=complaint):
        load_policy(name, DOT_SPEC)


def test_an_episode_that_is_not_there_is_said(source: Source) -> None:
    with pytest.raises(BadInput, match=r"no episode 99 in .*; it has 0 to 8"):
        load_policy(f"replay:{source.folder}:99", DOT_SPEC)


def test_an_unknown_simple_policy_lists_those_there_are() -> None:
    with pytest.raises(UnknownName, match="hold, random, zero"):
        simple_policy("dance", DOT_SPEC)
