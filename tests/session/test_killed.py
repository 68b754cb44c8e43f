"""Killed at any moment, a session has lost no step that was acknowledged, and has none twice."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from hiwm.session.check import verify
from hiwm.session.file import SessionFile
from hiwm.session.session import Session
from tests.session.recorder import ABOUT, CAMERA, node_of

KILLS = 50


@pytest.fixture
def recorders() -> Iterator[subprocess.Popen[str]]:
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-m", "tests.session.recorder"],
        cwd=root,
        env=os.environ | {"PYTHONPATH": f"{root}{os.pathsep}{root / 'src'}"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


def recorded_until_killed(recorders: subprocess.Popen[str], path: Path, first: int, wait_s: float) -> list[int]:
    """Lets one record, kills it so long after its first acknowledgement; gives all that it acknowledged."""
    assert recorders.stdin is not None
    assert recorders.stdout is not None
    recorders.stdin.write(f"{path} {first}\n")
    recorders.stdin.flush()
    pid = int(recorders.stdout.readline().split()[1])
    saved = [recorders.stdout.readline()]
    time.sleep(wait_s)
    os.kill(pid, signal.SIGKILL)
    while (line := recorders.stdout.readline()) != "ended\n":
        saved.append(line)
    return [int(line.split()[1]) for line in saved]


def test_killed_fifty_times_nothing_is_lost_and_nothing_doubled(
    recorders: subprocess.Popen[str], tmp_path: Path
) -> None:
    path, chance = tmp_path / "killed.hiwm", random.Random(0)
    session = Session(SessionFile.create(path, ABOUT))
    first = node_of(0, 0)
    session.start(first.__class__(first.state, first.memory, first.observation, first.reading))
    session.close()
    acknowledged: list[int] = []
    for _ in range(KILLS):
        # a client that does not know whether its last messages arrived sends them again
        again = max(1, acknowledged[-1] - chance.randrange(3)) if acknowledged else 1
        acknowledged += recorded_until_killed(recorders, path, again, chance.uniform(0, 0.03))
        if chance.random() < 0.2:
            verify(path)
    assert verify(path).nodes > KILLS
    session = Session(SessionFile.open(path))
    heard = [row.seq for row in session.tree.rows[1:]]
    assert len(heard) == len(set(heard))
    assert set(acknowledged) <= set(heard)
    assert set(heard) == set(range(1, len(heard) + 1))
    for row in session.tree.rows[1:]:
        assert row.seq is not None
        picture = node_of(row.seq, row.step).observation.images[CAMERA]
        assert np.array_equal(session.file.observation(row.id).images[CAMERA], picture)
