"""Records a session and says when each step is saved: `python -m tests.server.power_recorder FILE STEPS SYNC`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from hiwm.rollout import advance, first_nodes
from hiwm.session.file import SessionFile
from hiwm.session.rows import SessionAbout
from hiwm.session.session import Session
from hiwm.types import Scene
from tests.server import recorded  # noqa: F401 registers what is stored
from tests.server.toy_models import ABOUT, DOT_SPEC, DotDynamics, Wanderer

if __name__ == "__main__":
    path, steps, sync = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    about = SessionAbout(path.stem, "toy", "", "toy/a/0", DOT_SPEC, ABOUT["dynamics"], ABOUT["policy"], 1.8e9)
    session = Session(SessionFile.create(path, about))
    session.file._database.execute(f"PRAGMA synchronous={sync}")
    session.file._database.execute("PRAGMA wal_autocheckpoint=40")  # checkpoints happen while it is recorded
    dynamics, policy = DotDynamics(), Wanderer()
    [node] = first_nodes(policy, dynamics, [Scene.parse("toy/a/0")])
    session.start(node)
    for step in range(steps):
        [node] = advance(policy, dynamics, [node])
        session.record(node, client="power", seq=step)
        os.write(1, b"saved %d\n" % step)
    os._exit(0)  # without closing, as when the power goes
