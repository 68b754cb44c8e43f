"""Whose turn it is in one room: its lease, and the rule by which messages with an old epoch are refused."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Protocol

from hiwm.server.leases import RENEW_S, Held, Leases, Refused
from hiwm.server.logs import log
from hiwm.server.seat import Seat
from hiwm.server.wire import Lease


class Store(Protocol):
    """Runs something that touches files in the thread that does so."""

    def __call__[**P, T](self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Awaitable[T]:
        """The function's result."""
        ...


class Turn:
    """The lease of a session as the room knows it; `server.db` decides."""

    def __init__(self, session: str, leases: Leases, store: Store) -> None:
        self.session, self.held = session, leases.now(session)
        self._leases, self._store = leases, store
        self._renewed = 0.0

    def is_of(self, seat: Seat) -> bool:
        """True when it is this seat's (or, for a device, that of the seat it acts for)."""
        return bool(self.held.holder) and self.held.holder == seat.holder

    @property
    def ran_out(self) -> bool:
        """True when there is a holder who was not heard of for too long."""
        return bool(self.held.holder) and self.held.is_free(time.time())

    def message(self, seat: Seat) -> Lease:
        """What a seat is told of it."""
        return Lease(self.session, self.held.user or None, self.held.epoch, self.is_of(seat))

    async def take(self, seat: Seat, epoch: int, from_holder: bool) -> bool:
        """Makes the seat the holder; True where it was not. from_holder: nobody drives, a holder gives way.

        Raises Refused.
        """
        if self.is_of(seat):
            self.require(seat, epoch)
            return False
        if self.held.holder and from_holder:
            await self._store(self._leases.release, self.session, self.held.holder, self.held.epoch)
        self.held = await self._store(self._leases.take, self.session, seat.holder, seat.user.name, epoch)
        log("lease", session=self.session, operator=seat.user.name, epoch=self.held.epoch)
        return True

    def require(self, seat: Seat, epoch: int) -> None:
        """Raises Refused unless it is this seat's.

        The epoch before its own is its own too: it was sent before the seat heard that its turn had begun.
        """
        if self.held.holder and not self.is_of(seat):
            raise Refused(f"{self.held.user} has this session now; watch, or wait until it is free")
        if not self.is_of(seat) or epoch not in (self.held.epoch, self.held.epoch - 1):
            raise Refused(
                f"this was meant for an earlier turn (epoch {epoch}, now {self.held.epoch}); take over again",
                stale=True,
            )

    def require_on_disk(self, holder: str, epoch: int) -> None:
        """The same for a write, asked of `server.db` in the store's thread right before it."""
        self._leases.require(self.session, holder, epoch)

    async def renew(self) -> None:
        """A sign of life of the holder, written now and then."""
        now = time.monotonic()
        if now - self._renewed > RENEW_S:
            self._renewed = now
            await self._store(self._leases.renew, self.session, self.held.holder, self.held.epoch)
            self.held = self._leases.now(self.session)

    async def release(self) -> None:
        """Frees the session."""
        await self._store(self._leases.release, self.session, self.held.holder, self.held.epoch)
        self.held = Held(epoch=self.held.epoch)

    def forget(self) -> None:
        """The lease ran out."""
        self.held = Held(epoch=self.held.epoch)
