"""Fits a world's trust on rollouts of episodes that were kept out of its training.

Where the object is, nobody tells: the world's own pictures do. What it shows and what it reads in the real picture are
painted with the same robot; what differs then is the object, and how much an object differs from itself 5 % of the
picture away is seen by shifting it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from hiwm.data.windows import Indices, Windows, kept_out
from hiwm.types import Doubles, Floats, Observation
from hiwm.worldmodel.checkpoint import World
from hiwm.worldmodel.learned import LearnedWorld
from hiwm.worldmodel.pictures import unusual
from hiwm.worldmodel.trust import Trust, fitted

BATCH = 16
RIGHT = 0.05
"""Error, as share of the picture's width, within which an object is in its place."""
OVERLAP = 0.6
"""Of the difference that an object makes with itself RIGHT away in x or y: what still counts as its place. With it, as
many steps on `push_t` are right as by the simulator's truth (58 %); turns and bends differ more than they move."""
ALWAYS = 0.95
"""Share of paintings with the robot at home that differ from the usual picture where the robot is."""


@dataclass(frozen=True)
class TrustTraining:
    """starts: rollouts that trust is fitted on; steps: their length, or to the end of the episode."""

    starts: int = 64
    steps: int = 96
    seed: int = 0


class Comparison:
    """Says where two codes show the object in the same place. home: a robot state, in which the robot hides little."""

    def __init__(self, learned: LearnedWorld, home_s: Floats, examples_nd: Floats) -> None:
        self.learned, self.home_s = learned, home_s
        self.robot_1hw = self._painted(examples_nd).mean(0) > ALWAYS

    def right(self, shown_bd: Floats, real_bd: Floats) -> Doubles:
        """(B,) 1 where the object that is shown overlaps the real one like that one itself a little off; see OVERLAP.

        An object that is not painted at all is in no right place.
        """
        shown, real = (self._objects(codes) for codes in (shown_bd, real_bd))
        away = round(RIGHT * real.shape[-1])
        shifts = [(axis, sign * away) for axis in (-2, -1) for sign in (-1, 1)]
        allowed = sum((real ^ real.roll(shift, axis)).sum((1, 2, 3)) for axis, shift in shifts) / len(shifts)
        same = ((shown ^ real).sum((1, 2, 3)) < OVERLAP * allowed) & shown.any(3).any(2).any(1)
        return np.asarray(same.double().numpy())

    def _objects(self, codes_bd: Floats) -> Tensor:
        return (self._painted(codes_bd) > 0) & ~self.robot_1hw

    def _painted(self, codes_bd: Floats) -> Tensor:
        """(B, 1, H, W) 1 where a code, painted with the robot at home, differs from the usual picture."""
        pictures, usual = self.learned.painted(codes_bd, np.repeat(self.home_s[None], len(codes_bd), 0))
        return unusual(pictures, usual)


def fit_trust(world: World, windows: Windows, training: TrustTraining) -> Trust:
    """Rolls out kept-out episodes from frames of theirs, and asks at which steps the object is where it really is."""
    learned = LearnedWorld(world, {})
    rng = np.random.default_rng(training.seed)
    starts = _starts(windows, training, rng)
    examples = learned.codes_of([_moment(windows, int(i)) for i in starts])
    home = windows.columns.state_ns[windows.source.episodes.start_e[0]]
    comparison = Comparison(learned, home, examples)
    parts = [
        _rolled(learned, windows, starts[k : k + BATCH], training.steps, comparison)
        for k in range(0, len(starts), BATCH)
    ]
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


def _rolled(
    learned: LearnedWorld, windows: Windows, start_b: Indices, steps: int, comparison: Comparison
) -> tuple[Doubles, Doubles]:
    """What the traces say (N, K), and whether the object was right (N,), over all steps of some rollouts."""
    episodes = windows.source.episodes
    end_b = (episodes.start_e + episodes.length_e)[np.searchsorted(episodes.start_e, start_b, side="right") - 1]
    states = [learned.state_of(_moment(windows, int(i)), seed=int(i)) for i in start_b]
    numbers, right = [], []
    for k, going in _going(start_b, end_b, steps):
        actions = [windows.columns.action_na[start_b[i] + k] for i in going]
        after, _, readings = learned.step([states[i] for i in going], actions)
        made = np.stack([state.codes_kd[-1] for state in after])
        real = learned.codes_of([_moment(windows, int(start_b[i]) + k + 1) for i in going])
        numbers += [state.trace.numbers(read.progress or 0.0) for state, read in zip(after, readings, strict=True)]
        right += comparison.right(made, real).tolist()
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


def _moment(windows: Windows, index: int) -> Observation:
    images = {name: frames.pictures_nhwc[index] for name, frames in windows.frames.items()}
    return Observation(images, windows.columns.state_ns[index])
