"""A training's place on disk: weights, their average, the optimiser's state, in one safetensors file; no pickle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn, optim

from hiwm.errors import BadCheckpoint
from hiwm.runfolder import write_bytes


def save_state(path: Path, net: nn.Module, average: nn.Module, optimiser: optim.Optimizer) -> None:
    """Writes everything, whole or not at all."""
    tensors = {f"net/{name}": p for name, p in net.named_parameters()}
    tensors |= {f"average/{name}": p for name, p in average.named_parameters()}
    for number, state in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser/{number}/{name}": value for name, value in state.items()}
    write_bytes(path, save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}))


def load_state(path: Path, net: nn.Module, average: nn.Module, optimiser: optim.Optimizer) -> None:
    """The inverse of `save_state`; raises BadCheckpoint where the file is not of this policy."""
    try:
        tensors = load_file(path)
        for prefix, module in (("net", net), ("average", average)):
            for name, parameter in module.named_parameters():
                parameter.data.copy_(tensors[f"{prefix}/{name}"])
        states: dict[int, dict[str, Tensor]] = {}
        for key, tensor in tensors.items():
            if key.startswith("optimiser/"):
                _, number, name = key.split("/")
                states.setdefault(int(number), {})[name] = tensor
        whole: dict[str, Any] = {"state": states, "param_groups": optimiser.state_dict()["param_groups"]}
        optimiser.load_state_dict(whole)
    except (OSError, SafetensorError, RuntimeError, ValueError, KeyError) as error:
        raise BadCheckpoint(f"{path} cannot be resumed from ({error}); start anew with another --out") from error
