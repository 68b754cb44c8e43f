"""Fits a world's trust on rollouts of episodes that were kept out of its training."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from hiwm.data.windows import Indices, Windows, kept_out
from hiwm.types import Doubles, Observation
from hiwm.worldmodel.checkpoint import World
from hiwm.worldmodel.learned import LearnedWorld, WorldState
from hiwm.worldmodel.trust import RIGHT, Trust, apart, fitted

BATCH = 16


@dataclass(frozen=True)
class TrustTraining:
    """starts: rollouts that trust is fitted on; steps: their length, or to the end of the episode."""

    starts: int = 64
    steps: int = 96
    seed: int = 0


def fit_trust(world: World, windows: Windows, training: TrustTraining) -> Trust:
    """Rolls out kept-out episodes from frames of theirs, and asks at which steps the object is where it really is.

    Where it is, the world's own reader says: of its own picture, and of the real one at that step.
    """
    learned = LearnedWorld(world, {})
    rng = np.random.default_rng(training.seed)
    starts = _starts(windows, training, rng)
    parts = [
        _rolled(learned, windows, starts[k : k + BATCH], training.steps) for k in range(0, len(starts), BATCH)
    ]  # fmt: skip
    numbers, right = (np.concatenate(some) for some in zip(*parts, strict=True))
    weights, bias = fitted(numbers, right)
    about = {"rollouts": len(starts), "steps": training.steps, "n": len(right), "right": float(right.mean())}
    return Trust(tuple(weights.tolist()), bias, about)


def _starts(windows: Windows, training: TrustTraining, rng: np.random.Generator) -> Indices:
    """First frames in kept-out episodes, each with at least one frame after it."""
    apart_e, episodes = kept_out(windows), windows.source.episodes
    chosen = rng.permutation(np.resize(apart_e, training.starts))
    room = np.maximum(episodes.length_e[chosen] - training.steps // 2, 1)
    return np.asarray(episodes.start_e[chosen] + rng.integers(0, room))


def _rolled(learned: LearnedWorld, windows: Windows, start_b: Indices, steps: int) -> tuple[Doubles, Doubles]:
    """What the traces say (N, K), and whether the object was right (N,), over all steps of some rollouts."""
    episodes = windows.source.episodes
    end_b = (episodes.start_e + episodes.length_e)[np.searchsorted(episodes.start_e, start_b, side="right") - 1]
    states = [learned.state_of(_moment(windows, int(i)), seed=int(i)) for i in start_b]
    numbers, right = [], []
    for k, going in _going(start_b, end_b, steps):
        actions = [windows.columns.action_na[start_b[i] + k] for i in going]
        after, _, _ = learned.step([states[i] for i in going], actions)
        real = [learned.state_of(_moment(windows, int(start_b[i]) + k + 1), 0) for i in going]
        error = apart(_codes(after), _codes(real), learned.world.network.points)
        numbers += [state.trace.numbers() for state in after]
        right += (error < RIGHT).double().tolist()
        for i, state in zip(going, after, strict=True):
            states[i] = state
    return np.stack(numbers), np.array(right)


def _going(start_b: Indices, end_b: Indices, steps: int) -> Iterator[tuple[int, list[int]]]:
    """At each step, which rollouts have a frame after it."""
    for k in range(steps):
        going = np.flatnonzero(start_b + k + 1 < end_b).tolist()
        if not going:
            return
        yield k, going


def _codes(states: list[WorldState]) -> torch.Tensor:
    return torch.from_numpy(np.stack([state.codes_kd[-1] for state in states]))


def _moment(windows: Windows, index: int) -> Observation:
    images = {name: frames.pictures_nhwc[index] for name, frames in windows.frames.items()}
    return Observation(images, windows.columns.state_ns[index])
