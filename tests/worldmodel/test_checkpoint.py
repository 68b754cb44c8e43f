"""A world folder that is missing, broken, foreign or hostile is one clear error."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from hiwm.data.background import usual_pictures
from hiwm.data.windows import Windows
from hiwm.errors import BadCheckpoint
from hiwm.worldmodel.checkpoint import World, load_world, make_net, save_world
from hiwm.worldmodel.fresh import shown_spec
from hiwm.worldmodel.scaling import NumberScale
from tests.worldmodel.conftest import TINY


@pytest.fixture
def folder(windows: Windows, tmp_path: Path) -> Path:
    spec = shown_spec(windows)
    scales = [NumberScale.fit(v) for v in (windows.columns.state_ns, windows.columns.action_na)]
    save_world(
        tmp_path, World(spec, TINY, scales[0], scales[1], usual_pictures(windows), make_net(spec, TINY), {"steps": 1})
    )
    return tmp_path


def _rewrite(folder: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    weights = load_file(folder / "world.safetensors")
    change(weights)
    save_file(weights, folder / "world.safetensors")


def _describe(folder: Path, **changes: object) -> None:
    described = json.loads((folder / "world.json").read_text())
    (folder / "world.json").write_text(json.dumps(described | changes))


def test_a_whole_folder_loads(folder: Path) -> None:
    assert load_world(folder).about == {"steps": 1}


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda f: (f / "world.json").unlink(), "no readable world.json"),
        (lambda f: (f / "world.json").write_text("{"), "not JSON"),
        (lambda f: (f / "world.json").write_text("[1]"), "format None"),
        (lambda f: _describe(f, format=99), "format 99"),
        (lambda f: _describe(f, network={"past": -1, "evil": 1}), "does not describe a world"),
        (lambda f: _describe(f, spec={}), "does not describe a world"),
        (lambda f: (f / "world.safetensors").unlink(), "cannot be read"),
        (lambda f: (f / "world.safetensors").write_bytes(b"x" * 100), "cannot be read"),
        (lambda f: (f / "world.safetensors").write_bytes(pickle.dumps({"a": 1})), "cannot be read"),
        (lambda f: _rewrite(f, lambda w: w.pop("reader.enter.weight")), "1 tensors missing"),
        (lambda f: _rewrite(f, lambda w: w.update(extra=torch.zeros(1))), "1 unknown"),
        (lambda f: _rewrite(f, lambda w: w.update({"reader.enter.bias": torch.zeros(3)})), "1 of another shape"),
        (lambda f: _rewrite(f, lambda w: w["reader.enter.bias"].fill_(float("nan"))), "not finite"),
        (lambda f: _rewrite(f, lambda w: w.pop("usual_picture")), "usual picture"),
    ],
)
def test_anything_else_is_refused(folder: Path, spoil: Callable[[Path], object], says: str) -> None:
    spoil(folder)
    with pytest.raises(BadCheckpoint, match=says):
        load_world(folder)
