"""Leases: one holder an epoch, whatever the order of what two operators do."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from hiwm.server.database import Database
from hiwm.server.leases import LEASE_S, Leases, Refused
from tests.server.gates import SEED, note, size


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def leases(tmp_path: Path, clock: Clock) -> Leases:
    return Leases(Database(tmp_path / "server.db"), clock)


def test_a_free_session_is_taken_once(leases: Leases) -> None:
    held = leases.take("a", "one", "ada", 0)
    assert (held.holder, held.epoch) == ("one", 1)
    with pytest.raises(Refused, match="ada has this session"):
        leases.take("a", "two", "bob", 0)
    with pytest.raises(Refused, match="ada has this session"):
        leases.take("a", "two", "bob", 1)


def test_an_old_epoch_takes_and_writes_nothing(leases: Leases) -> None:
    leases.take("a", "one", "ada", 0)
    leases.release("a", "one", 1)
    with pytest.raises(Refused, match="earlier turn") as refused:
        leases.take("a", "two", "bob", 0)
    assert refused.value.stale
    leases.take("a", "two", "bob", 1)
    with pytest.raises(Refused):
        leases.require("a", "one", 1)
    leases.require("a", "two", 2)


def test_a_lease_runs_out_unless_it_is_renewed(leases: Leases, clock: Clock) -> None:
    leases.take("a", "one", "ada", 0)
    clock.now += LEASE_S - 1
    leases.renew("a", "one", 1)
    clock.now += LEASE_S - 1
    leases.require("a", "one", 1)
    clock.now += 2
    with pytest.raises(Refused):
        leases.require("a", "one", 1)
    leases.renew("a", "one", 1)  # too late
    assert leases.take("a", "two", "bob", 1).epoch == 2


def test_leases_survive_a_restart(tmp_path: Path, clock: Clock) -> None:
    first = Database(tmp_path / "server.db")
    Leases(first, clock).take("a", "one", "ada", 0)
    first.close()
    again = Leases(Database(tmp_path / "server.db"), clock)
    assert again.now("a").holder == "one"
    again.require("a", "one", 1)


@pytest.mark.timeout(3600)
def test_two_operators_race(tmp_path: Path, clock: Clock) -> None:
    """Two servers' worth of connections to one file, in every order: epochs have one holder, old ones write nothing."""
    rng, count = random.Random(SEED), size(500, 10_000)
    desks = [Leases(Database(tmp_path / "server.db"), clock) for _ in range(2)]
    holders: dict[int, str] = {}
    writes: list[tuple[int, str]] = []
    known = [0, 0]
    for _ in range(count):
        me = rng.randrange(2)
        name, leases = f"client-{me}", desks[me]
        match rng.randrange(5):
            case 0:
                known[me] = leases.now("a").epoch
            case 1:
                try:
                    known[me] = leases.take("a", name, name, known[me]).epoch
                except Refused:
                    continue
                assert known[me] not in holders
                holders[known[me]] = name
            case 2:
                leases.release("a", name, known[me])
            case 3:
                clock.now += rng.choice([1, LEASE_S + 1])
            case _:
                try:
                    leases.require("a", name, known[me])
                except Refused:
                    continue
                writes.append((known[me], name))
    assert all(holders[epoch] == name for epoch, name in writes)
    assert [epoch for epoch, _ in writes] == sorted(epoch for epoch, _ in writes)
    note("two operators race", count=count, epochs=len(holders), writes=len(writes))
    assert len(writes) > 10
