"""Two hands that go round in circles."""

from dataclasses import dataclass

from lerobot.teleoperators.config import TeleoperatorConfig


@TeleoperatorConfig.register_subclass("fake_hands")
@dataclass(kw_only=True)
class FakeHandsConfig(TeleoperatorConfig):  # type: ignore[no-untyped-call]
    radius_m: float = 0.05
