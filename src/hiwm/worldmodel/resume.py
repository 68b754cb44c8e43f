"""A training's tensors in one safetensors file: modules and optimisers, by name. No pickle."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn, optim

from hiwm.errors import BadCheckpoint
from hiwm.runfolder import write_bytes


def save_training(path: Path, modules: Mapping[str, nn.Module], optimisers: Mapping[str, optim.Optimizer]) -> None:
    """Writes all tensors, whole or not at all."""
    tensors = {f"{name}/{k}": v for name, module in modules.items() for k, v in module.state_dict().items()}
    for name, optimiser in optimisers.items():
        for index, state in optimiser.state_dict()["state"].items():
            tensors |= {f"{name}/{index}/{k}": v for k, v in state.items()}
    write_bytes(path, save({k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()}))


def load_training(path: Path, modules: Mapping[str, nn.Module], optimisers: Mapping[str, optim.Optimizer]) -> None:
    """The inverse of `save_training`; raises BadCheckpoint where the file is not of these modules."""
    try:
        tensors = load_file(path)
        for name, module in modules.items():
            module.load_state_dict(_under(name, tensors))
        for name, optimiser in optimisers.items():
            optimiser.load_state_dict(
                {"state": _states(_under(name, tensors)), "param_groups": optimiser.state_dict()["param_groups"]}
            )
    except (OSError, SafetensorError, RuntimeError, ValueError, KeyError) as error:
        raise BadCheckpoint(f"{path} cannot be resumed from ({error}); start anew with another --out") from error


def _under(name: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {k.removeprefix(f"{name}/"): v for k, v in tensors.items() if k.startswith(f"{name}/")}


def _states(tensors: Mapping[str, Tensor]) -> dict[int, dict[str, Any]]:
    states: dict[int, dict[str, Any]] = defaultdict(dict)
    for key, value in tensors.items():
        index, _, name = key.partition("/")
        states[int(index)][name] = value
    return dict(states)
