"""A reader that has been taught: an estimator says where the object is, and that is the code."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from hiwm.errors import SpecMismatch
from hiwm.perception.estimator import Estimator
from hiwm.perception.estimator import make_net as make_eye
from hiwm.perception.network import EstimatorConfig
from hiwm.perception.points import find_points
from hiwm.perception.targets import Targets
from hiwm.spec import CameraSpec
from hiwm.worldmodel.config import NetworkConfig


@dataclass(frozen=True, eq=False)
class Eye:
    """What an estimator reads: see Estimator; its weights are among those of the world."""

    targets: Targets
    objects: tuple[str, ...]
    config: EstimatorConfig

    @staticmethod
    def of(estimator: Estimator) -> Eye:
        """The description of an estimator."""
        return Eye(estimator.targets, estimator.objects, estimator.config)

    @property
    def columns(self) -> tuple[int, ...]:
        """Which of the numbers that its network gives are the object's: places scaled, then sines and cosines."""
        points = [p for p in find_points(self.targets.truth) if p.name in self.objects]
        chosen = {k for p in points for k in (*p.axes, *(() if p.turn is None else (p.turn,)))}
        return self.targets.encoded(sorted(chosen))

    def to_json(self) -> dict[str, Any]:
        """JSON-ready; `from_json` is its inverse."""
        return {
            "targets": self.targets.to_json(),
            "objects": list(self.objects),
            "network": dataclasses.asdict(self.config),
        }

    @staticmethod
    def from_json(data: dict[str, Any]) -> Eye:
        """Rebuilds what `to_json` wrote."""
        network = EstimatorConfig(**data["network"] | {"widths": tuple(data["network"]["widths"])})
        return Eye(Targets.from_json(data["targets"]), tuple(str(name) for name in data["objects"]), network)


class EyeReader(nn.Module):
    """Reads codes as `Reader` does, and learns nothing."""

    columns: Tensor

    def __init__(self, config: NetworkConfig, eye: Eye, cameras: Sequence[CameraSpec]) -> None:
        super().__init__()
        self.config = config
        self.eye = make_eye(cameras, eye.targets, eye.config).eval().requires_grad_(False)
        self.register_buffer("columns", torch.tensor(eye.columns), persistent=False)

    def forward(self, pictures_bchw: Tensor, usual_bchw: Tensor) -> Tensor:
        """(B, code) from whole pictures -1..1; the usual picture is not needed."""
        # In full precision: a hundredth of what is read decides between success and failure.
        with torch.autocast(pictures_bchw.device.type, enabled=False):
            numbers: Tensor = self.eye(pictures_bchw.float())[0]
        return numbers[:, self.columns]

    def train(self, mode: bool = True) -> EyeReader:
        """Its norms stay as they were learned."""
        super().train(mode)
        self.eye.eval()
        return self


def require_same_view(estimator: Estimator, cameras: Sequence[CameraSpec]) -> None:
    """Raises SpecMismatch unless an estimator sees what a world sees."""
    if tuple(estimator.cameras) != tuple(cameras):
        raise SpecMismatch(
            f"expected an estimator of {[(c.name, c.height, c.width) for c in cameras]}, got one of "
            f"{[(c.name, c.height, c.width) for c in estimator.cameras]}; train one on this dataset: "
            "hiwm train-estimator"
        )
