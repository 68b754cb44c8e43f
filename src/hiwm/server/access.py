"""Every route of the server, what it does, and which roles may use it: the one table that the app is built from."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from hiwm.server import handlers, scenes
from hiwm.server.wire import Role

ANYONE: frozenset[Role] | None = None
PEOPLE = frozenset({Role.ADMIN, Role.OPERATOR, Role.VIEWER})
OPERATORS = frozenset({Role.ADMIN, Role.OPERATOR})
ADMINS = frozenset({Role.ADMIN})
ALL = frozenset(Role)


@dataclass(frozen=True)
class Access:
    """A route. roles: who may use it; None for anyone, logged in or not."""

    method: str
    path: str
    handler: Callable[[Request], Awaitable[Response]]
    roles: frozenset[Role] | None


_SESSION = "/api/sessions/{session}"

TABLE: tuple[Access, ...] = (
    Access("GET", "/healthz", handlers.health, ANYONE),
    Access("GET", "/readyz", handlers.ready, ANYONE),
    Access("POST", "/api/login", handlers.login, ANYONE),
    Access("POST", "/api/logout", handlers.logout, ALL),
    Access("GET", "/api/me", handlers.me, ALL),
    Access("PUT", "/api/me/keys", handlers.store_keys, PEOPLE),
    Access("POST", "/api/ticket", handlers.ticket, ALL),
    Access("POST", "/api/people", handlers.people, ADMINS),
    Access("GET", "/api/inbox", handlers.inbox, PEOPLE),
    Access("GET", "/api/sessions", handlers.sessions, PEOPLE),
    Access("GET", _SESSION + "/tree", handlers.tree, PEOPLE),
    Access("GET", _SESSION + "/frame/{node:int}/{camera:int}.jpg", handlers.frame, PEOPLE),
    Access("GET", _SESSION + "/ghost/{node:int}/{number:int}.jpg", handlers.ghost, PEOPLE),
    Access("GET", "/api/overview", handlers.overview, PEOPLE),
    Access("POST", "/api/export", handlers.start_export, ADMINS),
    Access("GET", "/api/export/{job}", handlers.export, ADMINS),
    Access("POST", "/api/scenes/picture", scenes.read_picture, OPERATORS),
    Access("POST", "/api/scenes/{scene}", scenes.begin, OPERATORS),
)
