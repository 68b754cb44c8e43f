"""The server's application in this process, without sockets and without a model."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from hiwm.server.app import make_app
from hiwm.server.guard import Guard
from hiwm.server.handlers import Door
from hiwm.server.hub import Hub, HubSettings
from hiwm.server.model_process import ModelSettings
from hiwm.server.wire import Role

HOST = "127.0.0.1:8123"
ORIGIN = f"http://{HOST}"
NO_MODEL = ModelSettings("tests.server.no_such:models")


@dataclass(frozen=True, eq=False)
class Console:
    """The application and what is behind it."""

    hub: Hub
    app: Guard

    def client(self, cookie: str | None = None, origin: str | None = ORIGIN, host: str = HOST) -> httpx.AsyncClient:
        """A browser, logged in with a cookie or not."""
        headers = {"host": host, **({"origin": origin} if origin is not None else {})}
        cookies = {} if cookie is None else {"hiwm-8123": cookie}
        transport = httpx.ASGITransport(self.app)
        return httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers=headers, cookies=cookies)

    def cookie(self, role: Role, name: str | None = None) -> str:
        """Logs somebody in."""
        cookie, _ = self.hub.accounts.login(self.hub.accounts.invite(name or role.value, role))
        return cookie

    def device_cookie(self) -> str:
        """Logs a device in."""
        accounts = self.hub.accounts
        _, user = accounts.login(accounts.invite("pairing", Role.OPERATOR))
        cookie, _ = accounts.login_device(accounts.code(user, "seat-1"))
        return cookie


@asynccontextmanager
async def console(folder: Path, rollouts: Path | None = None) -> AsyncIterator[Console]:
    """A server whose model cannot be loaded: all that needs none works."""
    hub = Hub(HubSettings(folder / "console", NO_MODEL, "toy/console", rollouts))
    door = Door(ORIGIN, "hiwm-8123", False)
    static = folder / "static"
    (static / "assets").mkdir(parents=True)
    (static / "index.html").write_text("<!doctype html><title>hiwm</title>")
    (static / "assets" / "page.js").write_text("1")
    app = make_app(hub, door, frozenset({HOST}), frozenset({ORIGIN}), static)
    try:
        yield Console(hub, app)
    finally:
        await hub.stop()
