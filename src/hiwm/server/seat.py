"""One connection: who sits there, what is on its way to it, and when it was last heard of."""

from __future__ import annotations

import time
from collections.abc import Callable

from hiwm.server.accounts import User
from hiwm.server.codec import encode
from hiwm.server.frames import Codec, FrameHeader, FrameKind, pack_frame
from hiwm.server.logs import unix_ms
from hiwm.server.messages import Down
from hiwm.server.outbox import Outbox, SeatIsStuck
from hiwm.server.wire import DeviceSpec, Error, ErrorCode, Role

CLOSE_STUCK, CLOSE_REPLACED = 4408, 4409
SILENCE_S = 2.0
"""Without a heartbeat for so long, nobody sits there."""


def sentence(text: str) -> str:
    """On one line, and not too long for a message."""
    return " ".join(text.split())[:2000]


class Seat:
    """A client's place at the console; a device has a seat of its own, and acts for the one that it is paired with."""

    def __init__(self, client: str, user: User, device: DeviceSpec | None = None) -> None:
        self.client, self.user, self.device = client, user, device
        self.outbox = Outbox()
        self.session: str | None = None
        """What it looks at."""
        self.heard = time.monotonic()
        self.connected = True
        self.end: Callable[[int, str], None] = lambda code, reason: None
        """Closes the connection."""
        self._frames = 0

    @property
    def holder(self) -> str:
        """The client that holds leases for this seat."""
        return self.user.seat or self.client

    @property
    def may_operate(self) -> bool:
        """Whether it may change sessions by commands."""
        return self.user.role in (Role.ADMIN, Role.OPERATOR)

    @property
    def present(self) -> bool:
        """True while it is connected and was heard of."""
        return self.connected and time.monotonic() - self.heard < SILENCE_S

    def send(self, message: Down) -> None:
        """Queues a control message."""
        if not self.connected:
            return
        try:
            self.outbox.put_control(encode(message))
        except SeatIsStuck:
            self.connected = False
            self.end(CLOSE_STUCK, "this seat does not read")

    def refuse(self, code: ErrorCode, text: str, seq: int | None = None) -> None:
        """Says why something was refused."""
        self.send(Error(code, sentence(text), seq))

    def show(self, branch: int, node: int, step: int, pictures: list[bytes]) -> None:
        """Offers the pictures of a moment, one JPEG for each camera."""
        self._frames += 1
        now, cameras = unix_ms(), len(pictures)
        packed = [
            pack_frame(
                FrameHeader(
                    FrameKind.LIVE, camera, cameras, Codec.JPEG, branch, node, step, self._frames, now, len(picture)
                ),
                picture,
            )
            for camera, picture in enumerate(pictures)
        ]
        self.outbox.put_frame(self._frames, packed)
