"""Shares hold in every batch; a few episodes stay out."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hiwm.data.source import Source
from hiwm.errors import BadInput
from hiwm.policies.eye import open_eye
from hiwm.posttrain.examples import Examples, open_examples
from hiwm.posttrain.fresh import fresh_config
from hiwm.posttrain.mixture import Mixture, plain_mixture, split
from tests.policies.made import SMALL


@pytest.fixture(scope="module")
def examples(source: Source, estimator: Path) -> Examples:
    eye = open_eye(estimator)
    return open_examples(source, fresh_config("diffusion", source.spec, eye, SMALL, "cpu"), eye)


def test_shares_hold_in_every_batch(examples: Examples, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int] = []
    draw = Examples.draw

    def counted(self: Examples, count: int, rng: np.random.Generator) -> dict[str, Any]:
        drawn.append(count)
        return draw(self, count, rng)

    monkeypatch.setattr(Examples, "draw", counted)
    batch = Mixture((examples, examples), (0.75, 0.25), {}).draw(16, np.random.default_rng(0))
    assert sum(drawn) == 16
    assert drawn[0] in (12, 13)
    assert len(batch["task"]) == len(batch["action"]) == 16


def test_the_held_out_episodes_are_not_drawn(examples: Examples) -> None:
    train, held = split(examples, 0)
    episode = np.searchsorted(examples.windows.source.episodes.start_e, train.index, side="right") - 1
    assert 0 < len(np.unique(episode)) < examples.windows.source.episodes.count
    assert len(held["action"]) == len(examples.index) - len(train.index)
    assert list(plain_mixture(examples).held) == ["held out"]


def test_too_few_episodes_are_refused(examples: Examples) -> None:
    episodes = dataclasses.replace(
        examples.windows.source.episodes, length_e=np.array([20]), start_e=np.array([0], np.int64)
    )
    windows = dataclasses.replace(
        examples.windows, source=dataclasses.replace(examples.windows.source, episodes=episodes)
    )
    with pytest.raises(BadInput, match="expected at least 4 episodes"):
        split(dataclasses.replace(examples, windows=windows), 0)
