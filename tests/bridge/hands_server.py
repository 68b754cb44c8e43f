"""The real server over the real simulator of push_t: `python -m tests.bridge.hands_server FOLDER PORT`; no torch."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hiwm.pipeline.model_worker import Errand, Models
from hiwm.pipeline.scenes import errand_of
from hiwm.server.hub import HubSettings
from hiwm.server.model_process import ModelSettings
from hiwm.server.run import Address, serve
from hiwm.session.values import register
from hiwm.sims.tasks import load_task
from hiwm.types import Driver, Floats, Observation, Scene

ABOUT = {
    "dynamics": {"kind": "simulator", "name": "push_t", "hash": "push_t 1"},
    "policy": {"name": "stay", "hash": "stay 1"},
}


class Stay:
    """Holds the hands where they are."""

    driver = Driver.POLICY

    def start(self, seeds: Sequence[int]) -> list[int]:
        return list(seeds)

    def act(self, memories: Sequence[Any], observations: Sequence[Observation]) -> tuple[list[Any], list[Floats]]:
        return list(memories), [seen.state for seen in observations]

    def watch(self, memories: Sequence[Any], observations: Sequence[Observation]) -> list[Any]:
        return list(memories)


def hands(settings: Mapping[str, Any]) -> Models:
    """A factory for the worker."""
    task = load_task("push_t")
    from hiwm.sims.physics import SimState

    register(SimState)
    return Models(task.open(), Stay(), errand, ABOUT)


def errand(scene: Scene) -> Errand:
    found = errand_of(scene)
    return Errand(found.prompt, found.max_steps)


if __name__ == "__main__":
    folder, port = sys.argv[1:]
    root = Path(folder)
    root.mkdir(parents=True, exist_ok=True)

    def tell(text: str) -> None:
        if "#token=" in text:
            (root / "link.tmp").write_text(text)
            (root / "link.tmp").rename(root / "link")

    models = ModelSettings("tests.bridge.hands_server:hands")
    serve(HubSettings(root, models, "push_t/console"), Address(port=int(port)), browser=False, tell=tell)
