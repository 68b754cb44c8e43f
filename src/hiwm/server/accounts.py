"""Who may come in: links with tokens, cookies, one-use tickets for sockets, codes for devices; only hashes are kept."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from hiwm.errors import BadInput
from hiwm.server.database import Database
from hiwm.server.wire import NAME, Role

LINK_S = 12 * 3600.0
INVITATION_S = 7 * 24 * 3600.0
COOKIE_S = 7 * 24 * 3600.0
TICKET_S = 30.0
CODE_S = 120
_CODE_LETTERS = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
MOST_KEYS = 200


class NotWelcome(BadInput):
    """A token, cookie, ticket or code that lets nobody in."""


@dataclass(frozen=True)
class User:
    """Somebody who is logged in. seat: for a device, the client that it steers for."""

    name: str
    role: Role
    seat: str | None = None


class Accounts:
    """Links, cookies, tickets and codes. The clock gives Unix seconds."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database, self._clock = database, clock
        self._tickets: dict[bytes, tuple[User, float]] = {}
        self._codes: dict[bytes, tuple[str, str, float]] = {}

    def invite(self, name: str, role: Role, lasts_s: float = INVITATION_S) -> str:
        """A fresh token for somebody; an older one of theirs ends."""
        if not re.fullmatch(NAME, name):
            raise BadInput(f"expected a name of a-z, 0-9, '.', '_' and '-', at most 64 long, got {name!r:.80}")
        token = secrets.token_urlsafe(32)
        self._database.change(
            "INSERT INTO people VALUES (?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET role = excluded.role, "
            "token = excluded.token, expires = excluded.expires",
            (name, role.value, _hash(token), self._clock() + lasts_s),
        )
        return token

    def login(self, token: str) -> tuple[str, User]:
        """A cookie for a token; raises NotWelcome."""
        found = self._database.read("SELECT name, role, expires FROM people WHERE token = ?", (_hash(token),))
        if not found:
            raise NotWelcome("this link is not valid; ask for a new one, or take the one that hiwm serve printed")
        name, role, expires = found[0]
        if expires < self._clock():
            raise NotWelcome("this link has expired; ask for a new one, or start hiwm serve again")
        return self._cookie(User(name, Role(role)))

    def login_device(self, code: str) -> tuple[str, User]:
        """A cookie for a code that a seat was given, once; raises NotWelcome."""
        name, seat, expires = self._codes.pop(_hash(code.strip().upper()), ("", "", 0.0))
        if expires < self._clock():
            raise NotWelcome("this code is not valid (any more); ask the page for a new one")
        return self._cookie(User(name, Role.DEVICE, seat))

    def user(self, cookie: str | None) -> User | None:
        """Whose cookie this is."""
        if not cookie:
            return None
        rows = self._database.read(
            "SELECT name, role, seat FROM cookies WHERE cookie = ? AND expires > ?", (_hash(cookie), self._clock())
        )
        return User(rows[0][0], Role(rows[0][1]), rows[0][2]) if rows else None

    def logout(self, cookie: str) -> None:
        """Ends a cookie."""
        self._database.change("DELETE FROM cookies WHERE cookie = ?", (_hash(cookie),))

    def ticket(self, user: User) -> str:
        """Opens one socket, soon."""
        now = self._clock()
        self._tickets = {key: kept for key, kept in self._tickets.items() if kept[1] > now}
        ticket = secrets.token_urlsafe(24)
        self._tickets[_hash(ticket)] = (user, now + TICKET_S)
        return ticket

    def redeem(self, ticket: str) -> User:
        """Whose ticket this is, once; raises NotWelcome."""
        user, expires = self._tickets.pop(_hash(ticket), (None, 0.0))
        if user is None or expires < self._clock():
            raise NotWelcome("this ticket is not valid (any more); ask for a new one")
        return user

    def code(self, user: User, seat: str) -> str:
        """A code that lets one device steer for a seat."""
        code = "".join(secrets.choice(_CODE_LETTERS) for _ in range(8))
        self._codes[_hash(code)] = (user.name, seat, self._clock() + CODE_S)
        return code

    def keys(self, name: str) -> dict[str, str]:
        """The key map that somebody stored."""
        found = self._database.read("SELECT keys FROM keys WHERE name = ?", (name,))
        return dict(json.loads(found[0][0])) if found else {}

    def store_keys(self, name: str, keys: Mapping[str, str]) -> None:
        """Keeps somebody's key map; raises BadInput where it is none."""
        texts = [*keys, *keys.values()]
        if len(keys) > MOST_KEYS or not all(isinstance(text, str) and len(text) <= 60 for text in texts):
            raise BadInput(f"expected a key map of at most {MOST_KEYS} short texts")
        self._database.change(
            "INSERT INTO keys VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET keys = excluded.keys",
            (name, json.dumps(dict(keys))),
        )

    def _cookie(self, user: User) -> tuple[str, User]:
        cookie, now = secrets.token_urlsafe(32), self._clock()
        with self._database.transaction() as change:
            change.execute("DELETE FROM cookies WHERE expires < ?", (now,))
            change.execute(
                "INSERT INTO cookies VALUES (?, ?, ?, ?, ?)",
                (_hash(cookie), user.name, user.role.value, user.seat, now + COOKIE_S),
            )
        return cookie, user


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
