"""Success tables and paired differences against values worked out elsewhere."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from hiwm.errors import BadInput
from hiwm.evaluation.paired import mcnemar_p, paired_difference
from hiwm.evaluation.success import success_table
from hiwm.evaluation.trials import Trial


def trials(policy: str, won: list[int], steps: int | None = None) -> list[Trial]:
    return [Trial(policy, f"s/{k}", 0, bool(w), steps, float(w), "" if w else "stalled") for k, w in enumerate(won)]


def test_a_success_table_has_wilson_intervals_and_failure_kinds() -> None:
    [rate] = success_table(trials("base", [1] * 7 + [0] * 3, steps=80))
    assert (rate.n, rate.successes, rate.rate, rate.steps, rate.progress) == (10, 7, 0.7, 80, 0.7)
    assert rate.interval_95 == pytest.approx((0.3968, 0.8922), abs=1e-4)  # Wilson, n = 10, 7 successes
    assert rate.failures == {"stalled": 3}


def test_a_rate_of_repeated_trials_is_as_sure_as_its_scenes() -> None:
    [alone] = success_table(trials("base", [1, 0] * 10))
    [often] = success_table([Trial("base", f"s/{k % 20}", k // 20, k % 2 == 0) for k in range(200)])
    assert (often.n, often.rate) == (200, alone.rate)
    assert often.interval_95 == pytest.approx((0.5 - 1.96 * 0.5 / 20**0.5, 0.5 + 1.96 * 0.5 / 20**0.5), abs=0.03)


def test_mcnemar_is_exact() -> None:
    assert mcnemar_p(0, 0) == 1.0
    assert mcnemar_p(10, 2) == pytest.approx(binomtest(2, 12).pvalue)
    assert mcnemar_p(1, 8) == pytest.approx(0.0390625)  # 2 * (1 + 9) / 2**9


def test_a_paired_difference_counts_who_won_alone() -> None:
    both = trials("new", [1] * 30 + [1] * 15 + [0] * 5) + trials("old", [1] * 30 + [0] * 15 + [1] * 5)
    found = paired_difference(both, "new", "old")
    assert (found.only_policy, found.only_against, found.n) == (15, 5, 50)
    assert found.value == pytest.approx(0.2)
    error = np.sqrt((20 / 50 - 0.2**2) / 50)  # of a mean of paired differences
    assert found.interval_95 == pytest.approx((0.2 - 1.96 * error, 0.2 + 1.96 * error), abs=0.02)
    assert found.verdict == "better"
    assert paired_difference(both, "old", "new").verdict == "worse"


def test_pairs_are_tighter_than_two_samples() -> None:
    won = [k % 2 for k in range(100)]
    better = [w or k % 10 == 0 for k, w in enumerate(won)]
    low, high = paired_difference(trials("new", better) + trials("old", won), "new", "old").interval_95
    assert high - low < 0.13  # two independent samples of 100 would give 0.27


def test_policies_that_do_the_same_are_unclear_and_not_certain() -> None:
    found = paired_difference(trials("new", [1, 0, 1, 0]) + trials("old", [1, 0, 1, 0]), "new", "old")
    assert (found.value, found.p, found.verdict) == (0, 1, "unclear")
    assert found.interval_95[0] < -0.3
    assert found.interval_95[1] > 0.3


def test_repeated_trials_of_a_scene_are_one_cluster() -> None:
    new = [Trial("new", f"s/{k % 5}", k // 5, k % 5 > 0) for k in range(50)]
    old = [Trial("old", f"s/{k % 5}", k // 5, False) for k in range(50)]
    found = paired_difference([*new, *old], "new", "old")
    assert (found.n, found.scenes) == (50, 5)
    assert found.interval_95[0] < 0.5  # fifty independent pairs would give 0.69


def test_only_common_scenes_count() -> None:
    found = paired_difference(trials("new", [1, 1, 1]) + trials("old", [0, 1]), "new", "old")
    assert found.n == 2
    with pytest.raises(BadInput, match="no scene in common"):
        paired_difference([Trial("new", "a", 0, True), Trial("old", "b", 0, True)], "new", "old")
