"""A tiny world of any robot with random weights: enough where only the plumbing around a world is looked at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from hiwm.spec import NumberSpec, RobotSpec
from hiwm.worldmodel.checkpoint import World, make_net
from hiwm.worldmodel.scaling import NumberScale
from tests.worldmodel.conftest import TINY


def random_world(spec: RobotSpec) -> World:
    """Without a judge; its usual picture is grey."""
    camera = spec.cameras[0]
    usual = np.full((camera.height, camera.width, 3 * len(spec.cameras)), 128, np.uint8)
    torch.manual_seed(0)
    about = {"steps": 3, "minutes": 0.25, "dataset": {"name": "toys", "episodes": 7}}
    return World(spec, TINY, _scale(spec.state), _scale(spec.action), usual, make_net(spec, TINY).eval(), about)


def _scale(numbers: Sequence[NumberSpec]) -> NumberScale:
    low, high = ([getattr(number, end) for number in numbers] for end in ("low", "high"))
    return NumberScale(np.array(low, np.float32), np.array(high, np.float32))
