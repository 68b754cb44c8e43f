"""An estimator's folder: what was written comes back, anything else is one clear error."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from hiwm.data.windows import Windows
from hiwm.errors import BadCheckpoint
from hiwm.perception.estimator import Estimator, load_estimator, make_net, save_estimator
from hiwm.perception.targets import Targets
from tests.dot_world import CAMERA
from tests.perception.conftest import TINY


@pytest.fixture
def estimator() -> Estimator:
    targets = Targets.fit(("dot_x", "dot_y"), ("x",), np.random.default_rng(0).random((9, 3)).astype(np.float32))
    return Estimator((CAMERA,), targets, ("dot",), TINY, make_net((CAMERA,), targets, TINY).eval(), 0.5, {"steps": 1})


@pytest.fixture
def folder(estimator: Estimator, tmp_path: Path) -> Path:
    save_estimator(tmp_path, estimator)
    return tmp_path


def _rewrite(folder: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    weights = load_file(folder / "estimator.safetensors")
    change(weights)
    save_file(weights, folder / "estimator.safetensors")


def _describe(folder: Path, **changes: object) -> None:
    described = json.loads((folder / "estimator.json").read_text())
    (folder / "estimator.json").write_text(json.dumps(described | changes))


def test_a_saved_estimator_reads_the_same(estimator: Estimator, folder: Path, windows: Windows) -> None:
    pictures = next(iter(windows.frames.values())).pictures_nhwc[:5]
    again = load_estimator(folder)
    assert again.about == estimator.about
    assert again.objects == ("dot",)
    assert again.threshold == 0.5
    one, other = estimator.read_stacked(pictures), again.read_stacked(pictures)
    assert np.abs(one.truth_nk - other.truth_nk).max() < 0.02, "16-bit weights"
    assert np.abs(one.score_n - other.score_n).max() < 0.05


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda f: (f / "estimator.json").unlink(), "no readable estimator.json"),
        (lambda f: (f / "estimator.json").write_text("{"), "not JSON"),
        (lambda f: (f / "estimator.json").write_text("[1]"), "format None"),
        (lambda f: _describe(f, format=99), "format 99"),
        (lambda f: _describe(f, network={"fold": 4, "evil": 1}), "does not describe an estimator"),
        (lambda f: _describe(f, network={"fold": 0, "widths": [1, 1, 1]}), "does not describe an estimator"),
        (lambda f: _describe(f, cameras=[]), "does not describe an estimator"),
        (lambda f: _describe(f, threshold="high"), "does not describe an estimator"),
        (lambda f: _describe(f, targets={"truth": ["a"], "state": [], "mean": [], "scale": []}), "1 names"),
        (lambda f: (f / "estimator.safetensors").unlink(), "cannot be read"),
        (lambda f: (f / "estimator.safetensors").write_bytes(pickle.dumps({"a": 1})), "cannot be read"),
        (lambda f: _rewrite(f, lambda w: w.pop("numbers.bias")), "1 tensors missing"),
        (lambda f: _rewrite(f, lambda w: w.update(extra=torch.zeros(1))), "1 unknown"),
        (lambda f: _rewrite(f, lambda w: w.update({"numbers.bias": torch.zeros(99)})), "1 of another shape"),
        (lambda f: _rewrite(f, lambda w: w["numbers.bias"].fill_(float("nan"))), "not finite"),
    ],
)
def test_anything_else_is_refused(folder: Path, spoil: Callable[[Path], object], says: str) -> None:
    spoil(folder)
    with pytest.raises(BadCheckpoint, match=says):
        load_estimator(folder)
