"""The application: routes from the access table, the socket, the built page, and one handler of refusals."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp
from starlette.websockets import WebSocket

from hiwm.errors import BadInput, HiwmError, OutOfSpace
from hiwm.server.access import TABLE, Access
from hiwm.server.exports import Exports
from hiwm.server.guard import Guard
from hiwm.server.handlers import Desks, Door, HttpProblem, problem, status_of
from hiwm.server.hub import Hub
from hiwm.server.limits import FailedLogins
from hiwm.server.logs import log_failure
from hiwm.server.overview import Statistics
from hiwm.server.socket import serve_socket

STATIC = Path(__file__).parent / "static"
"""Where the page is built into, from web/."""
NOT_BUILT = "The page is not built: run scripts/build_web.sh (make setup does), then load this again."


def make_app(hub: Hub, door: Door, hosts: frozenset[str], origins: frozenset[str], static: Path = STATIC) -> Guard:
    """The whole server as an ASGI application; `Guard.app` is the one with the routes."""
    exports = Exports(hub.settings.root, hub.settings.root / "exports")
    desks = Desks(hub, door, Statistics(hub), exports, FailedLogins())

    @contextlib.asynccontextmanager
    async def life(app: Starlette) -> AsyncIterator[None]:
        await hub.start()
        yield
        await exports.stop()
        await hub.stop()

    app = Starlette(routes=routes(static), lifespan=life, exception_handlers={404: _not_found, 405: _not_found})
    app.state.desks = desks
    return Guard(app, hosts, origins)


def routes(static: Path) -> list[Route | Mount | WebSocketRoute]:
    """All routes: those of the table, the socket and the page."""
    api = [Route(access.path, _checked(access), methods=[access.method]) for access in TABLE]
    page = [Route("/", _page(static), methods=["GET"])]
    files = [Mount("/", StaticFiles(directory=static, check_dir=False))]
    return [*api, WebSocketRoute("/ws", _socket), *page, *files]


def _checked(access: Access) -> ASGIApp:
    """A handler behind its row of the table."""

    async def handle(request: Request) -> Response:
        desks: Desks = request.app.state.desks
        try:
            user = desks.hub.accounts.user(request.cookies.get(desks.door.cookie))
            if access.roles is not None:
                if user is None:
                    return problem(401, "not_welcome", "log in first, with the link that you were given")
                if user.role not in access.roles:
                    return problem(403, "forbidden", f"a {user.role} may not do this; ask for another link")
            request.state.user = user
            return await access.handler(request)
        except HttpProblem as error:
            return problem(error.status, error.code, str(error))
        except OutOfSpace as error:
            return problem(507, "no_space", str(error))
        except BadInput as error:
            return problem(status_of(error), "unknown", str(error))
        except HiwmError as error:
            return problem(409, "model", str(error))
        except Exception as error:  # the outermost handler of a request
            log_failure("request failed", error, path=request.url.path)
            return problem(500, "internal", "something went wrong here; the server's log says what")

    return handle  # type: ignore[return-value]


def _page(static: Path) -> ASGIApp:
    async def page(request: Request) -> Response:
        index = static / "index.html"
        if not index.is_file():
            return PlainTextResponse(NOT_BUILT, 503)
        return FileResponse(index, headers={"cache-control": "no-cache"})

    return page  # type: ignore[return-value]


async def _not_found(request: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 404)
    return problem(status, "unknown", f"there is nothing at {request.method} {request.url.path[:200]}")


async def _socket(socket: WebSocket) -> None:
    await serve_socket(socket, socket.app.state.desks.hub)
