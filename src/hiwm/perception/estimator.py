"""An estimator: pictures in, numbers with units and "seen whole" out; and its folder on disk.

A folder holds `estimator.json` (what it reads, and how well) and `estimator.safetensors` (weights); nothing else is
ever read.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save

from hiwm.data.model_folder import fill, load_tensors, read_description
from hiwm.data.precision import fast_arithmetic
from hiwm.errors import BadCheckpoint, BadInput, SpecMismatch
from hiwm.perception.network import EstimatorConfig, EstimatorNet
from hiwm.perception.points import Point, find_points
from hiwm.perception.targets import Targets
from hiwm.runfolder import write_bytes, write_json
from hiwm.spec import CameraSpec
from hiwm.types import Floats, Picture

FORMAT = 1
BATCH = 64


@dataclass(frozen=True, eq=False)
class Estimates:
    """What N moments show: truth (N, Kt) and state (N, Ks) in their units, a score (N,), and whether it is enough."""

    truth_nk: Floats
    state_ns: Floats
    score_n: Floats
    whole_n: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Estimator:
    """Reads one moment at a time from the pictures of all `cameras`, stacked in their order.

    objects: names of the truth's points that move within an episode. threshold: lowest score of an object seen whole;
    99 % of real frames reach it. about: what it was trained on, and its own errors on episodes kept out of that.
    """

    cameras: tuple[CameraSpec, ...]
    targets: Targets
    objects: tuple[str, ...]
    config: EstimatorConfig
    net: EstimatorNet
    threshold: float
    about: dict[str, Any]

    @property
    def object_points(self) -> tuple[Point, ...]:
        """The object's points among the truth."""
        return tuple(point for point in find_points(self.targets.truth) if point.name in self.objects)

    @property
    def hand_points(self) -> tuple[Point, ...]:
        """The hands' points among the robot state."""
        return self.targets.hands

    def read(self, moments: Sequence[Mapping[str, Picture]]) -> Estimates:
        """Reads moments, each a picture (H, W, 3) per camera; raises SpecMismatch for other cameras or sizes."""
        for moment in moments[:1]:
            self._check(moment)
        stacked = [np.concatenate([moment[camera.name] for camera in self.cameras], axis=-1) for moment in moments]
        return self.read_stacked(np.stack(stacked))

    def read_stacked(self, pictures_nhwc: NDArray[np.uint8]) -> Estimates:
        """The same from pictures whose cameras are stacked as channels already."""
        numbers, scores = [], []
        self.net.eval()
        with torch.inference_mode(), fast_arithmetic("cpu"):
            for start in range(0, len(pictures_nhwc), BATCH):
                number, score = self.net(as_tensor(pictures_nhwc[start : start + BATCH]))
                numbers.append(number.numpy())
                scores.append(score.numpy())
        values, score_n = self.targets.decode(np.concatenate(numbers)), np.concatenate(scores)
        first = len(self.targets.truth)
        return Estimates(values[:, :first], values[:, first:], score_n, score_n >= self.threshold)

    def _check(self, moment: Mapping[str, Picture]) -> None:
        for camera in self.cameras:
            shape = moment[camera.name].shape if camera.name in moment else None
            if shape != (camera.height, camera.width, 3):
                raise SpecMismatch(
                    f"the estimator reads camera {camera.name} at ({camera.height}, {camera.width}, 3), got {shape}; "
                    "train one on a dataset with these cameras and sizes"
                )


def as_tensor(pictures_nhwc: NDArray[np.uint8]) -> torch.Tensor:
    """(N, H, W, C) 0..255 to (N, C, H, W) -1..1."""
    return torch.from_numpy(np.array(np.moveaxis(pictures_nhwc, -1, 1))).float() / 127.5 - 1


def make_net(cameras: Sequence[CameraSpec], targets: Targets, config: EstimatorConfig) -> EstimatorNet:
    """A fresh network for cameras of one size; raises BadInput."""
    camera = cameras[0]
    net = EstimatorNet(config, 3 * len(cameras), camera.height, camera.width, targets.width)
    return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def rescaled(estimator: Estimator, targets: Targets) -> Estimator:
    """The same estimator with numbers of the same names in the scale of other targets; raises ValueError for others."""
    if (targets.truth, targets.state) != (estimator.targets.truth, estimator.targets.state):
        raise ValueError("targets of other names")
    net = copy.deepcopy(estimator.net)
    factor, offset = (torch.from_numpy(part) for part in estimator.targets.into(targets))
    with torch.no_grad():
        net.numbers.weight.mul_(factor[:, None])
        net.numbers.bias.mul_(factor).add_(offset)
    return dataclasses.replace(estimator, targets=targets, net=net)


def save_estimator(folder: Path, estimator: Estimator) -> None:
    """Writes an estimator; the weights in 16 bits, `estimator.json` last, so that a folder with one is whole."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: _half(tensor.detach().cpu()) for name, tensor in estimator.net.state_dict().items()}
    write_bytes(folder / "estimator.safetensors", save(weights))
    write_json(
        folder / "estimator.json",
        {
            "format": FORMAT,
            "cameras": [dataclasses.asdict(camera) for camera in estimator.cameras],
            "targets": estimator.targets.to_json(),
            "objects": list(estimator.objects),
            "network": dataclasses.asdict(estimator.config),
            "threshold": estimator.threshold,
            "about": estimator.about,
        },
    )


def load_estimator(folder: Path) -> Estimator:
    """Reads an estimator; raises BadCheckpoint with one clear line for anything that hiwm did not write so."""
    path = folder / "estimator.json"
    described = read_description(path, "estimator", FORMAT)
    try:
        cameras = tuple(CameraSpec(**camera) for camera in described["cameras"])
        targets = Targets.from_json(described["targets"])
        config = EstimatorConfig(**described["network"] | {"widths": tuple(described["network"]["widths"])})
        net = make_net(cameras, targets, config)
        objects, threshold = tuple(str(name) for name in described["objects"]), float(described["threshold"])
        about = dict(described["about"])
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, RuntimeError, BadInput) as error:
        raise BadCheckpoint(f"{path} does not describe an estimator ({error}); copy it again") from error
    weights = folder / "estimator.safetensors"
    fill(net, load_tensors(weights), weights)
    return Estimator(cameras, targets, objects, config, net.eval(), threshold, about)


def _half(tensor: torch.Tensor) -> torch.Tensor:
    return (tensor.half() if tensor.is_floating_point() else tensor).contiguous()
