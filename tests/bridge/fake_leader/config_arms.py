"""Two arms that swing."""

from dataclasses import dataclass

from lerobot.teleoperators.config import TeleoperatorConfig


@TeleoperatorConfig.register_subclass("fake_bi_so_leader")
@dataclass(kw_only=True)
class FakeArmsConfig(TeleoperatorConfig):  # type: ignore[no-untyped-call]
    swing_deg: float = 20.0
    fails_after: int = 0
