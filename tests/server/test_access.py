"""Every route with every role, enumerated from the app: exactly the table, and nothing beside it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from starlette.routing import Mount, Route, WebSocketRoute

from hiwm.server.access import ADMINS, ALL, ANYONE, OPERATORS, PEOPLE, TABLE
from hiwm.server.app import routes
from hiwm.server.guard import MOST_BODY, MOST_PICTURE
from hiwm.server.wire import Role
from tests.server.apps import HOST, ORIGIN, Console, console
from tests.server.gates import note

EXPECTED = {
    ("GET", "/healthz"): ANYONE,
    ("GET", "/readyz"): ANYONE,
    ("POST", "/api/login"): ANYONE,
    ("POST", "/api/logout"): ALL,
    ("GET", "/api/me"): ALL,
    ("PUT", "/api/me/keys"): PEOPLE,
    ("POST", "/api/ticket"): ALL,
    ("POST", "/api/people"): ADMINS,
    ("GET", "/api/inbox"): PEOPLE,
    ("GET", "/api/sessions"): PEOPLE,
    ("GET", "/api/sessions/{session}/tree"): PEOPLE,
    ("GET", "/api/sessions/{session}/frame/{node:int}/{camera:int}.jpg"): PEOPLE,
    ("GET", "/api/sessions/{session}/ghost/{node:int}/{number:int}.jpg"): PEOPLE,
    ("GET", "/api/overview"): PEOPLE,
    ("POST", "/api/export"): ADMINS,
    ("GET", "/api/export/{job}"): ADMINS,
    ("POST", "/api/scenes/picture"): OPERATORS,
    ("POST", "/api/scenes/{scene}"): OPERATORS,
}
"""Written down a second time on purpose: a change of the table has to be meant."""


def test_the_table_is_what_was_meant() -> None:
    assert {(row.method, row.path): row.roles for row in TABLE} == EXPECTED


def test_the_app_has_no_route_beside_the_table_the_socket_and_the_page(tmp_path: Path) -> None:
    found = routes(tmp_path)
    api = [route for route in found if isinstance(route, Route) and route.path != "/"]
    assert {(next(iter(r.methods - {"HEAD"})), r.path) for r in api if r.methods} == EXPECTED.keys()
    others = [route.path for route in found if not isinstance(route, Route)]
    assert others == ["/ws", ""]
    assert all(isinstance(route, Route | Mount | WebSocketRoute) for route in found)


def test_every_route_with_every_role(tmp_path: Path) -> None:
    async def go() -> int:
        checked = 0
        async with console(tmp_path) as made:
            cookies: dict[Role | None, str | None] = {
                role: made.cookie(role) for role in Role if role is not Role.DEVICE
            }
            cookies |= {None: None, Role.DEVICE: made.device_cookie()}
            for role, cookie in cookies.items():
                for row in TABLE:
                    if row.path != "/api/logout":  # it would log out whoever asks next
                        await _check(made, role, cookie, row.method, row.path, row.roles)
                        checked += 1
        return checked

    checked = asyncio.run(go())
    assert checked == 5 * (len(TABLE) - 1)
    note("access", routes=len(TABLE), roles=5, checked=checked)


async def _check(
    made: Console, role: Role | None, cookie: str | None, method: str, path: str, roles: frozenset[Role] | None
) -> None:
    address = path.replace("{node:int}", "0").replace("{camera:int}", "0").replace("{number:int}", "0")
    for part in ("session", "job", "scene"):
        address = address.replace(f"{{{part}}}", "none")
    async with made.client(cookie) as browser:
        answer = await browser.request(method, address)
    if roles is None or role in roles:
        assert answer.status_code not in (401, 403) or path == "/api/login", (role, path, answer.text)
    else:
        assert answer.status_code == (401 if role is None else 403), (role, path, answer.text)
        assert set(answer.json()) == {"code", "text"}


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_other_methods_are_refused(tmp_path: Path, method: str) -> None:
    async def go() -> int:
        async with console(tmp_path) as made, made.client(made.cookie(Role.ADMIN)) as browser:
            return (await browser.request(method, "/api/inbox")).status_code

    assert asyncio.run(go()) in (404, 405)


HOSTILE_ORIGINS = [
    "http://evil.example", "https://127.0.0.1:8123", "http://127.0.0.1:8124", "http://127.0.0.1", "null", "",
    "http://127.0.0.1:8123.evil.example", "http://evil.example/127.0.0.1:8123", "http://127.0.0.1:8123/", "file://",
    "http://localhost:8123", "http://127.0.0.1:81234", "HTTP://127.0.0.1:8123", "http://user@127.0.0.1:8123",
    "http://[::1]:8123", "http://0.0.0.0:8123", "http://127.1:8123", "http://2130706433:8123", " http://127.0.0.1:8123",
    "http://127.0.0.1:8123 http://evil.example",
]  # fmt: skip
HOSTILE_HOSTS = [
    "evil.example", "evil.example:8123", "127.0.0.1", "127.0.0.1:8124", "localhost:8123", "127.0.0.1:8123.evil.example",
    "127.0.0.1:8123@evil.example", "0.0.0.0:8123", "[::1]:8123", "127.1:8123", "2130706433:8123", "127.0.0.1:08123",
    "127.0.0.1:8123:8123", "evil.example, 127.0.0.1:8123", "x" * 200, "127.0.0.1:8123/", "-", "*", "127.0.0.1:*", "?",
]  # fmt: skip


def test_hostile_origins_and_hosts_are_refused(tmp_path: Path) -> None:
    async def go() -> None:
        async with console(tmp_path) as made:
            cookie = made.cookie(Role.ADMIN)
            for origin in [*HOSTILE_ORIGINS, None]:
                async with made.client(cookie, origin) as browser:
                    answer = await browser.post("/api/ticket")
                assert (answer.status_code, answer.json()["code"]) == (403, "origin"), origin
            for host in HOSTILE_HOSTS:
                async with made.client(cookie, ORIGIN, host) as browser:
                    answer = await browser.get("/api/me")
                assert (answer.status_code, answer.json()["code"]) == (421, "host"), host

    asyncio.run(go())
    note("hostile origins and hosts", count=len(HOSTILE_ORIGINS) + len(HOSTILE_HOSTS))


def test_every_answer_carries_the_headers_that_keep_others_out(tmp_path: Path) -> None:
    async def go() -> None:
        async with console(tmp_path) as made, made.client() as browser:
            for path in ("/", "/assets/page.js", "/healthz", "/api/me", "/nothing"):
                headers = (await browser.get(path)).headers
                assert "default-src 'self'" in headers["content-security-policy"]
                assert headers["x-content-type-options"] == "nosniff"
                assert "access-control-allow-origin" not in headers

    asyncio.run(go())


def test_bodies_have_a_limit(tmp_path: Path) -> None:
    async def go() -> None:
        async with console(tmp_path) as made, made.client(made.cookie(Role.ADMIN)) as browser:
            assert (await browser.post("/api/people", content=b"x" * (MOST_BODY + 1))).status_code == 413
            answer = await browser.post("/api/scenes/picture", content=b"x" * 50 * 2**20)
            assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
            assert str(MOST_PICTURE) in answer.json()["text"]

    asyncio.run(go())


def test_the_cookie_is_for_this_page_alone(tmp_path: Path) -> None:
    async def go() -> None:
        async with console(tmp_path) as made, made.client() as browser:
            token = made.hub.accounts.invite("ada", Role.OPERATOR)
            answer = await browser.post("/api/login", json={"token": token})
            cookie = answer.headers["set-cookie"].lower()
            assert "httponly" in cookie
            assert "samesite=strict" in cookie
            assert answer.json()["role"] == "operator"

    asyncio.run(go())


def test_failed_logins_have_to_wait(tmp_path: Path) -> None:
    async def go() -> None:
        async with console(tmp_path) as made, made.client() as browser:
            for _ in range(5):
                assert (await browser.post("/api/login", json={"token": "guess"})).status_code == 401
            token = made.hub.accounts.invite("ada", Role.OPERATOR)
            assert (await browser.post("/api/login", json={"token": token})).status_code == 429

    asyncio.run(go())


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"token": 1}', b'{"token": "a", "more": 1}', b'{"code": []}'])
def test_malformed_logins_are_refused(tmp_path: Path, body: bytes) -> None:
    async def go() -> tuple[int, str]:
        async with console(tmp_path) as made, made.client() as browser:
            answer = await browser.post("/api/login", content=body)
            return answer.status_code, answer.json()["code"]

    assert asyncio.run(go()) == (400, "malformed")


def test_the_page_is_served_and_said_to_be_missing_when_it_is(tmp_path: Path) -> None:
    async def go() -> None:
        async with console(tmp_path) as made, made.client() as browser:
            assert "hiwm" in (await browser.get("/")).text
            assert (await browser.get("/assets/page.js")).status_code == 200
            assert (await browser.get("/../console/server.db")).status_code == 404
            assert (await browser.get("/%2e%2e/console/server.db")).status_code == 404
            (tmp_path / "static" / "index.html").unlink()
            answer = await browser.get("/")
            assert answer.status_code == 503
            assert "not built" in answer.text

    asyncio.run(go())
    assert HOST in ORIGIN
