"""Each gate rejects what it is for, and says why."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hiwm.corrections.gates import Gates, judge_corrections, mean_jerk, saturation, trust_reasons
from hiwm.corrections.reading import opened
from tests.corrections.corrected import TOY_GATES, corrected_session
from tests.fakes import TOY_SPEC


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One session with two good corrections."""
    return corrected_session(tmp_path_factory.mktemp("sessions"))


def _reasons(path: Path, gates: Gates) -> list[str]:
    with opened(path) as session:
        return [reason for verdict in judge_corrections(session, gates) for reason in verdict.reasons]


def test_good_corrections_pass(path: Path) -> None:
    assert _reasons(path, TOY_GATES) == []


@pytest.mark.parametrize(
    ("gates", "reason"),
    [
        (replace(TOY_GATES, shortest=90), "at least 90"),
        (replace(TOY_GATES, longest=2), "at most 2"),
        (replace(TOY_GATES, least_trust=1.1), "trust falls to 1.00"),
        (replace(TOY_GATES, mean_trust=1.1), "mean trust is 1.00"),
        (replace(TOY_GATES, jerk=-1.0), "jerks"),
        (replace(TOY_GATES, saturated=-1.0), "limit of the robot"),
    ],
)
def test_each_gate_says_why(path: Path, gates: Gates, reason: str) -> None:
    reasons = _reasons(path, gates)
    assert len(reasons) == 2
    assert all(reason in said for said in reasons)


def test_saturation_counts_commands_at_a_limit_of_numbers_that_move() -> None:
    still = np.tile([0.5, 1.0], (10, 1))
    assert saturation(still, TOY_SPEC) == 0
    moving = still.copy()
    moving[:, 0] = np.linspace(0.2, 0.8, 10)
    assert saturation(moving, TOY_SPEC) == 0
    moving[:5, 0] = 0.0
    assert saturation(moving, TOY_SPEC) == pytest.approx(0.5)


def test_jerk_is_small_for_smooth_and_large_for_shaking_hands() -> None:
    steps = np.linspace(0, 1, 30)
    smooth = np.stack([steps, steps**2], 1)
    shaking = smooth + np.random.default_rng(0).normal(size=(30, 2)) * 0.2
    assert mean_jerk(smooth, TOY_SPEC) < 0.01
    assert mean_jerk(shaking, TOY_SPEC) > Gates().jerk  # type: ignore[operator]
    assert mean_jerk(shaking[:3], TOY_SPEC) == 0


def test_unknown_trust_is_not_held_against_anybody() -> None:
    assert list(trust_reasons([None, None], TOY_GATES)) == []
    assert list(trust_reasons([0.05, 0.9], replace(TOY_GATES, mean_trust=None))) == [
        "trust falls to 0.05, at least 0.10 is asked for"
    ]
