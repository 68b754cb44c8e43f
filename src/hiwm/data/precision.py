"""In which number type networks are fastest on a device: bfloat16 where it is built in, else float32.

A processor without bfloat16 instructions imitates them: on one with AVX2 alone, products of matrices and convolutions
in bfloat16 took 8 to 10 times as long as in float32.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache
from typing import Any

import torch


@cache
def processor_has_bf16() -> bool:
    """Whether this processor multiplies in bfloat16 itself (AVX-512 BF16, AMX or the like)."""
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def fast_type(device: torch.device | str) -> torch.dtype:
    """The type that weights of a network shall have where it is only used, not trained."""
    plain_cpu = torch.device(device).type == "cpu" and not processor_has_bf16()
    return torch.float32 if plain_cpu else torch.bfloat16


def fast_arithmetic(device: torch.device | str) -> AbstractContextManager[Any]:
    """Autocast to bfloat16 where that is faster; weights stay in float32."""
    kind = torch.device(device).type
    return torch.autocast(kind, torch.bfloat16, enabled=fast_type(device) is torch.bfloat16)
