"""Gates: the server, its model worker and the network fail while people steer, and nothing that was saved is lost."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from hiwm.server.client import CannotConnect, Client
from hiwm.session.file import SessionFile
from hiwm.session.phases import Command
from hiwm.session.session import Session
from tests.server.gates import SEED, note, size
from tests.server.processes import ToyServer, steering, until


class Steerer(threading.Thread):
    """An operator who steers without end: two inputs on their way, now and then a rewind."""

    def __init__(self, client: Client, seed: int) -> None:
        super().__init__(daemon=True)
        self.client, self._rng = client, random.Random(seed)
        self.acked: set[int] = set()
        self.stopping = threading.Event()

    def run(self) -> None:
        while not self.stopping.is_set():
            self._step()
            self._note()
        self.client.wait(lambda: self.client.unsaved == 0, 20)
        self._note()

    def _step(self) -> None:
        client = self.client
        if not client.wait(lambda: client.unsaved < 2 or self.stopping.is_set(), 0.5):
            return
        time.sleep(0.02)  # a connection may send 100 inputs and 20 commands a second
        with suppress(CannotConnect):
            if self._rng.random() < 0.05 and client.state is not None and client.state.head > 2:
                client.command(Command.REWIND, node=self._rng.randrange(client.state.head))
                client.command(Command.TAKE_OVER)
            else:
                client.steer(
                    velocity=[self._rng.uniform(-1, 1), 0.0]
                )  # the corner where the dot is lost is not reached

    def _note(self) -> None:
        client = self.client
        if client.info is not None:
            upto = client.durable.get(client.info.id, 0)
            sent = range(max(self.acked, default=0) + 1, upto + 1)
            self.acked |= {seq for seq in sent if seq not in client.refused}


def messages_in(path: Path, client: str) -> Counter[int]:
    """How often each message of a client is in a session file."""
    file = SessionFile.open(path, read_only=True, sealed=True)
    try:
        session = Session(file)
        rows = [row.seq for row in session.tree.rows if row.client == client]
        events = [event.seq for event in session.events if event.client == client]
    finally:
        file.close()
    return Counter(seq for seq in rows + events if seq is not None)


def check(server: ToyServer, steerers: list[Steerer]) -> int:
    """Nothing that was acknowledged is missing, nothing is there twice; how many messages there are."""
    files = {path.stem: path for path in server.sessions()}
    total = 0
    for steerer in steerers:
        assert steerer.client.info is not None
        found = messages_in(files[steerer.client.info.id], steerer.client.name)
        assert steerer.acked - found.keys() == set()
        assert [seq for seq, count in found.items() if count > 1] == []
        total += found.total()
    return total


@pytest.fixture
def steerers(server: ToyServer) -> Iterator[list[Steerer]]:
    """Four operators, each in a session of their own."""
    made = [Steerer(steering(server.link, f"operator-{number}"), SEED + number) for number in range(4)]
    for steerer in made:
        steerer.start()
    yield made
    for steerer in made:
        steerer.stopping.set()
    for steerer in made:
        steerer.join(30)
        steerer.client.close()


@pytest.mark.timeout(7200)
def test_a_killed_server_loses_nothing_that_was_saved(server: ToyServer, steerers: list[Steerer]) -> None:
    rng, restarts = random.Random(SEED), []
    kills = size(50, 1000)
    for _ in range(kills):
        before = sum(len(steerer.acked) for steerer in steerers)
        until(lambda before=before: sum(len(s.acked) for s in steerers) >= before + 4, 60)
        time.sleep(rng.uniform(0, 0.1))
        server.kill()
        started = time.monotonic()
        server.start()
        restarts.append(time.monotonic() - started)
    for steerer in steerers:
        steerer.stopping.set()
        steerer.join(60)
        assert steerer.client.unsaved == 0
    server.stop()
    total = check(server, steerers)
    note("kill -9 of the server", count=kills, messages=total, longest_restart_s=max(restarts))
    assert total > kills


@pytest.mark.timeout(3600)
def test_a_killed_model_worker_is_replaced_and_the_session_goes_on_from_what_was_shown(
    server: ToyServer, steerers: list[Steerer]
) -> None:
    kills, waits = size(10, 200), []
    for _ in range(kills):
        os.kill(server.worker(), signal.SIGKILL)
        started = time.monotonic()
        before = [len(steerer.acked) for steerer in steerers]
        until(lambda b=before: all(len(s.acked) > n for s, n in zip(steerers, b, strict=True)), 60)
        waits.append(time.monotonic() - started)
    for steerer in steerers:
        steerer.stopping.set()
        steerer.join(60)
    assert [steerer.client.refused for steerer in steerers if steerer.client.refused] == []
    server.stop()
    note("model worker killed", count=kills, messages=check(server, steerers), longest_wait_s=max(waits))


@pytest.mark.timeout(3600)
def test_a_cut_network_neither_loses_nor_doubles_inputs(server: ToyServer, steerers: list[Steerer]) -> None:
    rng, waits, cuts = random.Random(SEED), [], size(20, 500)
    for _ in range(cuts):
        steerer = rng.choice(steerers)
        connections, acked = steerer.client.connections, len(steerer.acked)
        started = time.monotonic()
        steerer.client.drop()
        until(lambda s=steerer, n=connections: s.client.connections > n, 30)
        until(lambda s=steerer, n=acked: len(s.acked) > n, 30)
        waits.append(time.monotonic() - started)
        time.sleep(rng.uniform(0, 0.1))
    for steerer in steerers:
        steerer.stopping.set()
        steerer.join(60)
        assert steerer.client.unsaved == 0
    assert [steerer.client.refused for steerer in steerers if steerer.client.refused] == []
    sent = [set(range(1, max(s.acked) + 1)) for s in steerers]
    server.stop()
    total = check(server, steerers)
    assert total == sum(len(numbers) for numbers in sent)  # every message is there, once
    note("network cuts", count=cuts, messages=total, p95_resume_s=sorted(waits)[int(0.95 * len(waits))])
