"""The socket: what is malformed, too much, unread or without a ticket ends there, and other seats do not notice."""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Iterator

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from hiwm.server import wire
from hiwm.server.client import Client
from hiwm.server.codec import decode_down, encode
from hiwm.server.wire import ErrorCode, Hello
from hiwm.session.phases import Command
from tests.server.gates import SEED, note, size
from tests.server.processes import Forker, ToyServer, steering
from tests.server.test_wire import fuzzed


@pytest.fixture(scope="module")
def server(forker: Forker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ToyServer]:
    """One server for all."""
    made = ToyServer(forker, tmp_path_factory.mktemp("socket"))
    yield made
    made.close()


def raw(server: ToyServer, admin: Client, ticket: str | None = None, origin: str | None = None) -> ClientConnection:
    """A connection that nobody looks after."""
    given = ticket if ticket is not None else admin.http.json("POST", "/api/ticket")["ticket"]
    return connect(
        f"ws://127.0.0.1:{server.port}/ws?ticket={given}",
        origin=Origin(origin or server.url),
        subprotocols=[Subprotocol(wire.SUBPROTOCOL)],
        compression=None,
        ping_interval=None,
        close_timeout=1,
    )


def control(connection: ClientConnection, kind: type, timeout_s: float = 5) -> object:
    """The next message of a kind."""
    end = time.monotonic() + timeout_s
    while True:
        data = connection.recv(max(0.01, end - time.monotonic()))
        assert isinstance(data, bytes)
        if data[0] >= 0x80 and isinstance(message := decode_down(data), kind):
            return message


def test_a_ticket_works_once_and_a_guess_never(server: ToyServer) -> None:
    with Client(server.link) as admin:
        ticket = admin.http.json("POST", "/api/ticket")["ticket"]
        with raw(server, admin, ticket) as connection:
            connection.send(encode(Hello(1, "raw-1")))
            control(connection, wire.Welcome)
        for used_or_guessed in (ticket, "guess", ""):
            with raw(server, admin, used_or_guessed) as connection, pytest.raises(ConnectionClosed) as closed:
                connection.recv(5)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 4401


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost"])
def test_another_origin_opens_no_socket(server: ToyServer, origin: str) -> None:
    with Client(server.link) as admin, pytest.raises(InvalidStatus, match="403"):
        raw(server, admin, origin=origin)


def test_the_first_message_is_a_hello(server: ToyServer) -> None:
    with Client(server.link) as admin:
        for first in (encode(wire.Heartbeat(1.0)), b"junk", encode(Hello(99, "raw-1"))):
            with raw(server, admin) as connection:
                connection.send(first)
                with pytest.raises(ConnectionClosed) as closed:
                    connection.recv(5)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 4400


@pytest.mark.timeout(1800)
def test_damaged_messages_end_at_the_socket(server: ToyServer) -> None:
    rng, count, longest, connections = random.Random(SEED), size(500, 10_000), 0.0, 0
    with Client(server.link) as admin:
        sent = 0
        while sent < count:
            connections += 1
            with raw(server, admin) as connection:
                connection.send(encode(Hello(1, f"fuzz-{connections}")))
                try:
                    for _ in range(30):
                        connection.send(fuzzed(rng))
                        sent += 1
                except ConnectionClosed:
                    pass
            started = time.monotonic()
            status, _ = admin.http.ask("GET", "/healthz")
            longest = max(longest, time.monotonic() - started)
            assert status in (200, 503)
    note("malformed messages on the socket", count=sent, connections=connections, longest_answer_ms=1e3 * longest)


def test_a_message_that_is_too_long_ends_the_connection(server: ToyServer) -> None:
    with Client(server.link) as admin, raw(server, admin) as connection:
        connection.send(encode(Hello(1, "long-1")))
        control(connection, wire.Welcome)
        connection.send(b"\x80" * (wire.MOST_BYTES + 1))
        with pytest.raises(ConnectionClosed):
            control(connection, wire.Error)


def test_too_many_commands_are_refused_by_number(server: ToyServer) -> None:
    with steering(server.link) as client:
        seqs = [client.command(Command.HOLD) for _ in range(60)]
        assert client.wait(lambda: client.unsaved == 0)
        codes = [client.refused[seq].code for seq in seqs if seq in client.refused]
        assert codes.count(ErrorCode.TOO_FAST) >= 20


def test_the_world_waits_for_an_operator_who_has_not_seen_it(server: ToyServer) -> None:
    with steering(server.link) as client:
        client._acks = False
        seqs = [client.steer(velocity=[0.4, 0.0]) for _ in range(6)]
        time.sleep(1.0)
        steps = [m for m in list(client.messages) if isinstance(m, wire.Step) and m.seq in seqs]
        assert 1 <= len(steps) <= wire.CREDIT + 1
        client._acks = True
        assert client.frame is not None
        client.ask(wire.Ack(client.frame.header.frame, 0.0))
        assert all(client.wait_saved(seq) for seq in seqs)


@pytest.mark.timeout(1200)
def test_a_client_that_never_reads_costs_little_and_others_nothing(server: ToyServer) -> None:
    seconds = size(10, 600)
    with steering(server.link) as client:
        assert client.state is not None
        usual_mb, usual_steps = steered(server, client, seconds / 4)  # a session that grows takes memory by itself
        with raw(server, client) as deaf:
            deaf.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            deaf.send(encode(Hello(1, "deaf-1", client.state.session)))
            grown_mb, steps = steered(server, client, seconds)
            deaf.close_socket()
    for_the_deaf_mb = grown_mb - usual_mb * steps / usual_steps
    note("client that never reads", seconds=seconds, grown_mb=for_the_deaf_mb, steps_of_the_other=steps)
    assert for_the_deaf_mb < 20
    assert steps > seconds


def steered(server: ToyServer, client: Client, seconds: float) -> tuple[float, int]:
    """By how much the server grows while a client steers for so long, and how many steps it makes."""
    before, steps, end = server.memory_mb(), 0, time.monotonic() + seconds
    while time.monotonic() < end:
        assert client.wait_saved(client.steer(velocity=[0.1, 0.0]))
        steps += 1
        time.sleep(0.05)
    return server.memory_mb() - before, steps


def test_a_second_window_with_the_same_name_replaces_the_first(server: ToyServer) -> None:
    with Client(server.link, "same-1") as first:
        assert first.connections == 1
        with raw(server, first) as second:
            second.send(encode(Hello(1, "same-1")))
            control(second, wire.Welcome)
