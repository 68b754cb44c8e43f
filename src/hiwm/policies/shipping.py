"""A policy's folder as it is handed on: weights in 16 bits, without what only resuming its training needs."""

from __future__ import annotations

import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save

from hiwm.errors import BadInput
from hiwm.policies.checkpoint import load_checkpoint
from hiwm.runfolder import write_bytes

LEFT_OUT = ("training", "tensorboard", "manifest.json")
KEPT_WHOLE = "normalizer"
"""Part of the names of files with scales, which stay in 32 bits: a policy's numbers all pass through them."""


def ship_policy(folder: Path, out: Path) -> int:
    """Copies a policy to `out`, which must not exist; returns its size in bytes. Raises BadCheckpoint and BadInput."""
    if out.exists():
        raise BadInput(f"{out} exists already; give another --out")
    load_checkpoint(folder)
    shutil.copytree(folder, out, ignore=shutil.ignore_patterns(*LEFT_OUT))
    for path in out.glob("*.safetensors"):
        if KEPT_WHOLE not in path.name:
            write_bytes(path, save({name: _halved(tensor) for name, tensor in load_file(path).items()}))
    load_checkpoint(out)
    return sum(path.stat().st_size for path in out.rglob("*") if path.is_file())


def _halved(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.bfloat16() if tensor.dtype == torch.float32 else tensor
