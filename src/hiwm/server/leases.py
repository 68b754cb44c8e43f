"""Who may change a session: one holder per epoch, taken by compare-and-swap, and every write carries its epoch."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from hiwm.errors import BadInput
from hiwm.server.database import Database

LEASE_S = 30.0
"""From the last sign of life of its holder until a lease is free."""
RENEW_S = 5.0


class Refused(BadInput):
    """Somebody else holds the session, or the epoch is an old one (`stale`)."""

    def __init__(self, text: str, stale: bool = False) -> None:
        super().__init__(text)
        self.stale = stale


@dataclass(frozen=True)
class Held:
    """holder: the client with the lease, "" for none. user: its name. epoch: counts the holders of the session."""

    holder: str = ""
    user: str = ""
    epoch: int = 0
    expires: float = 0.0

    def is_free(self, now: float) -> bool:
        """True when anybody may take it."""
        return not self.holder or self.expires <= now


class Leases:
    """The leases of all sessions, in `server.db`."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database, self._clock = database, clock

    def now(self, session: str) -> Held:
        """The lease of a session as it stands; of a lease that ran out only the epoch is left."""
        found = self._database.read("SELECT holder, user, epoch, expires FROM leases WHERE session = ?", (session,))
        held = Held(*found[0]) if found else Held()
        return Held(epoch=held.epoch) if held.is_free(self._clock()) else held

    def take(self, session: str, holder: str, user: str, epoch: int) -> Held:
        """Gives a free session to a client that knows its epoch; raises Refused.

        One statement decides: of two that try with the same epoch, one finds it changed.
        """
        now = self._clock()
        with self._database.transaction() as change:
            change.execute("INSERT OR IGNORE INTO leases VALUES (?, '', '', 0, 0)", (session,))
            met = change.execute(
                "UPDATE leases SET holder = ?, user = ?, epoch = epoch + 1, expires = ? "
                "WHERE session = ? AND epoch = ? AND (holder = '' OR expires <= ?)",
                (holder, user, now + LEASE_S, session, epoch, now),
            ).rowcount
        if not met:
            self._refuse(session, epoch)
        return Held(holder, user, epoch + 1, now + LEASE_S)

    def require(self, session: str, holder: str, epoch: int) -> None:
        """Raises Refused unless this client holds the session in this epoch."""
        held = self.now(session)
        if held.holder != holder or held.epoch != epoch:
            self._refuse(session, epoch)

    def renew(self, session: str, holder: str, epoch: int) -> None:
        """A sign of life; does nothing for an old epoch. Written at most every RENEW_S."""
        now = self._clock()
        self._database.change(
            "UPDATE leases SET expires = ? WHERE session = ? AND holder = ? AND epoch = ? AND expires > ?",
            (now + LEASE_S, session, holder, epoch, now),
        )

    def release(self, session: str, holder: str, epoch: int) -> None:
        """Frees the session; does nothing for an old epoch."""
        self._database.change(
            "UPDATE leases SET holder = '', user = '', expires = 0 WHERE session = ? AND holder = ? AND epoch = ?",
            (session, holder, epoch),
        )

    def _refuse(self, session: str, epoch: int) -> None:
        held = self.now(session)
        if held.holder:
            raise Refused(f"{held.user} has this session now; watch, or wait until it is free")
        raise Refused(f"this was meant for an earlier turn (epoch {epoch}, now {held.epoch}); take over again", True)
