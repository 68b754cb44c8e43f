"""Whether success inside a world says what success outside is: Pearson, Spearman, MMRV and per-episode agreement.

Every figure has a cluster bootstrap interval: scenes are drawn as wholes, and policies as wholes (Davison and Hinkley
1997, section 3.8), for rates of one scene or policy say nearly the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import rankdata

from hiwm.errors import BadInput
from hiwm.evaluation.trials import Trial, policies_of
from hiwm.types import Doubles

LEAST_POLICIES = 8
RANGE = (0.1, 0.9)
MOST_OF_LINEAGE = 3
DRAWS = 2000
TINY = 1e-12
"""Product of spreads below which a side does not vary."""


@dataclass(frozen=True, eq=False)
class Grid:
    """Mean success by policy and scene, NaN where there was no trial, inside and outside.

    same_scenes: both were tried in the same scenes, which are then drawn together.
    """

    policies: tuple[str, ...]
    inside_ps: Doubles
    outside_ps: Doubles
    same_scenes: bool

    def rates(self) -> tuple[Doubles, Doubles]:
        """(P,) inside and outside success."""
        return np.nanmean(self.inside_ps, 1), np.nanmean(self.outside_ps, 1)

    def only(self, policies: Sequence[str]) -> Grid:
        """The rows of some policies."""
        rows = [self.policies.index(policy) for policy in policies]
        return Grid(tuple(policies), self.inside_ps[rows], self.outside_ps[rows], self.same_scenes)


def pearson(inside_np: Doubles, outside_np: Doubles) -> Doubles:
    """(..., P) -> (...): linear correlation over policies; NaN for fewer than three, or where a side does not vary."""
    apart = [side - side.mean(-1, keepdims=True) for side in (inside_np, outside_np)]
    spread = np.sqrt((apart[0] ** 2).sum(-1) * (apart[1] ** 2).sum(-1))
    known = (spread > TINY) & (inside_np.shape[-1] > 2)
    return np.asarray(np.divide((apart[0] * apart[1]).sum(-1), spread, out=np.full(spread.shape, np.nan), where=known))


def spearman(inside_np: Doubles, outside_np: Doubles) -> Doubles:
    """The same of ranks, ties at their mean rank."""
    return pearson(rankdata(inside_np, axis=-1), rankdata(outside_np, axis=-1))


def mmrv(inside_np: Doubles, outside_np: Doubles) -> Doubles:
    """(..., P) -> (...): mean maximum rank violation, lower is better (SIMPLER: Li et al. 2024, arXiv 2405.05941).

    For each policy the largest outside gap to a policy that inside ranks on the wrong side of it; then the mean.
    """
    below_in, below_out = (side[..., :, None] < side[..., None, :] for side in (inside_np, outside_np))
    gaps = np.abs(outside_np[..., :, None] - outside_np[..., None, :])
    return np.asarray((gaps * (below_in != below_out)).max(-1).mean(-1))


STATISTICS: dict[str, Callable[[Doubles, Doubles], Doubles]] = {
    "pearson": pearson,
    "spearman": spearman,
    "mmrv": mmrv,
}


def agreement(
    inside: Sequence[Trial], outside: Sequence[Trial], lineage: Mapping[str, str], draws: int = DRAWS
) -> dict[str, Any]:
    """All figures of agreement, JSON-ready; raises BadInput where fewer than two policies are in both.

    lineage: what a policy descends from, by policy; one that is missing counts as its own. The headline figures are
    over the policies chosen by `chosen_policies`; those over all stand beside them.
    """
    grid = _grid(inside, outside)
    chosen, notes = chosen_policies(grid, lineage)
    rates_in, rates_out = grid.rates()
    return {
        "policies": [
            {
                "policy": policy,
                "lineage": lineage.get(policy, policy),
                "inside": float(rates_in[k]),
                "outside": float(rates_out[k]),
                "inside_n": sum(t.policy == policy for t in inside),
                "outside_n": sum(t.policy == policy for t in outside),
                "chosen": policy in chosen,
            }
            for k, policy in enumerate(grid.policies)
        ],
        "rule": f"outside success from {RANGE[0]:.0%} to {RANGE[1]:.0%}, at most {MOST_OF_LINEAGE} of one lineage "
        "(its lowest, middle and highest outside success)",
        "warnings": notes,
        "chosen": _figures(grid.only(chosen), draws) if len(chosen) > 1 else None,
        "all": _figures(grid, draws),
        "progress": _progress_figures(inside, outside, chosen, draws),
        "episodes": _episodes(inside, outside, draws),
        "draws": draws,
    }


def chosen_policies(grid: Grid, lineage: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """The policies that the headline figures are over, and in plain words what is wanting."""
    _, outside = grid.rates()
    rate = dict(zip(grid.policies, (float(r) for r in outside), strict=True))
    fit = [policy for policy in grid.policies if RANGE[0] <= rate[policy] <= RANGE[1]]
    families: dict[str, list[str]] = {}
    for policy in sorted(fit, key=lambda policy: rate[policy]):
        families.setdefault(lineage.get(policy, policy), []).append(policy)
    chosen = {policy for family in families.values() for policy in _spread(family)}
    notes = []
    if len(fit) < len(grid.policies):
        outside_range = [f"{p} ({rate[p]:.0%})" for p in grid.policies if p not in fit]
        notes.append(f"outside success is not between 10 and 90 % for {', '.join(outside_range)}: left out")
    for name, family in families.items():
        if len(family) > MOST_OF_LINEAGE:
            notes.append(f"{len(family)} policies descend from {name}; {MOST_OF_LINEAGE} of them count")
    if len(chosen) < LEAST_POLICIES:
        notes.append(
            f"only {len(chosen)} policies count, at least {LEAST_POLICIES} are needed: read the correlation with care"
        )
    return [policy for policy in grid.policies if policy in chosen], notes


def _spread(family: Sequence[str]) -> list[str]:
    """At most three of a lineage, ordered by outside success: lowest, middle, highest."""
    if len(family) <= MOST_OF_LINEAGE:
        return list(family)
    return [family[k] for k in np.linspace(0, len(family) - 1, MOST_OF_LINEAGE).round().astype(int)]


def _won(trial: Trial) -> float:
    return float(trial.success)


def _progress(trial: Trial) -> float:
    return trial.progress or 0.0


def _grid(inside: Sequence[Trial], outside: Sequence[Trial]) -> Grid:
    policies = [policy for policy in policies_of(outside) if policy in set(policies_of(inside))]
    if len(policies) < 2:
        raise BadInput(
            f"expected at least two policies that are in both, inside are {', '.join(policies_of(inside))}, "
            f"outside {', '.join(policies_of(outside))}; evaluate the same --policy on both sides"
        )
    scenes_in, scenes_out = (sorted({t.scene for t in trials}) for trials in (inside, outside))
    return Grid(
        tuple(policies),
        _means(inside, policies, scenes_in),
        _means(outside, policies, scenes_out),
        scenes_in == scenes_out,
    )


def _means(
    trials: Sequence[Trial], policies: Sequence[str], scenes: Sequence[str], value: Callable[[Trial], float] = _won
) -> Doubles:
    row, column = {p: k for k, p in enumerate(policies)}, {s: k for k, s in enumerate(scenes)}
    sums, tried = np.zeros((len(policies), len(scenes))), np.zeros((len(policies), len(scenes)))
    for trial in trials:
        if trial.policy in row:
            sums[row[trial.policy], column[trial.scene]] += value(trial)
            tried[row[trial.policy], column[trial.scene]] += 1
    return np.divide(sums, tried, out=np.full_like(sums, np.nan), where=tried > 0)


def _figures(grid: Grid, draws: int) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    again = _drawn_rates(grid, draws, rng)
    return {"n": len(grid.policies)} | {
        name: {"value": _known(statistic(*grid.rates())), "interval_95": _interval(statistic(*again))}
        for name, statistic in STATISTICS.items()
    }


def _drawn_rates(grid: Grid, draws: int, rng: np.random.Generator) -> tuple[Doubles, Doubles]:
    """(draws, P) rates of drawn policies over drawn scenes, inside and outside."""
    policies = len(grid.policies)
    weights_ds = _scene_weights(grid.inside_ps.shape[1], draws, rng)
    inside_dp = _rates_of_draws(grid.inside_ps, weights_ds)
    if not grid.same_scenes:
        weights_ds = _scene_weights(grid.outside_ps.shape[1], draws, rng)
    outside_dp = _rates_of_draws(grid.outside_ps, weights_ds)
    rows_dp = rng.integers(0, policies, (draws, policies))
    return np.take_along_axis(inside_dp, rows_dp, 1), np.take_along_axis(outside_dp, rows_dp, 1)


def _scene_weights(scenes: int, draws: int, rng: np.random.Generator) -> Doubles:
    """(draws, scenes) how often each scene is drawn."""
    return rng.multinomial(scenes, np.full(scenes, 1 / scenes), size=draws).astype(float)


def _rates_of_draws(table_ps: Doubles, weights_ds: Doubles) -> Doubles:
    """(draws, P) weighted rates; a policy that was tried in no drawn scene keeps its own rate."""
    tried_ps = ~np.isnan(table_ps)
    sums, counts = weights_ds @ np.nan_to_num(table_ps).T, weights_ds @ tried_ps.T
    own = np.broadcast_to(np.nanmean(table_ps, 1), sums.shape).copy()
    return np.asarray(np.divide(sums, counts, out=own, where=counts > 0))


def _known(value: Doubles) -> float | None:
    return None if np.isnan(value) else float(value)


def _interval(drawn: Sequence[float] | Doubles) -> list[float] | None:
    """The middle 95 % of the draws that could say."""
    known = np.asarray(drawn)[~np.isnan(drawn)]
    return [float(end) for end in np.quantile(known, [0.025, 0.975])] if len(known) else None


def _progress_figures(
    inside: Sequence[Trial], outside: Sequence[Trial], policies: Sequence[str], draws: int
) -> dict[str, Any] | None:
    """The same with inside progress in place of inside success (a yes or no ranks policies worse); None without."""
    known = [trial for trial in inside if trial.policy in policies]
    if len(policies) < 2 or not known or any(trial.progress is None for trial in known):
        return None
    grid = _grid(inside, outside).only(policies)
    progress_ps = _means(inside, policies, sorted({trial.scene for trial in inside}), _progress)
    return _figures(Grid(grid.policies, progress_ps, grid.outside_ps, grid.same_scenes), draws)


def _episodes(inside: Sequence[Trial], outside: Sequence[Trial], draws: int) -> dict[str, Any] | None:
    """Trials of the same policy, scene and number: how often both say the same; None without common ones."""
    said = {(trial.policy, *trial.start): trial.success for trial in inside}
    pairs = [(t.policy, t.scene, t.success, said[key]) for t in outside if (key := (t.policy, *t.start)) in said]
    if not pairs:
        return None
    real, guess = np.array([p[2] for p in pairs]), np.array([p[3] for p in pairs])
    names = [sorted({pair[column] for pair in pairs}) for column in (0, 1)]
    policy_n, scene_n = (np.array([names[c].index(pair[c]) for pair in pairs]) for c in (0, 1))
    rng = np.random.default_rng(0)
    masks = {"agree": np.ones(len(pairs), bool), "of_successes": real, "of_failures": ~real}
    drawn: dict[str, list[float]] = {name: [] for name in masks}
    for _ in range(draws):
        weights = [np.bincount(rng.integers(0, len(n), len(n)), minlength=len(n)) for n in names]
        weight = weights[0][policy_n] * weights[1][scene_n]
        for name, mask in masks.items():
            total = weight[mask].sum()
            if total:
                drawn[name].append(float((weight * (real == guess))[mask].sum() / total))
    return {"n": len(pairs)} | {
        name: {
            "value": float((real == guess)[mask].mean()) if mask.any() else None,
            "interval_95": _interval(drawn[name]),
            "n": int(mask.sum()),
        }
        for name, mask in masks.items()
    }
