"""The HTTP API: what each route does. Who may use it stands in hiwm.server.access."""

from __future__ import annotations

import dataclasses
import json
import sqlite3
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from hiwm import __version__
from hiwm.errors import BadInput
from hiwm.server.accounts import NotWelcome, User
from hiwm.server.exports import Exports
from hiwm.server.frames import jpeg
from hiwm.server.hub import Hub
from hiwm.server.library import UnknownSession
from hiwm.server.limits import FailedLogins
from hiwm.server.overview import Statistics, tree_reply
from hiwm.server.replies import Done, ExportJob, Health, Inbox, InboxEntry, Me, PersonAdded, Problem, Sessions, Ticket
from hiwm.server.wire import PROTOCOL, Role
from hiwm.session.file import SessionFile
from hiwm.session.session import Session

FOREVER = "private, max-age=31536000, immutable"


@dataclass(frozen=True)
class Door:
    """What the address of the server decides. cookie: its name. url: where people find the page."""

    url: str
    cookie: str
    secure: bool


@dataclass(eq=False)
class Desks:
    """All that handlers need."""

    hub: Hub
    door: Door
    statistics: Statistics
    exports: Exports
    failed: FailedLogins


class HttpProblem(Exception):
    """An answer of 400 and above."""

    def __init__(self, status: int, code: str, text: str) -> None:
        super().__init__(text)
        self.status, self.code = status, code


def reply(value: Any, status: int = 200) -> JSONResponse:
    """A dataclass of hiwm.server.replies as JSON."""
    return JSONResponse(dataclasses.asdict(value), status)


def problem(status: int, code: str, text: str) -> JSONResponse:
    """A refusal."""
    return reply(Problem(code, " ".join(text.split())[:1000]), status)


def desks_of(request: Request) -> Desks:
    """What the app was made with."""
    desks: Desks = request.app.state.desks
    return desks


def user_of(request: Request) -> User:
    """Who asks; access was checked before."""
    user: User = request.state.user
    return user


async def body_of(request: Request, **fields: type) -> dict[str, Any]:
    """The fields of a JSON body; raises HttpProblem where one is missing, of another type or not known."""
    try:
        data = json.loads(await request.body() or b"{}")
    except (ValueError, RecursionError) as error:
        raise HttpProblem(400, "malformed", f"expected JSON with {', '.join(fields)}") from error
    if not isinstance(data, dict) or set(data) - set(fields):
        raise HttpProblem(400, "malformed", f"expected JSON with {', '.join(fields)} and nothing else")
    for name, kind in fields.items():
        if name in data and not isinstance(data[name], kind):
            raise HttpProblem(400, "malformed", f"expected {name} as {kind.__name__}")
    return data


async def health(request: Request) -> Response:
    """The server runs."""
    return reply(_health(desks_of(request).hub))


async def ready(request: Request) -> Response:
    """The model answers too."""
    hub = desks_of(request).hub
    return reply(_health(hub), 200 if hub.problem is None else 503)


def _health(hub: Hub) -> Health:
    model = "ready" if hub.problem is None else hub.problem
    return Health(hub.problem is None, __version__, model, len(hub.rooms), sqlite3.sqlite_version)


async def login(request: Request) -> Response:
    """A token or a device's code for a cookie."""
    desks = desks_of(request)
    address = request.client.host if request.client else ""
    if desks.failed.too_many(address):
        raise HttpProblem(429, "too_fast", "too many logins have failed from here; wait a minute")
    data = await body_of(request, token=str, code=str)
    if ("token" in data) == ("code" in data):
        raise HttpProblem(400, "malformed", "expected JSON with either token or code")
    accounts = desks.hub.accounts
    try:
        enter, secret = (accounts.login, data["token"]) if "token" in data else (accounts.login_device, data["code"])
        cookie, user = await desks.hub.store(enter, secret)
    except NotWelcome as error:
        desks.failed.count(address)
        raise HttpProblem(401, "not_welcome", str(error)) from error
    answer = reply(_me(desks, user))
    answer.set_cookie(
        desks.door.cookie, cookie, max_age=7 * 24 * 3600, httponly=True, samesite="strict", secure=desks.door.secure
    )
    return answer


async def logout(request: Request) -> Response:
    """Ends the cookie."""
    desks = desks_of(request)
    await desks.hub.store(desks.hub.accounts.logout, request.cookies.get(desks.door.cookie, ""))
    answer = reply(Done())
    answer.delete_cookie(desks.door.cookie)
    return answer


async def me(request: Request) -> Response:
    """Who is logged in."""
    return reply(_me(desks_of(request), user_of(request)))


def _me(desks: Desks, user: User) -> Me:
    return Me(user.name, user.role, desks.hub.accounts.keys(user.name), PROTOCOL, __version__)


async def store_keys(request: Request) -> Response:
    """Keeps the key map of whoever asks."""
    data = await body_of(request, keys=dict)
    hub = desks_of(request).hub
    await hub.store(hub.accounts.store_keys, user_of(request).name, data.get("keys", {}))
    return reply(Done())


async def ticket(request: Request) -> Response:
    """Opens one socket."""
    return reply(Ticket(desks_of(request).hub.accounts.ticket(user_of(request))))


async def people(request: Request) -> Response:
    """Invites somebody."""
    desks = desks_of(request)
    data = await body_of(request, name=str, role=str)
    try:
        name, role = str(data["name"]), Role(data["role"])
    except (KeyError, ValueError) as error:
        raise HttpProblem(400, "malformed", f"expected a name and a role of {', '.join(Role)}") from error
    token = await desks.hub.store(desks.hub.accounts.invite, name, role)
    return reply(PersonAdded(name, role, f"{desks.door.url}/#token={token}"))


async def inbox(request: Request) -> Response:
    """What waits."""
    waiting = desks_of(request).hub.desk.waiting()
    items = tuple(
        InboxEntry(i.session, i.node, i.why, i.score, i.thumbnails, i.holder, i.reviews) for i in waiting[:500]
    )
    return reply(Inbox(items, len(waiting)))


async def sessions(request: Request) -> Response:
    """All sessions."""
    desks = desks_of(request)
    return reply(Sessions(await desks.hub.store(desks.statistics.session_rows)))


async def overview(request: Request) -> Response:
    """How the collection goes."""
    desks = desks_of(request)
    return reply(await desks.hub.store(desks.statistics.overview))


async def tree(request: Request) -> Response:
    """All nodes and events of a session."""
    hub = desks_of(request).hub
    name = request.path_params["session"]
    return reply(await hub.store(_tree, hub, name))


def _tree(hub: Hub, name: str) -> Any:
    room = hub.rooms.get(name)
    if room is not None:
        return tree_reply(name, room.session)
    file = SessionFile.open(hub.library.find(name), read_only=True, sealed=True)
    try:
        return tree_reply(name, Session(file))
    finally:
        file.close()


async def frame(request: Request) -> Response:
    """A picture of a node; it never changes."""
    hub = desks_of(request).hub
    name, node, camera = (request.path_params[part] for part in ("session", "node", "camera"))
    data = await hub.store(_frame, hub, name, node, camera)
    return Response(data, media_type="image/jpeg", headers={"cache-control": FOREVER})


def _frame(hub: Hub, name: str, node_id: int, camera: int) -> bytes:
    room = hub.rooms.get(name)
    if room is not None:
        pictures = room.session.node(node_id).observation.images
    else:
        file = SessionFile.open(hub.library.find(name), read_only=True, sealed=True)
        try:
            pictures = file.observation(node_id).images
        finally:
            file.close()
    shown = list(pictures.values())
    if camera >= len(shown):
        raise UnknownSession(f"session {name} has cameras 0 to {len(shown) - 1}, got {camera}")
    return jpeg(shown[camera])


async def ghost(request: Request) -> Response:
    """A picture of what the policy would do."""
    name, node, number = (request.path_params[part] for part in ("session", "node", "number"))
    data = desks_of(request).hub.ghosts.picture(name, node, number)
    if data is None:
        raise HttpProblem(404, "unknown", "there is no such strip (any more); ask for it again")
    return Response(data, media_type="image/jpeg")


async def start_export(request: Request) -> Response:
    """Starts `hiwm export` on the server's sessions."""
    data = await body_of(request, segments=bool, successes=bool)
    flags = [f"--{name}" for name in ("segments", "successes") if data.get(name)]
    return reply(await desks_of(request).exports.start(flags), 202)


async def export(request: Request) -> Response:
    """How an export goes."""
    job: ExportJob | None = desks_of(request).exports.job(request.path_params["job"])
    if job is None:
        raise HttpProblem(404, "unknown", "there is no such export")
    return reply(job)


def status_of(error: BadInput) -> int:
    """The status of a refusal."""
    return 404 if isinstance(error, UnknownSession) else 400
