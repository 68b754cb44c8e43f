"""A reader that has been taught: an estimator says where the object is, and that is the code."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from hiwm.errors import SpecMismatch
from hiwm.perception.estimator import Estimator
from hiwm.perception.estimator import make_net as make_eye
from hiwm.perception.network import EstimatorConfig
from hiwm.perception.places import PictureMap
from hiwm.perception.targets import Targets
from hiwm.spec import CameraSpec
from hiwm.types import Doubles, Floats
from hiwm.worldmodel.config import NetworkConfig
from hiwm.worldmodel.scaling import NumberScale

type Linear = tuple[Floats, Floats]
"""A matrix (M, N) and an offset (M,)."""

DEVIATIONS = 1.48
"""Standard deviations in a median absolute error of normal noise."""


@dataclass(frozen=True)
class EyePoint:
    """One point of a code: its numbers there (x, y, z as far as there, then sine and cosine of its turn), and whether
    it moves within an episode, as an object does, or only from scene to scene, as a slot does.
    """

    numbers: tuple[int, ...]
    moves: bool


@dataclass(frozen=True, eq=False)
class Space:
    """Where things are, in units of how far places go; what has no z is at 0.

    points: (3 P, code) from a code to x, y, z of its points, beside an offset. hands: (3 H, S) from a scaled state to
    those of the robot's hands. turned: of points that turn as objects do, which they are, and where in a code sine and
    cosine of their turn are.
    """

    points: Linear
    hands: Linear
    turned: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, eq=False)
class Eye:
    """What an estimator reads: see Estimator; its weights are among those of the world.

    errors: its own median error of each number of truth and state, in their units; empty where it is not known.
    """

    targets: Targets
    objects: tuple[str, ...]
    config: EstimatorConfig
    errors: tuple[float, ...] = ()

    @staticmethod
    def of(estimator: Estimator) -> Eye:
        """The description of an estimator."""
        known = estimator.about.get("median_error", {})
        errors = tuple(float(known[name]) for name in estimator.targets.names if name in known)
        return Eye(estimator.targets, estimator.objects, estimator.config, errors)

    @property
    def columns(self) -> tuple[int, ...]:
        """Which of the numbers that its network gives are the code: of all points that differ between the frames of
        its dataset, places scaled, then sines and cosines of turns.
        """
        return self.targets.encoded(sorted(k for point in self.targets.varied for k in point.numbers))

    @property
    def points(self) -> tuple[EyePoint, ...]:
        """The points of a code, in the order of the truth."""
        place = {column: k for k, column in enumerate(self.columns)}
        return tuple(
            EyePoint(
                tuple(place[c] for k in point.numbers for c in self.targets.encoded([k])), point.name in self.objects
            )
            for point in self.targets.varied
        )

    def codes_of(self, truth_nk: Floats) -> Floats:
        """(N, code) of what is known to be true: what a faultless eye would read."""
        state_ns = np.zeros((len(truth_nk), len(self.targets.state)), np.float32)
        return self.targets.encode(np.concatenate([truth_nk, state_ns], axis=1))[:, list(self.columns)]

    @property
    def noise(self) -> Floats:
        """(code,) about how far off it reads each number of a code, standard deviations; 0 where that is not known."""
        noise = np.zeros(len(self.columns), np.float32)
        if not self.errors:
            return noise
        deviation_k = DEVIATIONS * np.array(self.errors, np.float32)
        for point, truth in zip(self.points, self.targets.varied, strict=True):
            axes = list(truth.axes)
            places, turns = list(point.numbers[: len(axes)]), list(point.numbers[len(axes) :])
            noise[places] = deviation_k[axes] / np.maximum(self.targets.scale_k[axes], 1e-6)
            if truth.turn is not None:
                noise[turns] = deviation_k[truth.turn]
        return noise

    @property
    def sizes(self) -> Floats:
        """(code,) how far each number of a code goes beside the place that goes furthest; turns as far as that."""
        sizes, scale_k, furthest = np.ones(len(self.columns), np.float32), self.targets.scale_k, self._furthest
        for point, truth in zip(self.points, self.targets.varied, strict=True):
            sizes[list(point.numbers[: len(truth.axes)])] = scale_k[list(truth.axes)].clip(0.01 * furthest) / furthest
        return sizes

    @property
    def _furthest(self) -> float:
        """The largest standard deviation of a place, in the unit of the truth."""
        scale_k = self.targets.scale_k
        return max((float(scale_k[k]) for point in self.targets.varied for k in point.axes), default=1.0)

    def in_space(self, states: NumberScale) -> Space:
        """Where its points and the robot's hands are. states: how states are scaled."""
        code, unit = len(self.columns), self._furthest
        points, points_at = np.zeros((len(self.points), 3, code)), np.zeros((len(self.points), 3))
        for i, (point, truth) in enumerate(zip(self.points, self.targets.varied, strict=True)):
            for j, (number, axis) in enumerate(zip(point.numbers, truth.axes[:3], strict=False)):
                points[i, j, number] = self.targets.scale_k[axis] / unit
                points_at[i, j] = self.targets.mean_k[axis] / unit
        of_robot = self.targets.hands
        hands, hands_at = np.zeros((len(of_robot), 3, len(states.low_k))), np.zeros((len(of_robot), 3))
        for i, hand in enumerate(of_robot):
            for j, axis in enumerate(hand.axes[:3]):
                hands[i, j, axis] = (states.high_k[axis] - states.low_k[axis]) / 2 / unit
                hands_at[i, j] = (states.high_k[axis] + states.low_k[axis]) / 2 / unit
        turned = [
            (i, point.numbers[-2], point.numbers[-1])
            for i, (point, truth) in enumerate(zip(self.points, self.targets.varied, strict=True))
            if point.moves and truth.turn is not None
        ]
        return Space(_linear(points, points_at), _linear(hands, hands_at), tuple(turned))

    def places_from(self, of_table: PictureMap, size: tuple[int, int]) -> tuple[Floats, Floats]:
        """Matrix (2 points, code) and offset (2 points,) from a code to where its points stand in a picture of `size`
        (H, W), x and y from -1 to 1.
        """
        half = np.array([size[1], size[0]]) / 2
        matrix, offset = np.zeros((len(self.points), 2, len(self.columns))), np.zeros((len(self.points), 2))
        for i, (point, truth) in enumerate(zip(self.points, self.targets.varied, strict=True)):
            axes = list(truth.axes[:2])
            middle, scale = (part[axes].astype(np.float64) for part in (self.targets.mean_k, self.targets.scale_k))
            matrix[i][:, list(point.numbers[:2])], offset[i] = _in_picture(of_table, half, middle, scale)
        return matrix.reshape(-1, len(self.columns)).astype(np.float32), offset.ravel().astype(np.float32)

    def hands_from(self, of_table: PictureMap, size: tuple[int, int], states: NumberScale) -> tuple[Floats, Floats]:
        """Matrix (hands, 2, S) and offset (hands, 2) from a scaled state to where hands on the table would stand in a
        picture of `size` (H, W), x and y from -1 to 1.
        """
        half, of_robot = np.array([size[1], size[0]]) / 2, self.targets.hands
        matrix, offset = np.zeros((len(of_robot), 2, len(states.low_k))), np.zeros((len(of_robot), 2))
        for i, hand in enumerate(of_robot):
            axes = list(hand.axes[:2])
            low, high = states.low_k[axes], states.high_k[axes]
            matrix[i][:, axes], offset[i] = _in_picture(of_table, half, (high + low) / 2, (high - low) / 2)
        return matrix.astype(np.float32), offset.astype(np.float32)

    def to_json(self) -> dict[str, Any]:
        """JSON-ready; `from_json` is its inverse."""
        return {
            "targets": self.targets.to_json(),
            "objects": list(self.objects),
            "network": dataclasses.asdict(self.config),
            "errors": list(self.errors),
        }

    @staticmethod
    def from_json(data: dict[str, Any]) -> Eye:
        """Rebuilds what `to_json` wrote; raises ValueError where its parts do not fit together."""
        network = EstimatorConfig(**data["network"] | {"widths": tuple(data["network"]["widths"])})
        targets, errors = Targets.from_json(data["targets"]), tuple(float(error) for error in data.get("errors", ()))
        if len(errors) not in (0, len(targets.names)) or not np.isfinite(errors).all():
            raise ValueError(f"{len(targets.names)} names, {len(errors)} errors, or one is not finite")
        return Eye(targets, tuple(str(name) for name in data["objects"]), network, errors)


def _in_picture(of_table: PictureMap, half_2: Doubles, middle_2: Doubles, scale_2: Doubles) -> tuple[Doubles, Doubles]:
    """(2, 2) and (2,) from scaled numbers of a place on the table to x and y of a picture, -1..1.

    half: half its width and height. middle, scale: the place is middle + scale * numbers.
    """
    middle = of_table.pixels(middle_2[None])[0]
    return of_table.matrix_23[:, :2] * scale_2 / half_2[:, None], (middle + 0.5) / half_2 - 1


def _linear(matrix_k3n: Doubles, offset_k3: Doubles) -> Linear:
    flat = matrix_k3n.reshape(-1, matrix_k3n.shape[-1])
    return flat.astype(np.float32), offset_k3.ravel().astype(np.float32)


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
