"""A teleoperator that sends the 14 numbers of the bimanual robot, by name."""

import math
from typing import Any

from lerobot.teleoperators.teleoperator import Teleoperator

from .config_hands import FakeHandsConfig

NAMES = [f"{arm}_{name}.pos" for arm in ("left", "right") for name in ("x", "y", "z", "rx", "ry", "rz", "gripper")]


class FakeHands(Teleoperator):
    config_class = FakeHandsConfig
    name = "fake_hands"

    def __init__(self, config: FakeHandsConfig) -> None:
        super().__init__(config)
        self.config = config
        self.connected = False
        self.given = 0

    @property
    def action_features(self) -> dict[str, Any]:
        return dict.fromkeys(NAMES, float)

    @property
    def feedback_features(self) -> dict[str, Any]:
        return {}

    @property
    def is_connected(self) -> bool:
        return self.connected

    @property
    def is_calibrated(self) -> bool:
        return True

    def connect(self, calibrate: bool = True) -> None:
        self.connected = True

    def calibrate(self) -> None:
        pass

    def configure(self) -> None:
        pass

    def get_action(self) -> dict[str, float]:
        self.given += 1
        x, y = (self.config.radius_m * f(self.given / 5) for f in (math.cos, math.sin))
        left, right = (-0.12 + x, y, 0.05, 0.0, 0.0, 0.0, 1.0), (0.12 + x, y, 0.05, 0.0, 0.0, 0.0, 1.0)
        return dict(zip(NAMES, (*left, *right), strict=True))

    def send_feedback(self, feedback: dict[str, Any]) -> None:
        pass

    def disconnect(self) -> None:
        self.connected = False
