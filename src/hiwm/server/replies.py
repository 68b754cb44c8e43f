"""What the HTTP API answers, as frozen dataclasses: JSON of these, and the page's types, come from here."""

from __future__ import annotations

from dataclasses import dataclass, field

from hiwm.server.wire import Role
from hiwm.session.phases import Label as LabelName
from hiwm.types import Driver as DriverName


@dataclass(frozen=True)
class Me:
    """`GET /api/me`: who is logged in, and the key map that they stored (command or motion -> key code)."""

    user: str
    role: Role
    keys: dict[str, str]
    protocol: int
    version: str


@dataclass(frozen=True)
class Ticket:
    """`POST /api/ticket`: opens one WebSocket (`/ws?ticket=...`) within 30 s."""

    ticket: str


@dataclass(frozen=True)
class Problem:
    """Any answer of 400 and above; the text is for a person."""

    code: str
    text: str


@dataclass(frozen=True)
class InboxEntry:
    """A failure that waits. thumbnails: nodes whose pictures tell it, `/api/sessions/{session}/frame/{node}/0.jpg`."""

    session: str
    node: int
    why: str
    score: float
    thumbnails: tuple[int, ...]
    holder: str | None
    reviews: int


@dataclass(frozen=True)
class Inbox:
    """`GET /api/inbox`."""

    items: tuple[InboxEntry, ...]
    waiting: int


@dataclass(frozen=True)
class SessionRow:
    """A session in `GET /api/sessions`."""

    id: str
    task: str
    scene: str
    policy: str
    steps: int
    corrections: int
    holder: str | None
    watchers: int
    open: bool
    label: LabelName | None
    created_ms: float


@dataclass(frozen=True)
class Sessions:
    """`GET /api/sessions`, newest first."""

    sessions: tuple[SessionRow, ...]


@dataclass(frozen=True)
class TreeRow:
    """A node in `GET /api/sessions/{id}/tree`; parent is null at the first."""

    node: int
    parent: int | None
    step: int
    branch: int
    driver: DriverName | None
    progress: float | None
    success: bool | None
    trust: float | None


@dataclass(frozen=True)
class EventRow:
    """A line of the journal; the same as the wire's `event`."""

    seq: int
    name: str
    node: int
    at_ms: float
    operator: str
    label: LabelName | None
    reason: str | None


@dataclass(frozen=True)
class TreeReply:
    """`GET /api/sessions/{id}/tree`: all nodes and events so far. labels: what counts now, by node (as text)."""

    session: str
    head: int
    nodes: tuple[TreeRow, ...]
    events: tuple[EventRow, ...]
    labels: dict[str, LabelName]


@dataclass(frozen=True)
class OperatorRow:
    """What one operator has done."""

    user: str
    online: bool
    session: str | None
    corrections: int
    corrections_an_hour: float | None
    success_share: float | None


@dataclass(frozen=True)
class Overview:
    """`GET /api/overview`. gate_rejections: corrections that the export's gates refused, by reason."""

    operators: tuple[OperatorRow, ...]
    sessions: tuple[SessionRow, ...]
    corrections: int
    corrections_an_hour: float | None
    success_share: float | None
    inbox_waiting: int
    inbox_done: int
    gate_rejections: dict[str, int]
    model_alive: bool
    model_ms: float | None


@dataclass(frozen=True)
class ExportJob:
    """`POST /api/export` starts one, `GET /api/export/{id}` tells how it goes. state: running, done or failed."""

    id: str
    state: str
    progress: float
    text: str
    out: str
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class PersonAdded:
    """`POST /api/people {name, role}` (admin): the link that logs them in."""

    name: str
    role: Role
    link: str


@dataclass(frozen=True)
class ScenePreview:
    """`POST /api/scenes/picture` (the picture as body): the robot state that the world reads in it, to be confirmed.

    `POST /api/scenes/{id}` then begins a session; refused with the reason where the world does not trust the picture.
    """

    id: str
    state: tuple[float, ...]
    state_names: tuple[str, ...]
    trusted: bool
    reason: str | None


@dataclass(frozen=True)
class Begun:
    """`POST /api/scenes/{id}`: the session that began, to be opened."""

    session: str


@dataclass(frozen=True)
class Health:
    """`/healthz`: the server runs. `/readyz`: the model answers too (503 until then)."""

    ok: bool
    version: str
    model: str
    sessions: int
    sqlite: str


@dataclass(frozen=True)
class Done:
    """Answer where there is nothing else to say."""

    ok: bool = True
    text: str = field(default="")


REPLIES: tuple[type, ...] = (
    Me,
    Ticket,
    Problem,
    InboxEntry,
    Inbox,
    SessionRow,
    Sessions,
    TreeRow,
    EventRow,
    TreeReply,
    OperatorRow,
    Overview,
    ExportJob,
    PersonAdded,
    ScenePreview,
    Begun,
    Health,
    Done,
)
