"""What waits to be sent to one seat: control messages in order, and of the pictures only the newest."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

from hiwm.server.wire import CREDIT

MOST_WAITING_BYTES = 2**20
"""Control that a seat has not taken; above it the seat does not read, and is closed."""


class SeatIsStuck(Exception):
    """The seat does not read."""


class Outbox:
    """Credit by acknowledgement: sending is no sign that anything was seen."""

    def __init__(self) -> None:
        self._control: deque[bytes] = deque()
        self._control_bytes = 0
        self._frame: tuple[int, Sequence[bytes]] | None = None
        self._unseen: list[int] = []
        self._news = asyncio.Event()
        self.dropped = 0
        """Frames that a newer one replaced."""

    def put_control(self, message: bytes) -> None:
        """Queues a message; raises SeatIsStuck when too much waits."""
        self._control.append(message)
        self._control_bytes += len(message)
        self._news.set()
        if self._control_bytes > MOST_WAITING_BYTES:
            raise SeatIsStuck

    def put_frame(self, frame: int, pictures: Sequence[bytes]) -> None:
        """Offers a moment's pictures; one that still waits is dropped."""
        self.dropped += self._frame is not None
        self._frame = (frame, pictures)
        self._news.set()

    def forget_frame(self) -> None:
        """Drops the waiting picture: the seat looks elsewhere now."""
        self._frame = None

    def ack(self, frame: int) -> None:
        """The seat has drawn this frame, and with it all before."""
        self._unseen = [number for number in self._unseen if number > frame]
        self._news.set()

    @property
    def unseen(self) -> int:
        """Frames that were sent and not acknowledged."""
        return len(self._unseen)

    @property
    def waiting_bytes(self) -> int:
        """What is held here."""
        return self._control_bytes + sum(map(len, self._frame[1]) if self._frame else ())

    def take(self) -> list[bytes]:
        """What may be sent now: all control; a frame where there is credit."""
        taken = list(self._control)
        self._control.clear()
        self._control_bytes = 0
        if self._frame is not None and len(self._unseen) < CREDIT:
            number, pictures = self._frame
            self._frame = None
            self._unseen.append(number)
            taken += pictures
        return taken

    async def wait(self) -> list[bytes]:
        """The next messages to send."""
        while True:
            self._news.clear()
            if taken := self.take():
                return taken
            await self._news.wait()
