"""Whether actions make as much difference in a world as in the simulator: pairs of action sequences from one state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from hiwm.bench.world_clips import Clip
from hiwm.bench.world_figures import stacked
from hiwm.bench.world_films import stepped, world_state
from hiwm.bench.world_intervals import clustered_figure
from hiwm.bench.world_parts import BATCH, Bench
from hiwm.interfaces import Dynamics
from hiwm.spec import RobotSpec
from hiwm.types import Doubles, Floats

PAIRS, STATES = 200, 20
SPAN = 16
"""Steps of a sequence."""
OFFSETS = (0.02, 0.06, 0.2)
"""Of each number's range: standard deviations by which the script's own actions are led astray by the end."""
BLEND = 4
"""Steps in which the command goes over to what another script does."""

type Sequences = list[list[Floats]]


def action_figures(bench: Bench, clips: Sequence[Clip]) -> dict[str, Any]:
    """Spearman's correlation of picture distances in the world and in the simulator, over PAIRS pairs of sequences.

    The pairs come from up to STATES states, the clips' first ones, and both sequences of a pair from one state. A
    distance is the root mean square over all pixels of the last pictures (over_path: mean over all steps). Intervals
    are over states.
    """
    chosen = _spread(clips, STATES)
    each = int(np.ceil(PAIRS / len(chosen)))
    rng = np.random.default_rng([bench.plan.seed, 4])
    rows: list[tuple[Doubles, ...]] = []
    with bench.bar("action sensitivity", len(chosen)) as advance:
        for clip in chosen:
            sequences = action_sequences(bench.world.spec, clip, clips, rng)
            pairs = _pairs(len(sequences), each, rng)
            world = _distances(bench, bench.world, world_state(bench.world, clip, bench.plan.seed), sequences, pairs)
            true = _distances(bench, bench.dynamics, clip.first.state, sequences, pairs)
            rows.append((*world, *true))
            advance()
    return {
        "spearman": clustered_figure(spearman, [(row[0], row[2]) for row in rows]),
        "spearman_over_path": clustered_figure(spearman, [(row[1], row[3]) for row in rows]),
        "spearman_within_states": clustered_figure(_mean, [_within(row[0], row[2]) for row in rows]),
        "steps": min(SPAN, bench.plan.steps),
        "states": [{"scene": c.scene.id, "kind": str(c.kind), "step": c.first.step} for c in chosen],
    }


def action_sequences(spec: RobotSpec, clip: Clip, clips: Sequence[Clip], rng: np.random.Generator) -> Sequences:
    """BATCH sequences from a clip's first state: its own actions, no motion, its own led astray, and other clips'.

    Led astray is a random offset that grows evenly to its full size; other clips' actions begin where the command is.
    """
    own = np.stack(clip.actions[:SPAN]).astype(np.float64)
    low, high = spec.action_low_a, spec.action_high_a
    grown = np.linspace(0, 1, len(own) + 1)[1:, None]
    over = np.minimum(1.0, np.arange(1, len(own) + 1) / BLEND)[:, None]
    made = [own, np.repeat(own[:1], len(own), 0)]
    made += [own + grown * rng.normal(size=own.shape[1]) * size * (high - low) for size in OFFSETS]
    strangers = [other for other in clips if other is not clip] or [clip]
    for k in rng.integers(0, len(strangers), BATCH - len(made)):
        theirs = np.stack(strangers[k].actions[: len(own)])
        made.append(own[:1] + over * (theirs - own[:1]))
    return [list(np.clip(actions, low, high).astype(np.float32)) for actions in made]


def spearman(a_n: Doubles, b_n: Doubles) -> float | None:
    """Spearman's rank correlation; None where one of them does not vary."""
    if len(a_n) < 2 or np.ptp(a_n) == 0 or np.ptp(b_n) == 0:
        return None
    return float(np.corrcoef(rankdata(a_n), rankdata(b_n))[0, 1])


def _spread(clips: Sequence[Clip], wanted: int) -> list[Clip]:
    """Evenly from all clips, which stand kind by kind."""
    at = np.unique(np.linspace(0, len(clips) - 1, min(wanted, len(clips))).round().astype(int))
    return [clips[k] for k in at]


def _pairs(count: int, wanted: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """(P, 2) different pairs of so many sequences, in random order."""
    every = np.stack(np.triu_indices(count, 1), 1)
    return np.asarray(rng.permutation(every)[:wanted], np.int64)


def _distances(
    bench: Bench, dynamics: Dynamics, state: Any, sequences: Sequences, pairs_p2: NDArray[np.int64]
) -> tuple[Doubles, Doubles]:
    """(P,) distance of the pairs' last pictures in grey levels, and its mean over all steps."""
    steps: list[Doubles] = []
    for step in stepped(dynamics, [state] * len(sequences), sequences):
        pictures = stacked([seen.images for _, seen, _ in step], bench.cameras).astype(np.float32)
        gaps = [np.sqrt(np.mean((pictures[a] - pictures[b]) ** 2, dtype=np.float64)) for a, b in pairs_p2]
        steps.append(np.array(gaps, np.float64))
    return steps[-1], np.mean(steps, axis=0)


def _within(world_p: Doubles, true_p: Doubles) -> tuple[Doubles]:
    """One state's own correlation, as a column of one row, or of none."""
    value = spearman(world_p, true_p)
    return (np.array([] if value is None else [value], np.float64),)


def _mean(values: Doubles) -> float | None:
    return float(values.mean()) if len(values) else None
