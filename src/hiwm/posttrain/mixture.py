"""Several datasets drawn together in fixed shares, with a few episodes of each kept out to watch."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from hiwm.data.windows import Indices, kept_out
from hiwm.errors import BadInput
from hiwm.posttrain.examples import Examples

WATCHED = 256
"""Windows of kept-out episodes that are looked at."""
HELD_SHARE = 0.02


@dataclass(frozen=True, eq=False)
class Mixture:
    """Parts with the share that each has in every batch. held: raw batches of kept-out episodes, by name."""

    parts: tuple[Examples, ...]
    shares: tuple[float, ...]
    held: Mapping[str, dict[str, Any]]

    def draw(self, count: int, rng: np.random.Generator) -> dict[str, Any]:
        """A raw LeRobot batch of `count` windows: the shares hold in every batch, not only on average."""
        ends = np.floor(np.cumsum(self.shares) / sum(self.shares) * count + rng.random()).astype(int)
        ends[-1] = count
        counts = np.diff(np.concatenate([[0], np.minimum(ends, count)]))
        return joined([part.draw(n, rng) for part, n in zip(self.parts, counts.tolist(), strict=True) if n])


def plain_mixture(examples: Examples, seed: int = 0) -> Mixture:
    """One dataset, a fiftieth of its episodes kept out."""
    train, held = split(examples, seed)
    return Mixture((train,), (1.0,), {"held out": held})


def split(examples: Examples, seed: int) -> tuple[Examples, dict[str, Any]]:
    """The examples without a few episodes, and a batch of those."""
    episodes = examples.windows.source.episodes
    if episodes.count < 4:
        raise BadInput(
            f"expected at least 4 episodes to train on, {examples.windows.source.folder} has {episodes.count}; "
            "record more"
        )
    episode = np.searchsorted(episodes.start_e, examples.index, side="right") - 1
    present = np.unique(episode)
    apart = present[np.unique(kept_out(examples.windows, HELD_SHARE) * len(present) // episodes.count)]
    out = np.isin(episode, apart)
    rest = dataclasses.replace(examples, index=examples.index[~out], weight=examples.weight[~out])
    held: Indices = examples.index[out]
    chosen = np.random.default_rng(seed).choice(held, min(WATCHED, len(held)), replace=False)
    return rest, examples.batch(np.sort(chosen))


def joined(batches: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Raw batches as one."""
    if len(batches) == 1:
        return batches[0]
    return {
        name: [task for batch in batches for task in batch[name]]
        if name == "task"
        else torch.cat([batch[name] for batch in batches])
        for name in batches[0]
    }
