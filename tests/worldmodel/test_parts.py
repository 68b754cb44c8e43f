"""A world that goes on from another one: which of its parts learn, and which stay as they are."""

import dataclasses
from pathlib import Path

import pytest
import torch
from torch import nn

from hiwm.data.source import open_source
from hiwm.data.windows import Offsets, open_windows
from hiwm.errors import BadInput
from hiwm.perception.network import EstimatorConfig
from hiwm.perception.training import EstimatorTraining, train_estimator
from hiwm.pipeline.train_world import Part, WorldRecipe, train_world
from hiwm.worldmodel.checkpoint import World, load_world, make_net, save_world
from hiwm.worldmodel.fresh import fresh_world
from hiwm.worldmodel.judge import JudgeConfig
from hiwm.worldmodel.judge_training import JudgeTraining
from tests.dot_world import dot_dataset
from tests.fakes import toy_dataset
from tests.worldmodel.conftest import SHORT, TINY

RECIPE = WorldRecipe(TINY, SHORT, JudgeConfig(widths=(8, 8, 8), blocks=(1, 1), kept=4, hidden=16, embed=16),
                     JudgeTraining(batch=8, own_steps=2, branches=2, store=32))  # fmt: skip
MINUTES = 0.05


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("toy") / "dataset"
    toy_dataset(folder, each=3)
    return folder


@pytest.fixture(scope="module")
def first(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("first") / "world"
    return train_world(open_source(dataset), out, MINUTES, RECIPE, "cpu", (32, 32))


def changed(one: World, other: World) -> set[str]:
    """The networks whose weights differ."""
    assert one.judge is not None
    assert other.judge is not None
    pairs = [(name, net, other.net.get_submodule(name)) for name, net in one.net.named_children()]
    pairs.append(("judge", one.judge.net, other.judge.net))
    return {
        name
        for name, net, its in pairs
        if any(not torch.equal(a, b) for a, b in zip(net.parameters(), its.parameters(), strict=True))
    }


@pytest.mark.parametrize(
    ("only", "learns"),
    [([Part.JUDGE], {"judge"}), ([Part.MOTION], {"state", "motion"}), ([Part.TRUST], set())],
)
def test_only_the_named_parts_learn(
    only: list[Part], learns: set[str], dataset: Path, first: Path, tmp_path: Path
) -> None:
    before = load_world(first)
    out = train_world(
        open_source(dataset), tmp_path / "world", MINUTES, RECIPE, "cpu", (32, 32), start=first, only=only
    )
    assert changed(before, load_world(out)) == learns


def test_parts_are_of_a_world_that_is_there(dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="give --start"):
        train_world(open_source(dataset), tmp_path / "world", MINUTES, RECIPE, "cpu", (32, 32), only=[Part.JUDGE])


def test_pictures_alone_are_for_worlds_whose_codes_stay(dataset: Path, first: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="give --only pictures motion"):
        train_world(
            open_source(dataset), tmp_path / "w", MINUTES, RECIPE, "cpu", (32, 32), start=first, only=[Part.PICTURES]
        )


def test_a_world_with_an_eye_can_learn_to_paint_alone_and_is_given_sprites_of_the_robot(tmp_path: Path) -> None:
    dot_dataset(tmp_path / "dots", each=4)
    source = open_source(tmp_path / "dots")
    dots = open_windows(source, Offsets.span(TINY.past - 1, 0), show=False)
    reads = EstimatorConfig(widths=(16, 16, 16), points=4, hidden=32)
    estimator = train_estimator(dots, reads, EstimatorTraining(steps=20), 600, lambda share, said: None)
    fresh = fresh_world(dots, TINY, estimator)
    network = dataclasses.replace(fresh.network, robot_sprites=0)
    net = make_net(fresh.spec, network, fresh.eye, fresh.states)
    save_world(tmp_path / "first", dataclasses.replace(fresh, network=network, net=net))
    before = load_world(tmp_path / "first")
    out = train_world(
        source, tmp_path / "world", MINUTES, RECIPE, "cpu", start=tmp_path / "first", only=[Part.PICTURES]
    )
    after = load_world(out)
    for name in ("reader", "state", "motion"):
        assert _alike(before.net.get_submodule(name), after.net.get_submodule(name)), name
    assert not torch.equal(before.net.painter.paint.weight, after.net.painter.paint.weight)
    assert (before.network.robot_sprites, after.network.robot_sprites) == (0, 2)
    assert torch.equal(before.net.motion.stride, after.net.motion.stride)


def _alike(one: nn.Module, other: nn.Module) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))
