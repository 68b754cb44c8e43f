"""One WebSocket: a ticket, a hello, then messages both ways until it ends."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from hiwm.errors import HiwmError
from hiwm.server.accounts import CODE_S, NotWelcome, User
from hiwm.server.codec import BadMessage, decode_up
from hiwm.server.hub import Hub
from hiwm.server.limits import COMMANDS_A_SECOND, INPUTS_A_SECOND, OTHERS_A_SECOND, Bucket
from hiwm.server.logs import log, log_failure, unix_ms
from hiwm.server.messages import Up
from hiwm.server.refusals import code_of
from hiwm.server.seat import CLOSE_REPLACED, Seat
from hiwm.server.wire import (
    PROTOCOL,
    SUBPROTOCOL,
    Ack,
    Command,
    DeviceSpec,
    ErrorCode,
    Ghost,
    GhostReady,
    Heartbeat,
    Hello,
    Input,
    NewScene,
    Next,
    Open,
    Pair,
    PairCode,
    Pulse,
    Role,
    Welcome,
)
from hiwm.spec import RobotSpec

HELLO_S = 10.0
MOST_MALFORMED = 20
SHORT_OF_TIME = 200
"""Messages that may be refused for their number before the connection is closed."""
CLOSE_MALFORMED, CLOSE_TICKET, CLOSE_TOO_FAST = 4400, 4401, 4429
ROLES_THAT_MAY: dict[type, frozenset[Role]] = {
    Input: frozenset({Role.ADMIN, Role.OPERATOR, Role.DEVICE}),
    Command: frozenset({Role.ADMIN, Role.OPERATOR}),
    Next: frozenset({Role.ADMIN, Role.OPERATOR}),
    NewScene: frozenset({Role.ADMIN, Role.OPERATOR}),
    Pair: frozenset({Role.ADMIN, Role.OPERATOR}),
    Ghost: frozenset({Role.ADMIN, Role.OPERATOR, Role.VIEWER}),
    Open: frozenset({Role.ADMIN, Role.OPERATOR, Role.VIEWER}),
    Ack: frozenset(Role),
    Heartbeat: frozenset(Role),
}


SLOW = (Open, Next, NewScene, Ghost)
"""Messages that wait for files or the model."""


class Ended(Exception):
    """The connection is to be closed with this code."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


async def serve_socket(socket: WebSocket, hub: Hub) -> None:
    """Serves one connection until it ends."""
    try:
        user = hub.accounts.redeem(socket.query_params.get("ticket", ""))
    except NotWelcome as error:
        await socket.accept(subprotocol=_subprotocol(socket))
        await socket.close(CLOSE_TICKET, str(error)[:100])
        return
    await socket.accept(subprotocol=_subprotocol(socket))
    connection = Connection(socket, hub, user)
    try:
        await connection.serve()
    except Ended as end:
        log("connection closed", code=end.code, text=str(end), operator=user.name)
        with contextlib.suppress(RuntimeError):
            await socket.close(end.code, str(end)[:100])
    except WebSocketDisconnect:
        pass
    finally:
        await connection.end()


def _subprotocol(socket: WebSocket) -> str | None:
    return SUBPROTOCOL if SUBPROTOCOL in socket.scope.get("subprotocols", []) else None


class Connection:
    """What belongs to one connection: its seat, its limits, and the task that sends."""

    def __init__(self, socket: WebSocket, hub: Hub, user: User) -> None:
        self._socket, self._hub, self._user = socket, hub, user
        self._seat: Seat | None = None
        self._sender: asyncio.Task[None] | None = None
        self._ended: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
        self._limits = {
            Input: Bucket(INPUTS_A_SECOND, INPUTS_A_SECOND),
            Command: Bucket(COMMANDS_A_SECOND, COMMANDS_A_SECOND),
        }
        self._turn, self._slow = asyncio.Lock(), list[asyncio.Task[None]]()
        self._others = Bucket(OTHERS_A_SECOND, OTHERS_A_SECOND)
        self._malformed = Bucket(MOST_MALFORMED / 60, MOST_MALFORMED)
        self._refused = Bucket(SHORT_OF_TIME / 60, SHORT_OF_TIME)

    async def serve(self) -> None:
        """Takes messages until the client goes, or has to."""
        seat = await self._greet()
        while True:
            data = await self._receive()
            try:
                message = decode_up(data)
            except BadMessage as error:
                if not self._malformed.take():
                    raise Ended(CLOSE_MALFORMED, "too many messages that are none") from error
                seat.refuse(ErrorCode.MALFORMED, str(error))
                continue
            await self._take(seat, message)

    async def end(self) -> None:
        """The connection is gone."""
        for task in self._slow:
            task.cancel()
        await asyncio.gather(*self._slow, return_exceptions=True)
        if self._sender is not None:
            self._sender.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sender
        if self._seat is not None:
            await self._hub.disconnected(self._seat)

    async def _receive(self) -> bytes:
        """The next message; raises Ended when the seat is stuck or replaced, WebSocketDisconnect when it goes."""
        receiving = asyncio.ensure_future(self._socket.receive())
        waited: set[asyncio.Future[Any]] = {receiving, self._ended}
        try:
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            if self._ended.done():
                raise self._ended.result()
        finally:
            receiving.cancel()  # does nothing to one that is done
        event = receiving.result()
        if event["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(event.get("code", 1000))
        return event.get("bytes") or str(event.get("text") or "").encode()

    async def _greet(self) -> Seat:
        """The hello and its answer."""
        try:
            async with asyncio.timeout(HELLO_S):
                hello = decode_up(await self._receive())
        except (BadMessage, TimeoutError) as error:
            raise Ended(CLOSE_MALFORMED, f"expected a hello first ({error})") from error
        if not isinstance(hello, Hello) or hello.protocol != PROTOCOL:
            raise Ended(CLOSE_MALFORMED, f"expected a hello with protocol {PROTOCOL}; load the page again")
        seat = Seat(hello.client, self._user, hello.device)
        other = self._hub.seats.get(hello.client)
        if other is not None and (other.user.name, other.user.role) != (self._user.name, self._user.role):
            raise Ended(CLOSE_REPLACED, "this client's name is somebody else's")
        seat.end = self._stop
        self._seat = seat
        await self._hub.connected(seat)
        self._sender = asyncio.create_task(self._send(seat))
        seat.send(Welcome(PROTOCOL, seat.client, self._user.name, self._user.role, unix_ms()))
        session = hello.session
        if self._user.role is Role.DEVICE:
            session = self._device_session(seat)
        if session is not None:
            await self._guarded(seat, Open(session))
        return seat

    def _device_session(self, seat: Seat) -> str | None:
        """The session of the seat that a device steers for; raises Ended where its numbers are others."""
        spec = self._hub.model.spec
        if seat.device is None:
            raise Ended(CLOSE_MALFORMED, "a device says in its hello which numbers it sends")
        if spec is not None and (problem := device_mismatch(seat.device, spec)) is not None:
            seat.refuse(ErrorCode.MISMATCH, problem)
        page = self._hub.seats.get(self._user.seat or "")
        return None if page is None else page.session

    def _stop(self, code: int, reason: str) -> None:
        """Called for the seat: it does not read, or somebody else sits there now."""
        if not self._ended.done():
            self._ended.set_result(Ended(code, reason))

    async def _send(self, seat: Seat) -> None:
        try:
            while True:
                for message in await seat.outbox.wait():
                    await self._socket.send_bytes(message)
        except (WebSocketDisconnect, RuntimeError):
            pass  # the receiving side notices

    async def _take(self, seat: Seat, message: Up) -> None:
        seq = message.seq if isinstance(message, Input | Command) else None
        if not self._limits.get(type(message), self._others).take():
            if not self._refused.take():
                raise Ended(CLOSE_TOO_FAST, "far too many messages")
            seat.refuse(ErrorCode.TOO_FAST, "too many messages a second; send fewer", seq)
            return
        if self._user.role not in ROLES_THAT_MAY.get(type(message), frozenset()):
            seat.refuse(ErrorCode.FORBIDDEN, f"a {self._user.role} may not do this; ask for another link", seq)
            return
        if isinstance(message, SLOW):
            self._slow.append(asyncio.create_task(self._in_turn(seat, message)))
            self._slow = [task for task in self._slow if not task.done()]
            return
        await self._guarded(seat, message)

    async def _in_turn(self, seat: Seat, message: Up) -> None:
        """What takes time does not keep heartbeats waiting; one after the other."""
        async with self._turn:
            await self._guarded(seat, message)

    async def _guarded(self, seat: Seat, message: Up) -> None:
        seq = message.seq if isinstance(message, Input | Command) else None
        try:
            await self._dispatch(seat, message)
        except HiwmError as error:
            seat.refuse(code_of(error), str(error), seq)
        except (Ended, WebSocketDisconnect):
            raise
        except Exception as error:  # the outermost handler of a connection: others go on
            log_failure("message failed", error, operator=self._user.name)
            seat.refuse(ErrorCode.INTERNAL, "something went wrong here; the server's log says what", seq)

    async def _dispatch(self, seat: Seat, message: Up) -> None:
        match message:
            case Heartbeat():
                seat.heard = time.monotonic()
                seat.send(Pulse(message.sent_ms, unix_ms()))
            case Ack():
                seat.outbox.ack(message.frame)
                if (room := self._hub.room_of(seat)) is not None:
                    room.acked()
            case Input() | Command():
                self._submit(seat, message)
            case Open():
                await self._hub.open(seat, message.session)
            case Next():
                await self._hub.next(seat, message.skip)
            case NewScene():
                await self._hub.new_scene(seat, message.scene)
            case Pair():
                seat.send(PairCode(self._hub.accounts.code(self._user, seat.client), CODE_S))
            case Ghost():
                count = await self._hub.ghost(seat, message.session, message.node)
                seat.send(GhostReady(message.session, message.node, count))

    def _submit(self, seat: Seat, message: Input | Command) -> None:
        room = self._hub.room_of(seat)
        if room is None or room.id != message.session:
            seat.refuse(ErrorCode.UNKNOWN, f"open session {message.session} before you act in it", message.seq)
            return
        if seat.device is not None and (problem := device_mismatch(seat.device, room.spec)) is not None:
            seat.refuse(ErrorCode.MISMATCH, problem, message.seq)
            return
        room.submit(seat, message)


def device_mismatch(device: DeviceSpec, spec: RobotSpec) -> str | None:
    """Why a device cannot steer this robot; None when it can."""
    wanted = [(number.name, number.unit) for number in spec.action]
    given = list(zip(device.names, device.units, strict=False))
    if given == wanted and len(device.names) == len(device.units):
        return None
    return (
        f"{device.name} sends {_listed(device.names, device.units)}, the robot takes "
        f"{_listed([name for name, _ in wanted], [unit for _, unit in wanted])}; name a retargeter at the bridge"
    )


def _listed(names: Sequence[str], units: Sequence[str]) -> str:
    return f"{len(names)} numbers ({', '.join(names[:4])} ... in {', '.join(dict.fromkeys(units))})"[:200]
