"""An estimator in front of a policy, as a LeRobot processor step: pictures in, the object's numbers out.

The step keeps its weights beside the policy's preprocessor, so that a policy's folder is whole without the estimator's,
and LeRobot's own `make_pre_post_processors` loads it wherever this module was imported.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lerobot.configs import FeatureType, PipelineFeatureType, PolicyFeature
from lerobot.processor import ObservationProcessorStep, ProcessorStepRegistry
from numpy.typing import NDArray
from torch import Tensor

from hiwm.perception.estimator import Estimator, load_estimator, make_net
from hiwm.perception.network import EstimatorConfig
from hiwm.perception.points import Point, find_points
from hiwm.perception.targets import Targets
from hiwm.policies.features import ENVIRONMENT, STATE
from hiwm.spec import CameraSpec
from hiwm.types import Floats

BATCH = 64
LEVER = 1.5
"""How far a turned object's tips lie from its point, in deviations of where the point is."""
TIPS = 3


@ProcessorStepRegistry.register("hiwm_eye")
@dataclass
class EyeStep(ObservationProcessorStep):
    """Reads an object's points from the cameras' pictures, (..., 3, H, W) 0..1.

    cameras, targets, objects, network: as in the estimator's own description. into: the feature that the numbers
    become, or are appended to where it is the robot state. width: of that feature with them in it; a feature that is
    that wide already is left alone, so that training can read every frame once. keep: leave the pictures in place.
    """

    cameras: list[dict[str, Any]]
    targets: dict[str, Any]
    objects: list[str]
    network: dict[str, Any]
    width: int
    into: str = ENVIRONMENT
    keep: bool = False
    _device: str = field(default="cpu", init=False, repr=False)

    def __post_init__(self) -> None:
        """Builds the network; its weights come from `load_state_dict`."""
        self._targets = Targets.from_json(self.targets)
        config = EstimatorConfig(**self.network | {"widths": tuple(self.network["widths"])})
        self._names = [str(camera["name"]) for camera in self.cameras]
        self._net = make_net([CameraSpec(**camera) for camera in self.cameras], self._targets, config).eval()

    @staticmethod
    def of(estimator: Estimator, state_numbers: int | None = None, keep: bool = False) -> EyeStep:
        """The step of an estimator; state_numbers: append to a robot state of so many numbers."""
        objects = [point.name for point in estimator.targets.varied]
        width = len(object_names(estimator.targets, objects)) + (state_numbers or 0)
        step = EyeStep(
            cameras=[dataclasses.asdict(camera) for camera in estimator.cameras],
            targets=estimator.targets.to_json(),
            objects=objects,
            network=dataclasses.asdict(estimator.config),
            width=width,
            into=ENVIRONMENT if state_numbers is None else STATE,
            keep=keep,
        )
        step.load_state_dict(estimator.net.state_dict())
        return step

    @property
    def known(self) -> Targets:
        """The numbers that its network reads."""
        return self._targets

    @property
    def camera_names(self) -> list[str]:
        """The cameras that it looks at."""
        return list(self._names)

    def observation(self, observation: dict[str, Any]) -> dict[str, Any]:
        """The observation with the object's numbers."""
        if self.into in observation and observation[self.into].shape[-1] == self.width:
            return observation
        pictures = torch.cat([observation[name] for name in self._names], dim=-3)
        states = observation[STATE].reshape(-1, observation[STATE].shape[-1])
        numbers = self._read(pictures.reshape(-1, *pictures.shape[-3:]), states).reshape(*pictures.shape[:-3], -1)
        seen = [observation[STATE], numbers] if self.into == STATE else [numbers]
        dropped = () if self.keep else self._names
        return {k: v for k, v in observation.items() if k not in dropped} | {self.into: torch.cat(seen, dim=-1)}

    def read(self, pictures_nhwc: NDArray[np.uint8], states_ns: Floats) -> Floats:
        """(N, E) the object's numbers in pictures whose cameras are stacked as channels, beside robot states."""
        pictures = torch.from_numpy(np.ascontiguousarray(np.moveaxis(pictures_nhwc, -1, 1))).float() / 255
        return np.asarray(self._read(pictures, torch.from_numpy(states_ns)).cpu().numpy(), np.float32)

    @torch.inference_mode()
    def _read(self, pictures_nchw: Tensor, states_ns: Tensor) -> Tensor:
        if str(pictures_nchw.device) != self._device:
            self._device = str(pictures_nchw.device)
            self._net.to(pictures_nchw.device)
        numbers = torch.cat([self._net(part * 2 - 1)[0] for part in torch.split(pictures_nchw, BATCH)])
        truth_nk = self._targets.decode(numbers.cpu().numpy())[:, : len(self._targets.truth)]
        seen = object_numbers(truth_nk, states_ns.cpu().numpy(), self._targets, self.objects)
        return torch.from_numpy(seen).to(pictures_nchw.device)

    def get_config(self) -> dict[str, Any]:
        """What builds the same step again."""
        names = ("cameras", "targets", "objects", "network", "width", "into", "keep")
        return {name: getattr(self, name) for name in names}

    def state_dict(self) -> dict[str, Tensor]:
        """The weights in 16 bits, as estimators are kept everywhere."""
        weights = self._net.state_dict()
        return {name: (v.half() if v.is_floating_point() else v).contiguous().cpu() for name, v in weights.items()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Takes the weights; raises RuntimeError where they are not of this network."""
        self._net.load_state_dict(state)

    def transform_features(
        self, features: dict[PipelineFeatureType, dict[str, PolicyFeature]]
    ) -> dict[PipelineFeatureType, dict[str, PolicyFeature]]:
        """What the features look like behind the step."""
        dropped = () if self.keep else self._names
        seen = {k: v for k, v in features[PipelineFeatureType.OBSERVATION].items() if k not in dropped}
        kind = FeatureType.STATE if self.into == STATE else FeatureType.ENV
        seen[self.into] = PolicyFeature(kind, (self.width,))
        return {**features, PipelineFeatureType.OBSERVATION: seen}


def open_eye(folder: Path, state_numbers: int | None = None, keep: bool = False) -> EyeStep:
    """The step of the estimator in a folder; raises BadCheckpoint."""
    return EyeStep.of(load_estimator(folder), state_numbers, keep)


def object_names(targets: Targets, objects: list[str] | tuple[str, ...]) -> list[str]:
    """Names of the numbers that `object_numbers` gives."""
    names: list[str] = []
    for point in _points(targets, objects):
        stem = point.name or "object"
        names += [f"{stem}_{axis}" for axis, _ in zip("xyz", point.axes, strict=False)]
        if point.turn is not None:
            names += [f"{stem}_sin", f"{stem}_cos"]
            names += [f"{stem}_tip{tip}_{axis}" for tip in range(TIPS) for axis in "xy"]
            names += [f"{hand.name}_from_{stem}_{axis}" for hand in find_points(targets.state) for axis in "xy"]
    return names


def object_numbers(
    truth_nk: Floats, states_ns: Floats, targets: Targets, objects: list[str] | tuple[str, ...]
) -> Floats:
    """(N, E) of each of the object's points its coordinates; of a turned one sine, cosine and three tips around it too,
    and where the robot's points are in its frame.

    Angles jump where they wrap around, sines, cosines and tips do not; tips say in metres what a turn means. Where to
    push a block is nearly the same in its own frame wherever it lies.
    """
    columns: list[NDArray[np.floating]] = []
    for point in _points(targets, objects):
        place = truth_nk[:, point.axes]
        columns.append(place)
        if point.turn is None:
            continue
        turn = truth_nk[:, point.turn]
        columns.append(np.stack([np.sin(turn), np.cos(turn)], 1))
        lever = LEVER * float(targets.scale_k[list(point.axes[:2])].mean())
        for tip in range(TIPS):
            way = turn + 2 * np.pi * tip / TIPS
            columns.append(place[:, :2] + lever * np.stack([np.cos(way), np.sin(way)], 1))
        for hand in find_points(targets.state):
            x, y = (states_ns[:, hand.axes[:2]] - place[:, :2]).T
            columns.append(np.stack([np.cos(turn) * x + np.sin(turn) * y, np.cos(turn) * y - np.sin(turn) * x], 1))
    return np.ascontiguousarray(np.concatenate(columns, axis=1), np.float32)


def _points(targets: Targets, objects: list[str] | tuple[str, ...]) -> list[Point]:
    return [point for point in find_points(targets.truth) if point.name in objects]
