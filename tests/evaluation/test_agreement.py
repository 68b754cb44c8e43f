"""Agreement inside and outside: known values, intervals that cover, and plain words about what is wanting."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from scipy import stats

from hiwm.errors import BadInput
from hiwm.evaluation.agreement import agreement, mmrv, pearson, spearman
from hiwm.evaluation.trials import Trial


def made(rates: Sequence[float], scenes: int = 60, seed: int = 0) -> list[Trial]:
    """Trials of policies of these true rates; a scene is as hard for all."""
    hard = np.random.default_rng(seed).random(scenes)
    return [
        Trial(f"p{k}", f"s/{n}", 0, bool(hard[n] < rate), progress=float(rate))
        for k, rate in enumerate(rates)
        for n in range(scenes)
    ]


RATES = [0.2, 0.275, 0.35, 0.425, 0.5, 0.575, 0.65, 0.725, 0.8]


def test_statistics_have_known_values() -> None:
    x, y = np.array([0.1, 0.4, 0.4, 0.9]), np.array([0.2, 0.3, 0.6, 0.5])
    assert pearson(x, y) == pytest.approx(stats.pearsonr(x, y).statistic)
    assert spearman(x, y) == pytest.approx(stats.spearmanr(x, y).statistic)
    assert np.isnan(pearson(x, np.ones(4)))
    assert pearson(np.stack([x, y]), np.stack([y, y])) == pytest.approx([float(pearson(x, y)), 1])


def test_mmrv_is_the_mean_of_the_worst_wrong_order() -> None:
    outside = np.array([0.2, 0.5, 0.9])
    assert mmrv(outside, outside) == 0
    assert mmrv(np.array([0.5, 0.2, 0.9]), outside) == pytest.approx((0.3 + 0.3 + 0) / 3)
    assert mmrv(outside[::-1], outside) == pytest.approx((0.7 + 0.4 + 0.7) / 3)


def test_the_same_trials_agree_fully() -> None:
    found = agreement(made(RATES), made(RATES), {})
    assert found["warnings"] == []
    assert found["chosen"]["n"] == 9
    assert found["chosen"]["pearson"]["value"] == pytest.approx(1)
    assert found["chosen"]["pearson"]["interval_95"] == pytest.approx([1, 1])
    assert found["chosen"]["mmrv"]["value"] == 0
    assert found["episodes"]["agree"] == {"value": 1, "interval_95": [1, 1], "n": 540}


def test_intervals_widen_with_noise_and_hold_the_value() -> None:
    found = agreement(made(RATES, seed=1), made([RATES[k] for k in (2, 1, 0, 4, 3, 6, 5, 8, 7)], seed=2), {})
    low, high = found["chosen"]["pearson"]["interval_95"]
    assert low < found["chosen"]["pearson"]["value"] < high
    assert high - low > 0.05
    assert 0.4 < found["episodes"]["of_failures"]["value"] < 0.9
    assert found["progress"]["spearman"]["value"] < 1


def test_too_few_policies_extreme_rates_and_one_lineage_are_told() -> None:
    rates = [0.02, 0.3, 0.4, 0.5, 0.6, 0.7]
    found = agreement(made(rates), made(rates), {f"p{k}": "one" for k in range(1, 6)})
    assert [row["policy"] for row in found["policies"] if row["chosen"]] == ["p1", "p3", "p5"]
    said = " | ".join(found["warnings"])
    assert "not between 10 and 90 % for p0 (" in said
    assert "5 policies descend from one; 3 of them count" in said
    assert "only 3 policies count, at least 8 are needed" in said


def test_other_scenes_outside_are_drawn_apart() -> None:
    outside = [Trial(t.policy, "real/" + t.scene, 0, t.success) for t in made(RATES, scenes=30, seed=3)]
    found = agreement(made(RATES), outside, {})
    assert found["episodes"] is None
    assert found["chosen"]["pearson"]["value"] > 0.9


def test_a_policy_that_is_only_on_one_side_is_left_out() -> None:
    with pytest.raises(BadInput, match="expected at least two policies that are in both"):
        agreement([Trial("a", "s", 0, True)], [Trial("b", "s", 0, True)], {})
