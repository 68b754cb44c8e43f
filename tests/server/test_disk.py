"""Gate: the disk is full for a while; nothing is said to be saved that is not, and work goes on when there is space."""

from __future__ import annotations

import random
import resource
import time

import pytest

from hiwm.server.wire import ErrorCode
from hiwm.session.phases import Command
from tests.server.gates import SEED, note, size
from tests.server.processes import ToyServer, steering, until
from tests.server.test_kill import messages_in


@pytest.mark.timeout(3600)
def test_a_full_disk_is_said_and_survived(server: ToyServer) -> None:
    """The process may write no file beyond a few pages: every write fails as it does on a full disk."""
    rng, points, refusals = random.Random(SEED), size(20, 200), 0
    unlimited = resource.prlimit(server.pid, resource.RLIMIT_FSIZE)
    saved: set[int] = set()
    with steering(server.link) as client:
        for _ in range(points):
            for _ in range(rng.randrange(1, 4)):
                seq = client.steer(velocity=[rng.uniform(-1, 1), 0.0])
                assert client.wait_saved(seq)
                saved.add(seq)
            resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (rng.randrange(0, 3) * 1024, unlimited[1]))
            refused = client.command(Command.HOLD) if rng.random() < 0.3 else client.steer(velocity=[0.1, 0.0])
            assert not client.wait_saved(refused)
            assert client.refused[refused].code is ErrorCode.NO_SPACE
            assert "space" in client.refused[refused].text
            refusals += 1
            resource.prlimit(server.pid, resource.RLIMIT_FSIZE, unlimited)
        seq = client.steer(velocity=[0.1, 0.0])
        assert client.wait_saved(seq)
        saved.add(seq)
        assert client.info is not None
        name = client.info.id
    server.stop()
    [path] = [path for path in server.sessions() if path.stem == name]
    found = messages_in(path, client.name)
    assert saved <= found.keys()
    assert not set(client.refused) & found.keys()
    note("disk full", count=points, refused=refusals, saved=len(saved))


def test_a_full_disk_does_not_end_watching(server: ToyServer) -> None:
    with steering(server.link) as client:
        assert client.wait_saved(client.command(Command.HAND_BACK))
        unlimited = resource.prlimit(server.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (0, unlimited[1]))
        assert client.wait(lambda: any(getattr(m, "code", None) is ErrorCode.NO_SPACE for m in list(client.messages)))
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, unlimited)
        assert client.frame is not None
        step = client.frame.header.step
        until(lambda: client.frame is not None and client.frame.header.step > step + 2)
        assert time.time() > 0
