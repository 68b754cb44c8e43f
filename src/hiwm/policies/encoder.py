"""An encoder of what a policy sees in numbers, as a LeRobot processor step: it stands behind the normaliser.

LeRobot's diffusion network takes its observation through single linear layers, which is enough behind an encoder of
pictures, and too little for bare numbers: where to push a block does not depend linearly on where it lies. This encoder
takes that part. It learns by plain imitation first, through a head that says which actions come next, and stays while
the policy learns; the head stays beside it for later rounds of training.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from lerobot.configs import FeatureType, PipelineFeatureType, PolicyFeature
from lerobot.processor import ObservationProcessorStep, ProcessorStepRegistry
from torch import Tensor, nn

from hiwm.policies.features import ACTION, ENVIRONMENT, STATE

HIDDEN = 256


class EncoderNet(nn.Module):
    """A residual network from numbers (..., N) to features (..., F) within -1..1."""

    def __init__(self, numbers: int, features: int, width: int, blocks: int) -> None:
        super().__init__()
        self.enter = nn.Linear(numbers, width)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.GELU(), nn.Linear(width, width))
            for _ in range(blocks)
        )
        self.leave = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, features), nn.Tanh())

    def forward(self, numbers: Tensor) -> Tensor:
        """Features of each moment for itself."""
        h: Tensor = self.enter(numbers)
        for block in self.blocks:
            h = h + block(h)
        features: Tensor = self.leave(h)
        return features


class Imitation(nn.Module):
    """An encoder with a head from a window of T moments to the chunk of actions that follows, all scaled."""

    def __init__(self, step: EncoderStep) -> None:
        super().__init__()
        self.chunk = step.chunk
        self.encoder = EncoderNet(step.seen + step.state, step.features, step.width, step.blocks)
        self.head = nn.Sequential(
            nn.Linear(step.moments * (step.features + step.state), HIDDEN),
            nn.GELU(),
            nn.Linear(HIDDEN, step.chunk[0] * step.chunk[1]),
        )

    def forward(self, environment_bte: Tensor, state_bts: Tensor) -> Tensor:
        """(B, chunk, A) scaled actions."""
        features = self.encoder(torch.cat([environment_bte, state_bts], -1))
        chunk: Tensor = self.head(torch.cat([features, state_bts], -1).flatten(1))
        return chunk.view(-1, *self.chunk)

    def loss(self, batch: dict[str, Any]) -> Tensor:
        """Mean absolute difference over the actions that count: rare ends do not pull. batch: without features."""
        gap = (self(batch[ENVIRONMENT], batch[STATE]) - batch[ACTION]).abs().mean(2)
        counts = ~batch[f"{ACTION}_is_pad"]
        loss: Tensor = (gap * counts).sum() / counts.sum().clamp(min=1)
        return loss


@ProcessorStepRegistry.register("hiwm_encoder")
@dataclass
class EncoderStep(ObservationProcessorStep):
    """Appends features to the environment's numbers, read from these and the robot state, both scaled.

    seen, state: how many numbers the environment has without features, and the robot state. moments: of a window.
    chunk: (steps, numbers) of what the head says. features, width, blocks: sizes of the network.
    """

    seen: int
    state: int
    moments: int
    chunk: tuple[int, int]
    features: int = 64
    width: int = 384
    blocks: int = 3
    _device: str = field(default="cpu", init=False, repr=False)

    def __post_init__(self) -> None:
        """Builds the network; its weights come from `load_state_dict`, or are learned."""
        self.chunk = (int(self.chunk[0]), int(self.chunk[1]))
        self.net = Imitation(self)

    def observation(self, observation: dict[str, Any]) -> dict[str, Any]:
        """The observation with features behind the environment's numbers."""
        numbers, device = observation[ENVIRONMENT], str(observation[ENVIRONMENT].device)
        if device != self._device:
            self._device = device
            self.net.to(device)
        with torch.no_grad():
            features = self.net.encoder(torch.cat([numbers, observation[STATE]], dim=-1))
        return observation | {ENVIRONMENT: torch.cat([numbers, features], dim=-1)}

    def get_config(self) -> dict[str, Any]:
        """What builds the same step again."""
        names = ("seen", "state", "moments", "chunk", "features", "width", "blocks")
        return {name: getattr(self, name) for name in names}

    def state_dict(self) -> dict[str, Tensor]:
        """The weights."""
        return {name: tensor.detach().contiguous().cpu() for name, tensor in self.net.state_dict().items()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Takes the weights; raises RuntimeError where they are not of this network."""
        self.net.load_state_dict(state)

    def transform_features(
        self, features: dict[PipelineFeatureType, dict[str, PolicyFeature]]
    ) -> dict[PipelineFeatureType, dict[str, PolicyFeature]]:
        """What the features look like behind the step."""
        seen = dict(features[PipelineFeatureType.OBSERVATION])
        seen[ENVIRONMENT] = PolicyFeature(FeatureType.ENV, (self.seen + self.features,))
        return {**features, PipelineFeatureType.OBSERVATION: seen}
