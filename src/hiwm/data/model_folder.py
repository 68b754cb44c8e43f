"""Reads model folders: a JSON description and a safetensors file, strictly; nothing else is ever opened."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from hiwm.errors import BadCheckpoint
from hiwm.runfolder import read_json


def read_description(path: Path, what: str, known_format: int) -> dict[str, Any]:
    """The JSON object of a model folder; raises BadCheckpoint where it is missing, broken or of another format."""
    try:
        described = read_json(path)
    except OSError as error:
        raise BadCheckpoint(
            f"expected a {what} at {path.parent}, found no readable {path.name}; check the path"
        ) from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise BadCheckpoint(f"{path} is not JSON ({error}); copy or train it again") from error
    if not isinstance(described, dict) or described.get("format") != known_format:
        found = described.get("format") if isinstance(described, dict) else None
        raise BadCheckpoint(f"{path} has format {found}, this hiwm reads {known_format}; train the {what} again")
    return described


def load_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file; raises BadCheckpoint."""
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise BadCheckpoint(f"{path} cannot be read ({error}); copy or train it again") from error


def fill(net: nn.Module, weights: Mapping[str, Tensor], path: Path) -> None:
    """Puts all weights into a network; raises BadCheckpoint where a name or shape does not fit, or on NaN."""
    expected = net.state_dict()
    missing, surplus = expected.keys() - weights.keys(), weights.keys() - expected.keys()
    wrong = [k for k in expected.keys() & weights.keys() if expected[k].shape != weights[k].shape]
    if missing or surplus or wrong:
        raise BadCheckpoint(
            f"{path} does not fit its description: {len(missing)} tensors missing, {len(surplus)} unknown, "
            f"{len(wrong)} of another shape (first: {sorted([*missing, *surplus, *wrong])[0]}); train it again"
        )
    bad = [k for k, v in weights.items() if not torch.isfinite(v.float()).all()]
    if bad:
        raise BadCheckpoint(f"{path} holds numbers that are not finite in {bad[0]}; train it again")
    net.load_state_dict(weights)
