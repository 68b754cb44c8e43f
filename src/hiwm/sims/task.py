"""What a simulated task offers to collection and evaluation: a dynamics, a prompt, and scripted drivers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from hiwm.interfaces import Dynamics, Policy
from hiwm.types import Kind


@dataclass(frozen=True)
class ScriptMemory:
    """Memory of a scripted driver; `lapse` names the mistake that it is making now ("" for none).

    Each script keeps its own plan in `plan`, an immutable value.
    """

    plan: Any
    lapse: str = ""


class ScriptedPolicy(Policy, Protocol):
    """A policy whose memories are ScriptMemory and that knows when it has nothing left to do."""

    def finished(self, memory: ScriptMemory) -> bool:
        """True when the script has ended: the expert is back home, or has given up, or the sweep is over."""
        ...


@dataclass(frozen=True)
class Setting:
    """How a task is shown: a look by name, cameras by name, and the size of their square pictures in pixels.

    mistakes: which ones failures have; none named means any.
    """

    look: str = "plain"
    cameras: tuple[str, ...] = ("top",)
    size: int | None = None
    mistakes: tuple[str, ...] = ()


@dataclass(frozen=True)
class SimTask:
    """A task in a simulator. `max_steps` bounds an episode of any kind; `truth_names` name `Observation.truth`.

    open: makes a dynamics (the caller closes it). script: the scripted driver of a kind of episodes. look: by name.
    mistakes: as in Setting.
    """

    name: str
    prompt: str
    max_steps: int
    truth_names: tuple[str, ...]
    open: Callable[[], Dynamics]
    script: Callable[[Kind], ScriptedPolicy]
    look: str = "plain"
    mistakes: tuple[str, ...] = ()
