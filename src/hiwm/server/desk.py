"""The inbox as operators meet it: each failure is handed to one at a time, may be skipped, and be seen twice."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hiwm.errors import BadInput
from hiwm.server.database import Database
from hiwm.session.inbox import InboxItem

HELD_S = 120.0
"""From the last sign of life of the operator until an item is offered to others."""
_COLUMNS = "session, node, why, score, thumbnails, holder, until, reviews, reviewers, skipped"
_ORDER = "ORDER BY reviews, score DESC, session, node"
_ONE = "session = ? AND node = ?"


@dataclass(frozen=True)
class DeskItem:
    """A failure that waits. holder: who works on it now. reviewers: who has finished it; a second one where unsure."""

    session: str
    node: int
    why: str
    score: float
    thumbnails: tuple[int, ...]
    holder: str | None
    reviews: int
    reviewers: tuple[str, ...]
    skipped: tuple[str, ...]


class Desk:
    """The inbox in `server.db`."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database, self._clock = database, clock

    def add(self, items: Iterable[InboxItem]) -> None:
        """Puts new failures in; those that are known stay as they are."""
        with self._database.transaction() as change:
            for item in items:
                session = item.session.removesuffix(".hiwm")
                values = (session, item.node, item.why.value, item.score, json.dumps(item.thumbnails))
                change.execute(
                    "INSERT OR IGNORE INTO inbox (session, node, why, score, thumbnails) VALUES (?, ?, ?, ?, ?)", values
                )

    def waiting(self) -> list[DeskItem]:
        """What is open, in the order in which it is offered."""
        rows = self._database.read(
            f"SELECT {_COLUMNS} FROM inbox WHERE open ORDER BY reviews, score DESC, session, node"
        )
        return [_item(row, self._clock()) for row in rows]

    def done(self) -> int:
        """How many are finished."""
        [(count,)] = self._database.read("SELECT count(*) FROM inbox WHERE NOT open")
        return int(count)

    def take(self, user: str) -> DeskItem | None:
        """Hands out the next item that nobody works on and that this operator has neither skipped nor finished."""
        for item in self.waiting():
            if item.holder in (None, user) and user not in item.skipped and user not in item.reviewers:
                now = self._clock()
                met = self._database.change(
                    "UPDATE inbox SET holder = ?, until = ? WHERE session = ? AND node = ? AND open "
                    "AND (holder IS NULL OR holder = ? OR until <= ?)",
                    (user, now + HELD_S, item.session, item.node, user, now),
                )
                if met:
                    return item
        return None

    def renew(self, user: str, session: str, node: int) -> None:
        """The operator is still at it."""
        self._database.change(
            "UPDATE inbox SET until = ? WHERE session = ? AND node = ? AND holder = ?",
            (self._clock() + HELD_S, session, node, user),
        )

    def put_back(self, user: str, session: str, node: int, skip: bool) -> None:
        """Not finished; `skip`: this operator does not want it again."""
        with self._database.transaction() as change:
            found = change.execute(f"SELECT skipped FROM inbox WHERE {_ONE}", (session, node)).fetchone()
            if found is not None:
                skipped = sorted({*json.loads(found[0]), *([user] if skip else [])})
                change.execute(
                    f"UPDATE inbox SET holder = NULL, until = 0, skipped = ? WHERE {_ONE} AND holder = ?",
                    (json.dumps(skipped), session, node, user),
                )

    def finish(self, user: str, session: str, node: int, unsure: bool) -> None:
        """The operator is done; where they were unsure, another one shall look, once."""
        with self._database.transaction() as change:
            found = change.execute(
                "SELECT reviews, reviewers FROM inbox WHERE session = ? AND node = ?", (session, node)
            ).fetchone()
            if found is not None:
                reviews, reviewers = found[0] + 1, sorted({*json.loads(found[1]), user})
                change.execute(
                    "UPDATE inbox SET holder = NULL, until = 0, reviews = ?, reviewers = ?, open = ? "
                    "WHERE session = ? AND node = ?",
                    (reviews, json.dumps(reviewers), int(unsure and reviews < 2), session, node),
                )


def read_inbox(path: Path) -> list[InboxItem]:
    """What hiwm find-failures wrote; raises BadInput where it is no inbox."""
    try:
        return [InboxItem.from_json(item) for item in json.loads(path.read_text())["items"]]
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{path} is no inbox ({error}); write it again with hiwm find-failures") from error


def _item(row: tuple[Any, ...], now: float) -> DeskItem:
    session, node, why, score, thumbnails, holder, until, reviews, reviewers, skipped = row
    return DeskItem(
        session, node, why, score, tuple(json.loads(thumbnails)), holder if until > now else None, reviews,
        tuple(json.loads(reviewers)), tuple(json.loads(skipped)),
    )  # fmt: skip
