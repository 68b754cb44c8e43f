"""Session files of the dot, made without a server."""

from __future__ import annotations

from pathlib import Path

from hiwm.rollout import advance, first_nodes
from hiwm.session.file import SessionFile
from hiwm.session.rows import SessionAbout
from hiwm.session.session import Session
from hiwm.session.values import register
from hiwm.types import Scene
from tests.server.toy_models import ABOUT, DOT_SPEC, DotDynamics, DotMemory, DotState, Wanderer

register(DotState, DotMemory)


def recorded_session(path: Path, steps: int, scene: str = "toy/eval/3") -> Path:
    """A session in which the policy drove."""
    about = SessionAbout(
        path.stem, "toy", "bring the dot to the goal", scene, DOT_SPEC, ABOUT["dynamics"], ABOUT["policy"], 1.8e9
    )
    session = Session(SessionFile.create(path, about))
    dynamics, policy = DotDynamics(), Wanderer()
    [node] = first_nodes(policy, dynamics, [Scene.parse(scene)])
    session.start(node)
    for _ in range(steps):
        [node] = advance(policy, dynamics, [node])
        session.record(node)
    session.close()
    return path
