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
MOMENTUM = 0.95
NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
"""Coefficients of the iteration's x, x^3 and x^5."""
NEWTON_SCHULZ_STEPS = 5


class Muon(optim.Optimizer):
    """Momentum steps whose matrices are made orthogonal, with weights that decay.

    torch's own multiplies in bfloat16 always, which took three quarters of a training step on a processor that
    imitates it; and it iterates on whole matrices, where their Gram matrix is enough.
    """

    def __init__(self, matrices: Iterable[nn.Parameter], weight_decay: float) -> None:
        super().__init__(matrices, {"lr": 1e-3, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One step with the gradients as they are."""
        for group in self.param_groups:
            for matrix in (p for p in group["params"] if p.grad is not None):
                state = self.state[matrix]
                momentum = state.setdefault("momentum_buffer", torch.zeros_like(matrix))
                momentum.lerp_(matrix.grad, 1 - MOMENTUM)
                way = orthogonal(matrix.grad.lerp(momentum, MOMENTUM))
                matrix.mul_(1 - group["lr"] * group["weight_decay"])
                matrix.add_(way, alpha=-0.2 * max(matrix.shape) ** 0.5 * group["lr"])


def orthogonal(matrix_mn: Tensor) -> Tensor:
    """(M, N) the matrix with its singular values brought near 1 (0.7 to 1.2), by five Newton-Schulz steps."""
    if matrix_mn.shape[0] > matrix_mn.shape[1]:
        return orthogonal(matrix_mn.T).T
    small = matrix_mn / matrix_mn.norm().clamp(min=1e-7)
    first = small @ small.T
    # Every step multiplies from the left by a polynomial of the Gram matrix; their product is all that is needed.
    a, b, c = NEWTON_SCHULZ
    product, gram = torch.eye(len(first), dtype=first.dtype, device=first.device), first
    for _ in range(NEWTON_SCHULZ_STEPS):
        factor = b * gram + c * gram @ gram
        factor.diagonal().add_(a)
        product = factor @ product
        gram = factor @ gram @ factor
    result: Tensor = product @ small
    return result


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
            self.optimisers["muon"] = Muon(self.matrices, weight_decay)

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
