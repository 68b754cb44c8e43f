"""What is handed on is half as large and acts nearly the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hiwm.errors import BadInput
from hiwm.policies.loading import load_policy
from hiwm.policies.shipping import ship_policy
from tests.dot_world import DOT_SPEC
from tests.policies.made import seen


def test_a_copy_is_smaller_and_acts_nearly_the_same(policy: Path, tmp_path: Path) -> None:
    size = ship_policy(policy, tmp_path / "copy")
    assert size < 0.7 * sum(path.stat().st_size for path in policy.rglob("*") if path.is_file())
    actions = []
    for folder in (policy, tmp_path / "copy"):
        loaded = load_policy(str(folder), DOT_SPEC)
        actions.append(loaded.act(loaded.start([3]), [seen()])[1][0])
    np.testing.assert_allclose(actions[0], actions[1], atol=0.05)


def test_nothing_is_written_over(policy: Path) -> None:
    with pytest.raises(BadInput, match="exists already"):
        ship_policy(policy, policy)
