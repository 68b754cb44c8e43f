"""The console from another machine: HTTPS under a public name, page and socket, and no other name."""

from __future__ import annotations

import json
import shutil
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

from hiwm.server import wire
from hiwm.server.codec import decode_down, encode
from tests.server.gates import note
from tests.server.processes import Forker, ToyServer

NAME = "console.example.org"


@pytest.fixture
def server(forker: Forker, tmp_path: Path) -> Iterator[ToyServer]:
    """A server with a self-signed certificate for a name that is not loopback."""
    if shutil.which("openssl") is None:
        pytest.skip("the openssl command is not here")
    made = ToyServer(forker, tmp_path / "console", public_name=NAME)
    yield made
    made.close()


def context(server: ToyServer) -> ssl.SSLContext:
    """Trusts the server's certificate, and checks its name."""
    return ssl.create_default_context(cafile=str(server.folder / f"tls-{NAME}.crt"))


def ask(
    server: ToyServer, method: str, path: str, host: str, body: bytes = b"", cookie: str = ""
) -> tuple[bytes, bytes]:
    """Head and body of an answer, by the name of the certificate and any Host."""
    origin = f"https://{NAME}:{server.port}"
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\nCookie: {cookie}\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    with (
        socket.create_connection(("127.0.0.1", server.port), 5) as plain,
        context(server).wrap_socket(plain, server_hostname=NAME) as link,
    ):
        link.sendall(head.encode() + body)
        answer = b""
        while part := link.recv(65536):
            answer += part
    first, _, rest = answer.partition(b"\r\n\r\n")
    return first, rest


def test_page_and_socket_work_over_https_under_the_public_name(server: ToyServer) -> None:
    host = f"{NAME}:{server.port}"
    token = server.link.partition("#token=")[2]
    assert server.link.startswith(f"https://{host}/#")
    head, _ = ask(server, "POST", "/api/login", host, json.dumps({"token": token}).encode())
    [cookie] = [line for line in head.decode().splitlines() if line.lower().startswith("set-cookie")]
    assert "__Host-hiwm" in cookie
    assert "Secure" in cookie
    value = cookie.partition(": ")[2].partition(";")[0]
    _, body = ask(server, "POST", "/api/ticket", host, cookie=value)
    with (
        socket.create_connection(("127.0.0.1", server.port), 5) as plain,
        connect(
            f"wss://{host}/ws?ticket={json.loads(body)['ticket']}",
            sock=plain,
            ssl=context(server),
            server_hostname=NAME,
            origin=Origin(f"https://{host}"),
            subprotocols=[Subprotocol(wire.SUBPROTOCOL)],
        ) as link,
    ):
        link.send(encode(wire.Hello(1, "far-away")))
        data = link.recv(5)
        assert isinstance(data, bytes)
        assert isinstance(decode_down(data), wire.Welcome)
    head, _ = ask(server, "GET", "/healthz", f"127.0.0.1:{server.port}")
    assert b" 421 " in head.splitlines()[0]
    note("https under a public name", count=1)
