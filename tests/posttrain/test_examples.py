"""What a policy learns from: windows as LeRobot gives them, hands kept apart, ends masked, an eye that reads once."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hiwm.data.source import Source
from hiwm.errors import BadInput
from hiwm.policies.eye import EyeStep, open_eye
from hiwm.policies.features import ACTION, ENVIRONMENT, STATE, inputs_of
from hiwm.posttrain import examples as module
from hiwm.posttrain.examples import Examples, open_examples
from hiwm.posttrain.fresh import fresh_config
from hiwm.types import Floats
from tests.policies.made import SMALL


@pytest.fixture
def read(source: Source, estimator: Path) -> Examples:
    eye = open_eye(estimator)
    return open_examples(source, fresh_config("diffusion", source.spec, eye, SMALL, "cpu"), eye, ("demo",))


def test_a_batch_holds_numbers_only(read: Examples, source: Source) -> None:
    assert read.eye is not None
    batch = read.batch(np.array([0, 5]))
    assert {name: tuple(value.shape) for name, value in batch.items() if name != "task"} == {
        STATE: (2, 2, 3),
        ENVIRONMENT: (2, 2, read.eye.width),
        ACTION: (2, 16, 2),
        f"{ACTION}_is_pad": (2, 16),
    }
    assert batch["task"] == ["bring the dot to the goal"] * 2
    assert all(torch.isfinite(batch[name]).all() for name in (STATE, ENVIRONMENT, ACTION))


def test_only_the_kinds_asked_for_are_learned_from(read: Examples, source: Source) -> None:
    kind = read.windows.columns.kind
    assert kind is not None
    assert {kind.at(int(index)) for index in read.index} == {"demo"}
    with pytest.raises(BadInput, match="expected episodes of kind ghost"):
        module._frames_of(read.windows, ("ghost",))


def test_an_eye_reads_every_frame_once(
    source: Source, estimator: Path, hiwm_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    reading = EyeStep.read

    def counted(self: EyeStep, *given: Any) -> Floats:
        calls.append(1)
        return reading(self, *given)

    monkeypatch.setattr(EyeStep, "read", counted)
    eye = open_eye(estimator)
    config = fresh_config("diffusion", source.spec, eye, SMALL, "cpu")
    first = open_examples(source, config, eye)
    again = open_examples(source, config, eye)
    assert len(calls) == 1
    assert first.read_ne is not None
    assert again.read_ne is not None
    np.testing.assert_array_equal(first.read_ne, again.read_ne)


def test_a_chunk_does_not_run_from_the_policy_into_a_person(read: Examples) -> None:
    rows = read.windows.source.episodes.rows(0)
    hand = np.zeros(len(read.windows), np.int64)
    hand[rows.start + 6 :] = 1
    taken = dataclasses.replace(read, hand_n=hand).batch(np.array([rows.start + 3, rows.start + 6]))
    # The chunk begins one frame before its index: -1, 0, 1, 2 of frame 3 are frames 2, 3, 4, 5.
    before, after = taken[f"{ACTION}_is_pad"].numpy()
    assert before.tolist() == [False] * 4 + [True] * 12
    assert not after[1:8].any()
    held = taken[ACTION][0, 4:]
    assert torch.equal(held, taken[ACTION][0, 3].expand_as(held))


def test_frames_are_drawn_by_weight(read: Examples) -> None:
    weight = np.zeros(len(read.index))
    weight[4] = 1
    batch = dataclasses.replace(read, weight=weight).draw(5, np.random.default_rng(0))
    expected = read.batch(read.index[[4]])
    assert torch.equal(batch[STATE], expected[STATE].expand(5, -1, -1))


def test_a_policy_that_looks_itself_gets_pictures(source: Source) -> None:
    config = fresh_config("act", source.spec, None, {"chunk_size": 4, "n_action_steps": 4}, "cpu")
    batch = open_examples(source, config, None).batch(np.array([0, 5]))
    assert batch["observation.images.top"].shape == (2, 3, 32, 32)
    assert batch["observation.images.top"].max() <= 1
    assert batch[ACTION].shape == (2, 4, 2)


def test_corrections_say_who_steered_and_what_counts(tmp_path: Path) -> None:
    """Frames 0..5 the policy's, 6..11 a person's at full trust, 12.. at little trust."""
    from hiwm.data.episode import Lineage
    from hiwm.data.features import lerobot_features
    from hiwm.data.source import open_source
    from hiwm.data.writer import write_dataset
    from hiwm.types import Kind
    from tests.dot_world import DOT_NAMES, DOT_SPEC, _episode

    episode = _episode(Kind.DEMO, 0)
    person = np.arange(episode.length) >= 6
    trust = np.where(np.arange(episode.length) < 12, 1.0, 0.5).astype(np.float32)
    zeros = np.zeros(episode.length, np.int64)
    corrected = dataclasses.replace(episode, lineage=Lineage(person, zeros, zeros, trust, "session"))
    columns = lerobot_features(DOT_SPEC, DOT_NAMES, lineage=True)
    write_dataset([corrected] * 4, DOT_SPEC, tmp_path / "made", "toy", DOT_NAMES, columns)
    source = open_source(tmp_path / "made")
    config = fresh_config("act", source.spec, None, {"chunk_size": 4, "n_action_steps": 4}, "cpu")
    examples = open_examples(source, config, None, policy_weight=0.25)
    np.testing.assert_allclose(examples.weight[:20], [0.25] * 6 + [1.0] * 6 + [0.5] * (episode.length - 12))
    masked = examples.batch(np.array([4]))[f"{ACTION}_is_pad"]
    assert masked.tolist() == [[False, False, True, True]]
    assert set(inputs_of(config)) == {"observation.images.top", STATE}  # and none of the columns beside them
