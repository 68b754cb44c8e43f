"""Rollouts of the toy world with an inbox, as `hiwm rollout` and `hiwm find-failures` leave them."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from hiwm.rollout import advance, first_nodes
from hiwm.session.file import SessionFile
from hiwm.session.inbox import find_failures, ranked
from hiwm.session.rows import SessionAbout
from hiwm.session.session import Session
from hiwm.types import Scene
from tests.server.toy_models import ABOUT, dot, errand

STEPS = 60
BEGINS = 20
"""Where an operator is put."""


def toy_rollouts(folder: Path, count: int = 3) -> Path:
    """Writes `count` attempts, all of which fail: the policy goes round in circles."""
    models = dot({})
    spec = models.dynamics.spec
    items = []
    (folder / "sessions").mkdir(parents=True)
    for number in range(count):
        scene = Scene("toy", "rollout", number)
        path = folder / "sessions" / f"toy-rollout-{number}.hiwm"
        about = SessionAbout(
            path.stem,
            "toy",
            errand(scene).prompt,
            scene.id,
            spec,
            ABOUT["dynamics"],
            ABOUT["policy"],
            1.0,
        )
        session = Session(SessionFile.create(path, about))
        [node] = first_nodes(models.policy, models.dynamics, [scene])
        session.start(node)
        for _ in range(STEPS):
            [node] = advance(models.policy, models.dynamics, [node])
            session.record(node)
        session.close()
        file = SessionFile.open(path, read_only=True)
        item = find_failures(file)
        file.close()
        assert item is not None
        items.append(dataclasses.replace(item, node=BEGINS))
    (folder / "inbox.json").write_text(json.dumps({"items": [dataclasses.asdict(item) for item in ranked(items)]}))
    return folder
