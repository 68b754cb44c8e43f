"""Gives the 12 joint values of `bi_so_leader`: the left arm swings about its pan axis, the right one stands still."""

import math
from typing import Any

from lerobot.teleoperators.teleoperator import Teleoperator

from .config_arms import FakeArmsConfig

JOINTS = ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll", "gripper")
MIDDLE = (0.0, 20.0, 30.0, 40.0, 0.0, 100.0)


class FakeArms(Teleoperator):
    config_class = FakeArmsConfig
    name = "fake_bi_so_leader"

    def __init__(self, config: FakeArmsConfig) -> None:
        super().__init__(config)
        self.config = config
        self.connected = False
        self.given = 0

    @property
    def action_features(self) -> dict[str, Any]:
        return {f"{arm}_{joint}.pos": float for arm in ("left", "right") for joint in JOINTS}

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
        if self.config.fails_after and self.given > self.config.fails_after:
            raise ConnectionError("the arms were unplugged")
        pan = self.config.swing_deg * math.sin(self.given / 20)
        return dict(zip(self.action_features, (pan, *MIDDLE[1:], *MIDDLE), strict=True))

    def send_feedback(self, feedback: dict[str, Any]) -> None:
        pass

    def disconnect(self) -> None:
        self.connected = False
