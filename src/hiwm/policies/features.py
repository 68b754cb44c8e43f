"""What LeRobot is told of a robot: the features of a policy's inputs and outputs, and how numbers are scaled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from lerobot.configs import FeatureType, PolicyFeature, PreTrainedConfig
from torch import Tensor

from hiwm.spec import NumberSpec, RobotSpec
from hiwm.types import Floats

STATE = "observation.state"
ENVIRONMENT = "observation.environment_state"
ACTION = "action"

LEAST_RANGE = 0.05
"""Of a number's meaningful range: what moves less counts as this much, or its noise would be scaled up to signals."""
MARGIN = 0.05
"""Of the range seen, added at both ends: diffusion clips to it, and a correction may reach a little further."""

type Stats = dict[str, dict[str, Tensor]]
"""Feature -> min, max, mean, std, q01, q99, as LeRobot's normaliser wants them."""


def input_features(spec: RobotSpec, pictures: bool, extra: Mapping[str, int]) -> dict[str, PolicyFeature]:
    """The inputs of a policy: robot state, pictures if it looks at them itself, and vectors of other numbers."""
    features = {STATE: PolicyFeature(FeatureType.STATE, (len(spec.state),))}
    if pictures:
        for camera in spec.cameras:
            features[camera.name] = PolicyFeature(FeatureType.VISUAL, (3, camera.height, camera.width))
    for name, width in extra.items():
        kind = FeatureType.STATE if name == STATE else FeatureType.ENV
        features[name] = PolicyFeature(kind, (width,))
    return features


def output_features(spec: RobotSpec) -> dict[str, PolicyFeature]:
    """The output of a policy: the action."""
    return {ACTION: PolicyFeature(FeatureType.ACTION, (len(spec.action),))}


def inputs_of(config: PreTrainedConfig) -> dict[str, PolicyFeature]:
    """A policy's inputs by name."""
    return config.input_features or {}


def action_width(config: PreTrainedConfig) -> int:
    """How many numbers a policy's action has."""
    return int((config.output_features or {})[ACTION].shape[0])


def number_stats(values_nk: Floats, least_k: Floats) -> dict[str, Tensor]:
    """Statistics of K numbers; ranges are widened by MARGIN and are at least `least_k` wide."""
    low, high = values_nk.min(0).astype(np.float64), values_nk.max(0).astype(np.float64)
    middle, half = (high + low) / 2, np.maximum((high - low) * (0.5 + MARGIN), least_k / 2)
    parts = {
        "min": middle - half,
        "max": middle + half,
        "mean": values_nk.mean(0),
        "std": np.maximum(values_nk.std(0), least_k / 4),
        "q01": np.minimum(np.quantile(values_nk, 0.01, axis=0), middle - least_k / 2),
        "q99": np.maximum(np.quantile(values_nk, 0.99, axis=0), middle + least_k / 2),
    }
    return {name: torch.from_numpy(np.asarray(part, np.float32)) for name, part in parts.items()}


def least_ranges(numbers: Sequence[NumberSpec]) -> Floats:
    """(K,) how wide a range of each number must at least be taken to be."""
    width = np.array([number.high - number.low for number in numbers], np.float32)
    return np.where(width > 0, LEAST_RANGE * width, np.float32(1))


def picture_stats() -> dict[str, Tensor]:
    """For pictures 0..1: to -1..1 by mean and deviation, or left as they are by range."""
    full = {"mean": 0.5, "std": 0.5, "min": 0.0, "max": 1.0, "q01": 0.0, "q99": 1.0}
    return {name: torch.full((3, 1, 1), value) for name, value in full.items()}
