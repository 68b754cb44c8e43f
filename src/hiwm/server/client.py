"""The console from Python: logs in, keeps a seat over lost connections, and sends again what was not saved.

with Client("http://127.0.0.1:8123/#token=...") as client:
client.next()
client.command(Command.TAKE_OVER)
client.steer(target=[...])
"""

from __future__ import annotations

import http.client
import json
import secrets
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from hiwm.errors import HiwmError
from hiwm.server import wire
from hiwm.server.codec import decode_down, encode
from hiwm.server.frames import FrameHeader, unpack_frame
from hiwm.server.messages import Down, Up
from hiwm.session.phases import Command, Label

HEARTBEAT_S = 0.5
RETRY_S = 0.1
KEPT = 2000
"""Messages that are kept to be looked at."""


class CannotConnect(HiwmError):
    """The server cannot be reached, or does not let this client in."""


@dataclass(frozen=True, eq=False)
class Shown:
    """A frame as it came: its header and its JPEG."""

    header: FrameHeader
    jpeg: bytes


class Http:
    """Requests with the cookie and the origin of a page."""

    def __init__(self, url: str, context: ssl.SSLContext | None = None) -> None:
        self._parts, self._context = urlsplit(url), context
        self.origin = f"{self._parts.scheme}://{self._parts.netloc}"
        self.cookie = ""

    def ask(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, bytes]:
        """Status and body of an answer; raises CannotConnect."""
        sent = {"Origin": self.origin, "Cookie": self.cookie, **(headers or {})}
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        host, port = self._parts.hostname or "", self._parts.port
        link = (
            http.client.HTTPSConnection(host, port, timeout=10, context=self._context)
            if self._parts.scheme == "https"
            else http.client.HTTPConnection(host, port, timeout=10)
        )
        try:
            link.request(method, path, data, sent)
            answer = link.getresponse()
            for name, value in answer.getheaders():
                if name.lower() == "set-cookie":
                    self.cookie = value.partition(";")[0]
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise CannotConnect(f"{self.origin} cannot be reached ({error}); is hiwm serve running?") from error
        finally:
            link.close()

    def json(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON of a good answer; raises CannotConnect with the server's own words on another."""
        status, data = self.ask(method, path, body)
        found = json.loads(data)
        if status >= 400:
            raise CannotConnect(str(found.get("text", status)))
        return found


class Client:
    """A seat. What comes is kept in `state`, `info`, `lease`, `frame` and, in order, in `messages`."""

    def __init__(
        self,
        link: str,
        name: str | None = None,
        device: wire.DeviceSpec | None = None,
        code: str | None = None,
        session: str | None = None,
        context: ssl.SSLContext | None = None,
        acks: bool = True,
    ) -> None:
        """link: with `#token=`; or, for a device, the page's address and the code that its seat was given."""
        self.http = Http(link, context)
        self.name = name or f"client-{secrets.token_hex(4)}"
        self.info: wire.SessionInfo | None = None
        self.state: wire.State | None = None
        self.lease: wire.Lease | None = None
        self.frame: Shown | None = None
        self.messages: deque[Down] = deque(maxlen=KEPT)
        self.durable: dict[str, int] = {}
        self.refused: dict[int, wire.Error] = {}
        self.connections = 0
        self.timing: wire.Timing | None = None
        self.timings = 0
        self._device, self._session, self._context, self._acks = device, session, context, acks
        self._seq = 0
        self._unsaved: dict[int, wire.Input | wire.Command] = {}
        self._socket: ClientConnection | None = None
        self._news = threading.Condition(threading.RLock())
        self._stop = threading.Event()
        fragment = parse_qs(urlsplit(link).fragment)
        secret = {"code": code} if code is not None else {"token": fragment.get("token", [""])[0]}
        self.http.json("POST", "/api/login", secret)
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._run, self._beat)]
        for thread in self._threads:
            thread.start()
        self.wait(lambda: self.connections > 0 or self._stop.is_set(), 15)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Leaves the seat."""
        self._stop.set()
        self.drop()
        for thread in self._threads:
            thread.join(5)

    def drop(self) -> None:
        """Loses the connection, as a network does; the client comes back by itself."""
        socket = self._socket
        if socket is not None:
            with suppress(OSError):
                socket.socket.shutdown(2)

    # ---------------------------------------------------------------------------------------------- asking

    def open(self, session: str) -> None:
        """Looks at a session."""
        self._send(wire.Open(session))

    def next(self, skip: bool = False) -> None:
        """Takes the next inbox item, or begins a new scene."""
        self._send(wire.Next(skip))

    def new_scene(self, scene: str | None = None) -> None:
        """Begins a session."""
        self._send(wire.NewScene(scene))

    def ask(self, message: Up) -> None:
        """Sends any other message, once."""
        self._send(message)

    def command(
        self, name: Command, node: int | None = None, label: Label | None = None, reason: str | None = None
    ) -> int:
        """Gives a command; its number."""
        return self._mutate(lambda s, e, q: wire.Command(s, e, q, name, node, label, reason))

    def steer(
        self,
        velocity: Sequence[float] | None = None,
        target: Sequence[float | None] | None = None,
        device: str = "script",
        held: bool = True,
    ) -> int:
        """Asks for one step; its number."""
        moved = None if velocity is None else tuple(velocity)
        aimed = None if target is None else tuple(target)
        seen = self.frame.header.node if self.frame is not None else 0
        return self._mutate(lambda s, e, q: wire.Input(s, e, q, seen, device, held, moved, aimed))

    # ---------------------------------------------------------------------------------------------- waiting

    def __repr__(self) -> str:
        """For messages: what was refused lately."""
        errors = [m for m in list(self.messages) if isinstance(m, wire.Error)]
        return f"<Client {self.name} at {self.info and self.info.id}, {errors[-3:]}>"

    def wait(self, holds: Callable[[], Any], timeout_s: float = 10.0) -> bool:
        """Waits until something holds; False when it did not in time."""
        with self._news:
            return bool(self._news.wait_for(holds, timeout_s))

    def wait_saved(self, seq: int, timeout_s: float = 10.0) -> bool:
        """Waits until a message is on disk; False when it was refused or did not come in time."""
        return self.wait(lambda: seq not in self._unsaved, timeout_s) and seq not in self.refused

    @property
    def unsaved(self) -> int:
        """Messages that are neither saved nor refused yet."""
        return len(self._unsaved)

    # ---------------------------------------------------------------------------------------------- inside

    def _mutate(self, make: Callable[[str, int, int], wire.Input | wire.Command]) -> int:
        with self._news:
            if self.state is None:
                raise CannotConnect("open a session first")
            self._seq += 1
            message = make(self.state.session, self.lease.epoch if self.lease else self.state.epoch, self._seq)
            self._unsaved[self._seq] = message
        self._send(message)
        return self._seq

    def _send(self, message: Up) -> None:
        socket = self._socket
        if socket is not None:
            with suppress(ConnectionClosed, OSError):
                socket.send(encode(message))

    def _run(self) -> None:
        while not self._stop.is_set():
            with suppress(CannotConnect, ConnectionClosed, InvalidHandshake, OSError, TimeoutError, EOFError):
                self._serve_connection()
            self._socket = None
            self._stop.wait(RETRY_S)

    def _serve_connection(self) -> None:
        ticket = self.http.json("POST", "/api/ticket")["ticket"]
        url = f"{self.http.origin.replace('http', 'ws', 1)}/ws?ticket={ticket}"
        with connect(
            url,
            subprotocols=[Subprotocol(wire.SUBPROTOCOL)],
            origin=Origin(self.http.origin),
            ssl=self._context,
            compression=None,
            open_timeout=10,
            close_timeout=0.2,
        ) as socket:
            session = self.info.id if self.info is not None else self._session
            socket.send(encode(wire.Hello(wire.PROTOCOL, self.name, session, self._device)))
            self._socket, resend = socket, True
            while not self._stop.is_set():
                data = socket.recv()
                assert isinstance(data, bytes)
                resend = self._take(data, resend)

    def _take(self, data: bytes, resend: bool) -> bool:
        """Notes a message; True while what was not saved is still to be sent again."""
        if data[0] < 0x80:
            self._take_frame(data)
            return resend
        message = decode_down(data)
        with self._news:
            self._note(message)
            self.messages.append(message)
            self._news.notify_all()
            again = list(self._unsaved.values()) if resend and isinstance(message, wire.State) else []
        for unsaved in again:
            mine = self.lease is not None and self.lease.yours
            self._send(replace(unsaved, epoch=self.lease.epoch) if mine and self.lease else unsaved)
        return resend and not isinstance(message, wire.State)

    def _take_frame(self, data: bytes) -> None:
        header, picture = unpack_frame(data)
        with self._news:
            self.frame = Shown(header, picture)
            self._news.notify_all()
        if self._acks and header.camera == header.cameras - 1:
            self._send(wire.Ack(header.frame, 0.0))

    def _note(self, message: Down) -> None:
        match message:
            case wire.Welcome():
                self.connections += 1
            case wire.SessionInfo():
                if self.info is not None and self.info.id != message.id:
                    self._unsaved = {q: m for q, m in self._unsaved.items() if m.session == message.id}
                self.info = message
            case wire.State():
                self.state = message
            case wire.Timing():
                self.timing, self.timings = message, self.timings + 1
            case wire.Lease():
                self.lease = message
            case wire.Durable():
                self.durable[message.session] = message.upto
                self._unsaved = {q: m for q, m in self._unsaved.items() if q > message.upto}
            case wire.Error() if message.seq is not None:
                self.refused[message.seq] = message
                self._unsaved.pop(message.seq, None)

    def _beat(self) -> None:
        while not self._stop.wait(HEARTBEAT_S):
            self._send(wire.Heartbeat(1e3 * time.time()))
