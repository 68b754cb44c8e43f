"""Any teleoperator of LeRobot's by its type, and what it declares to the console: names, units, retargeter."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Protocol

import draccus
from lerobot import teleoperators
from lerobot.teleoperators import TeleoperatorConfig, make_teleoperator_from_config

from hiwm.bridge.retarget import BI_SO_LEADER, HANDS, Retarget
from hiwm.errors import BadInput, SpecMismatch, UnknownName

POSITION = ".pos"
RETARGETER = "bi_so_leader"


class Teleoperator(Protocol):
    """What is used of one; LeRobot's own class has more."""

    @property
    def action_features(self) -> dict[str, Any]:
        """Name of each number -> its type."""
        ...

    @property
    def feedback_features(self) -> dict[str, Any]:
        """The same for what it can be driven to; empty for a passive one."""
        ...

    def get_action(self) -> Mapping[str, Any]:
        """The newest values by name."""
        ...

    def send_feedback(self, feedback: dict[str, Any]) -> None:
        """Drives it there."""
        ...


@dataclass(frozen=True)
class Declared:
    """What a device sends in the end. keys: names of the teleoperator's own numbers, in order.

    outputs: name and unit of each number that leaves the bridge; with a retargeter these are the robot's.
    """

    keys: tuple[str, ...]
    outputs: tuple[tuple[str, str], ...]
    retarget: Retarget | None = None


def declare(features: Sequence[str], units: Sequence[str] = (), scale: float = 1.0) -> Declared:
    """What a teleoperator with these features declares.

    Two SO arms are retargeted; the 14 numbers of the bimanual robot are known with their units; for any others `units`
    says the unit of each, in order. Raises SpecMismatch where it does not.
    """
    names = tuple(name.removesuffix(POSITION) for name in features)
    if set(features) == {name for name, _ in BI_SO_LEADER}:
        return Declared(tuple(name for name, _ in BI_SO_LEADER), HANDS, Retarget(scale=scale))
    if set(names) == {name for name, _ in HANDS}:
        own = dict(zip(names, features, strict=True))
        return Declared(tuple(own[name] for name, _ in HANDS), HANDS)
    if len(units) != len(names):
        raise SpecMismatch(
            f"expected the unit of each of the {len(names)} numbers {', '.join(names)}, got {len(units)}; "
            "LeRobot does not say them: give --units, one for each in this order"
        )
    return Declared(tuple(features), tuple(zip(names, units, strict=True)))


def make_teleop(kind: str, options: Sequence[str] = (), package: str | None = None) -> Any:
    """A teleoperator of LeRobot's, not connected yet. options: its settings, as `left_arm_config.port=/dev/ttyACM0`.

    package: one to import first, which brings further types. Raises UnknownName and BadInput.
    """
    known = _known_types(kind, package)
    if kind not in known:
        raise UnknownName("teleoperator", kind, known)
    try:
        config = draccus.parse(known[kind], args=[f"--{option}" for option in options])
    except (draccus.utils.DecodingError, SystemExit) as error:
        raise BadInput(f"{kind} does not take {' '.join(options) or 'no settings'}; {_fields(known[kind])}") from error
    try:
        return make_teleoperator_from_config(config)
    except ImportError as error:
        raise BadInput(f"{kind} needs a package that is not installed: {error}") from error


def _known_types(kind: str, package: str | None) -> Mapping[str, Any]:
    """Config classes by type. LeRobot's own register themselves on import, which takes long: only as far as needed."""
    if package is not None:
        _import_all(importlib.import_module(package))
    names = sorted(module.name for module in pkgutil.iter_modules(teleoperators.__path__) if module.ispkg)
    for name in sorted(names, key=lambda name: name != kind):
        if kind in TeleoperatorConfig.get_known_choices():
            break
        with suppress(ImportError):  # some need what is not installed
            importlib.import_module(f"{teleoperators.__name__}.{name}")
    return TeleoperatorConfig.get_known_choices()


def _import_all(package: ModuleType) -> None:
    """As LeRobot's `discover_packages_path` does it; its own function would import all of LeRobot."""
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)


def _fields(config: Any) -> str:
    return f"it takes {', '.join(config.__dataclass_fields__)}, each as --option NAME=VALUE"
