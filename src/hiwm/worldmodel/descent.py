"""What descends: Muon for convolutions, which sharpens pictures in half the steps, and AdamW for all else.

Source of Muon: Jordan et al., "Muon: an optimizer for hidden layers in neural networks" (2024); its steps are scaled
like AdamW's (Liu et al., "Muon is scalable for LLM training", 2025), so that one rate serves both.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn, optim

LEAST_CHANNELS = 16
"""Convolutions with fewer channels out have little to gain from orthogonal steps."""


class Descent:
    """The optimisers of some parameters. `optimisers` holds them by name, for saving."""

    def __init__(self, parameters: Iterable[nn.Parameter], weight_decay: float) -> None:
        self.parameters = list(parameters)
        self.weights = [p for p in self.parameters if p.ndim == 4 and len(p) >= LEAST_CHANNELS]
        # Muon takes matrices only: these share their memory with the convolutions.
        self.matrices = [nn.Parameter(_as_matrix(p.detach())) for p in self.weights]
        chosen = {id(p) for p in self.weights}
        rest = [p for p in self.parameters if id(p) not in chosen]
        self.optimisers: dict[str, optim.Optimizer] = {
            "adam": optim.AdamW(rest, betas=(0.9, 0.99), weight_decay=weight_decay)
        }
        if self.matrices:
            self.optimisers["muon"] = optim.Muon(
                self.matrices, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw"
            )

    def step(self, loss: Tensor, rate: float) -> None:
        """One step down a loss."""
        for parameter in self.parameters:
            parameter.grad = None
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        for weight, matrix in zip(self.weights, self.matrices, strict=True):
            matrix.grad = None if weight.grad is None else _as_matrix(weight.grad)
        for optimiser in self.optimisers.values():
            for group in optimiser.param_groups:
                group["lr"] = rate
            optimiser.step()


def _as_matrix(weight_oihw: Tensor) -> Tensor:
    """(O, H W I) of a convolution's weight; without a copy where channels lie last in memory."""
    return weight_oihw.permute(0, 2, 3, 1).flatten(1)
