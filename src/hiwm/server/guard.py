"""The outermost layer: which Host and Origin may ask, how large a request may be, and the headers of every answer."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

type Scope = MutableMapping[str, Any]
type Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
type Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
type App = Callable[[Scope, Receive, Send], Awaitable[None]]

MOST_BODY = 64 * 1024
MOST_PICTURE = 8 * 2**20
PICTURE_PATH = "/api/scenes/picture"
SAFE = ("GET", "HEAD")
HEADERS = {
    "content-security-policy": (
        "default-src 'self'; img-src 'self' blob: data:; style-src 'self' 'unsafe-inline'; connect-src 'self'; "
        "frame-ancestors 'none'; base-uri 'none'; form-action 'self'; object-src 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}


class Guard:
    """Wraps the application. hosts, origins: compared whole, never by pattern."""

    def __init__(self, app: App, hosts: frozenset[str], origins: frozenset[str]) -> None:
        self.app, self.hosts, self.origins = app, hosts, origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Lets a request through, or answers it with the reason."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if (problem := self._problem(scope)) is not None:
            await _refuse(scope, receive, send, *problem)
            return
        if scope["type"] == "websocket":
            await self.app(scope, receive, send)
            return
        most = MOST_PICTURE if scope["path"] == PICTURE_PATH else MOST_BODY
        if (length := _header(scope, b"content-length")) and (not length.isdecimal() or int(length) > most):
            text = f"expected at most {most} bytes, got {length:.20}; send a smaller one"
            await _refuse(scope, receive, send, 413, "too_large", text)
            return
        await self.app(scope, _limited(receive, most), _with_headers(send))

    def _problem(self, scope: Scope) -> tuple[int, str, str] | None:
        hosts = _headers(scope, b"host")
        if len(hosts) != 1 or hosts[0] not in self.hosts:
            return 421, "host", f"this server is not called {', '.join(hosts)[:80]!r}; use the link that it printed"
        origins = _headers(scope, b"origin")
        needs_origin = scope["type"] == "websocket" or scope["method"] not in SAFE
        if (needs_origin and len(origins) != 1) or any(origin not in self.origins for origin in origins):
            return 403, "origin", f"requests from {', '.join(origins)[:80] or 'nowhere'} are not taken; use the page"
        return None


def _headers(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]


def _header(scope: Scope, name: bytes) -> str | None:
    return next(iter(_headers(scope, name)), None)


def _limited(receive: Receive, most: int) -> Receive:
    """A body without a length, or with a wrong one, ends when it is too long."""
    seen = 0

    async def limited() -> MutableMapping[str, Any]:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        return {"type": "http.disconnect"} if seen > most else message

    return limited


def _with_headers(send: Send) -> Send:
    async def sending(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            present = {key for key, _ in message["headers"]}
            more = [(k.encode(), v.encode()) for k, v in HEADERS.items() if k.encode() not in present]
            if b"cache-control" not in present:
                more.append((b"cache-control", b"no-store"))
            message = {**message, "headers": [*message["headers"], *more]}
        await send(message)

    return sending


async def _refuse(scope: Scope, receive: Receive, send: Send, status: int, code: str, text: str) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 4403, "reason": text[:100]})
        return
    body = json.dumps({"code": code, "text": text}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await _with_headers(send)({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
