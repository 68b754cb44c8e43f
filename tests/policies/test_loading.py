"""Policies by what a person types."""

from __future__ import annotations

from pathlib import Path

import pytest

from hiwm.errors import BadCheckpoint, BadInput
from hiwm.policies.adapter import LeRobotPolicy
from hiwm.policies.loading import load_policy, shipped_policies
from tests.dot_world import DOT_SPEC


def test_a_folder_is_loaded_with_its_own_prompt(policy: Path) -> None:
    loaded = load_policy(str(policy), DOT_SPEC)
    assert isinstance(loaded, LeRobotPolicy)
    assert loaded.prompt == "bring the dot to the goal"
    told = load_policy(str(policy), DOT_SPEC, task_prompt="wait")
    assert isinstance(told, LeRobotPolicy)
    assert told.prompt == "wait"


def test_a_folder_without_a_policy_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadCheckpoint, match=r"expected a LeRobot policy in .* it has no config.json"):
        load_policy(str(tmp_path), DOT_SPEC)


def test_a_published_policy_that_cannot_be_fetched_is_one_line() -> None:
    with pytest.raises(BadInput, match="published policy of that name cannot be fetched") as raised:
        load_policy("nobody/no_such_policy", DOT_SPEC)
    assert "\n" not in str(raised.value)


def test_shipped_policies_are_those_with_a_config(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "config.json").write_text("{}")
    (tmp_path / "empty").mkdir()
    assert shipped_policies(tmp_path) == {"one": tmp_path / "one"}
