"""The model card of a world: what made it, and the benchmark's figures as Markdown."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hiwm.bench.world_clips import Ruler
from hiwm.bench.world_figures import ClipFigures, row
from hiwm.bench.world_films import FIRST
from hiwm.bench.world_success import NO_JUDGE
from hiwm.cli.app import main
from hiwm.errors import BadInput
from hiwm.pipeline.world_card import write_world_card
from hiwm.runfolder import write_json
from hiwm.worldmodel.checkpoint import load_world, save_world
from hiwm.worldmodel.shipped import CARD
from tests.dot_world import DOT_SPEC
from tests.worldmodel.random_world import random_world

STEPS = 3


@pytest.fixture
def world(tmp_path: Path) -> Path:
    save_world(tmp_path / "world", random_world(DOT_SPEC))
    return tmp_path / "world"


def _head(world: Path) -> dict[str, Any]:
    return {"task": "dot", "world": {"folder": "world", "about": load_world(world).about}}


def _clips(world: Path) -> dict[str, Any]:
    """Figures of two clips, as the benchmark makes them."""
    ruler = Ruler((), 0.5, "m")

    def rows(error: float) -> dict[str, Any]:
        t = np.full(STEPS, error)
        clip = ClipFigures(object_t=t, read_t=t, hand_t=t / 2, whole_t=np.ones(STEPS), changed_db_t=20 + t)
        return row([clip, clip], ruler)

    rows_of = {"simulator": rows(0.0), "world": rows(0.05), FIRST: rows(0.1)}
    workspace = {"width": 0.5, "unit": "m"}
    return _head(world) | {
        "steps": STEPS, "workspace": workspace, "kinds": {"demo": rows_of}, "all": rows_of, "left_out": None,
        "success": {"left_out": NO_JUDGE},
    }  # fmt: skip


def test_a_card_says_what_made_the_world_and_how_good_it_is(
    world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clips, speed = tmp_path / "clips.json", tmp_path / "speed.json"
    write_json(clips, _clips(world))
    write_json(speed, _head(world) | {"speed": {"threads": 2, "one_session": 21.0, "batch": 8, "batched_sum": 40.0}})
    commands = ["hiwm collect dot --out DIR", "hiwm train-world DIR --out world"]
    flags = [f for file in (clips, speed) for f in ("--bench", str(file))]
    flags += [f for command in commands for f in ("--command", command)]
    assert main(["world-card", str(world), *flags]) == 0
    card = world / CARD
    assert capsys.readouterr().out.strip() == str(card)
    said = card.read_text()
    assert said.startswith("# A learned world of dot\n")
    assert "```\n" + "\n".join(commands) + "\n```\n" in said
    assert "| dataset | episodes 7, name toys |" in said
    assert "| **demo** (2) |" in said
    assert "| world | 10.0 (10.0..10.0) | 5.0 (5.0..5.0) | 100 | 20.1 (20.1..20.1) |" in said
    assert "| first picture | 20.0 (20.0..20.0) |" in said
    assert "one session, threads 2 | 21.0 |" in said
    assert "## Judge\nNone: " in said
    assert NO_JUDGE in said
    assert "[" not in said  # no marks of the terminal


def test_a_card_without_figures_says_what_is_known(world: Path) -> None:
    said = write_world_card(world, [], []).read_text()
    assert said.startswith("# A learned world of world\n")
    assert "## Figures" not in said
    assert "`observation.images.top` 32 x 32; 3 numbers of state, 2 of action" in said


def test_a_card_lists_what_the_world_went_on_from(world: Path) -> None:
    first = load_world(world)
    about = {"minutes": 5.0, "started_from": first.about | {"started_from": {"minutes": 60.0}}}
    save_world(world, dataclasses.replace(first, about=about))
    said = write_world_card(world, [], []).read_text()
    trainings = said.split("## Training")[1].split("## Judge")[0].split("### Before that")
    assert [part.count("| minutes |") for part in trainings] == [1, "minutes" in first.about, 1]
    assert "| dataset | episodes 7, name toys |" in trainings[1]
    assert "started" not in said


def test_figures_of_something_else_are_refused(world: Path, tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    for data, complaint in (
        ("[1]", "expected figures of hiwm bench world"),
        ("{", "expected figures of hiwm bench world"),
        (json.dumps({"task": "dot", "world": {"about": {"steps": 4}}}), "of another world or task"),
        (json.dumps(_head(world) | {"speed": {}}), "not as this hiwm writes them"),
    ):
        file.write_text(data)
        with pytest.raises(BadInput, match=complaint):
            write_world_card(world, [file], [])
        assert not (world / CARD).exists()
    with pytest.raises(BadInput, match="expected figures of hiwm bench world"):
        write_world_card(world, [tmp_path / "nowhere.json"], [])
