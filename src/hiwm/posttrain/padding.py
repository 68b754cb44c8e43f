"""The loss of a policy over the actions that count: within its episode, and under one hand."""

from __future__ import annotations

from typing import Any
from unittest import mock

from lerobot.policies.pretrained import PreTrainedPolicy
from torch import Tensor

from hiwm.policies.features import ACTION

UNMASKED = ("pi0", "pi05")
"""Policies of LeRobot 0.6.1 whose own loss counts all actions of a chunk."""


def loss_that_counts(policy: PreTrainedPolicy, batch: dict[str, Any]) -> Tensor:
    """The policy's loss over actions (B, T, A) without those that are `action_is_pad` (B, T).

    Counted, they would teach a policy to hold still before a person takes over, and at the end of an episode.
    """
    if policy.config.type not in UNMASKED:
        return _own_loss(policy, batch)
    model: Any = policy.model
    counts_bt = ~batch[f"{ACTION}_is_pad"]
    weight_bt: Tensor = counts_bt * (counts_bt.numel() / counts_bt.sum().clamp(min=1))
    every = model.forward

    def counted(*args: Any, **kwargs: Any) -> Tensor:
        losses_bta: Tensor = every(*args, **kwargs)
        return losses_bta * weight_bt[:, :, None]

    with mock.patch.object(model, "forward", counted):
        return _own_loss(policy, batch)


def _own_loss(policy: PreTrainedPolicy, batch: dict[str, Any]) -> Tensor:
    loss: Tensor = policy(batch)[0]
    return loss
