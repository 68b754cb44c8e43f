"""The messages of `hiwm.v1` as frozen dataclasses: the schema that decoding, the docs and the page's types come from.

A message is a msgpack map whose `type` names its class; docs/protocol.md says what each is for. Optional fields may be
left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from hiwm.session.phases import Command as CommandName
from hiwm.session.phases import Label as LabelName
from hiwm.session.phases import Phase as PhaseName
from hiwm.types import Driver as DriverName

PROTOCOL = 1
SUBPROTOCOL = "hiwm.v1"
MOST_BYTES = 64 * 1024
MOST_DEPTH = 4
CREDIT = 2
"""Frames that may be on their way to a seat without an acknowledgement."""


@dataclass(frozen=True)
class Length:
    """The most characters of a text or entries of a list."""

    most: int


@dataclass(frozen=True)
class Pattern:
    """What a text must match as a whole."""

    text: str


NAME = r"[a-z0-9][a-z0-9._-]{0,63}"
type Name = Annotated[str, Pattern(NAME)]
"""A name that the server made or that could be a file's name."""
type Text = Annotated[str, Length(2000)]
"""What a person wrote; shown as text, never as markup."""
type Short = Annotated[str, Length(100)]
type Numbers = Annotated[tuple[float, ...], Length(256)]
type Targets = Annotated[tuple[float | None, ...], Length(256)]
type Names = Annotated[tuple[Short, ...], Length(256)]


class Role(StrEnum):
    """What somebody may do: a viewer looks, an operator steers, an admin runs the collection, a device only moves."""

    ADMIN = "admin"
    OPERATOR = "operator"
    VIEWER = "viewer"
    DEVICE = "device"


class ErrorCode(StrEnum):
    """Why something was refused; the text beside it is for a person."""

    MALFORMED = "malformed"
    UNKNOWN = "unknown"
    FORBIDDEN = "forbidden"
    HELD = "held"
    STALE = "stale"
    NOT_ALLOWED = "not_allowed"
    TOO_FAST = "too_fast"
    MISMATCH = "mismatch"
    BUSY = "busy"
    NO_SPACE = "no_space"
    MODEL = "model"
    INTERNAL = "internal"


# ------------------------------------------------------------------------------------------------ page -> server


@dataclass(frozen=True)
class DeviceSpec:
    """What a device sends: the name and unit of each number of its targets."""

    name: Name
    names: Names
    units: Names
    retarget: Name | None = None


@dataclass(frozen=True)
class Hello:
    """The first message. `client` is made by the page once a tab and kept over reconnects; `session` resumes one."""

    protocol: int
    client: Name
    session: Name | None = None
    device: DeviceSpec | None = None


@dataclass(frozen=True)
class Open:
    """Look at a session."""

    session: Name


@dataclass(frozen=True)
class Next:
    """Go to the next inbox item, or to a new scene where there is none. `skip` leaves the present one to others."""

    skip: bool = False


@dataclass(frozen=True)
class NewScene:
    """Begin a session in a scene (`task/split/number`), or in the next of the server's scenes."""

    scene: Short | None = None


@dataclass(frozen=True)
class Input:
    """One step that a person steers.

    step_seen: node of the newest frame that was drawn. velocity: (A,) robot units a second, integrated from the last
    commanded pose. target: (A,) absolute robot units, null where a number is not set; wins over velocity. held: a key
    or clutch is down; false lets the motion run out.
    """

    session: Name
    epoch: int
    seq: int
    step_seen: int
    device: Name
    held: bool
    velocity: Numbers | None = None
    target: Targets | None = None


@dataclass(frozen=True)
class Command:
    """A command of a session. node: where to (rewind) or of what (mark, branch); the head where it is left out."""

    session: Name
    epoch: int
    seq: int
    name: CommandName
    node: int | None = None
    label: LabelName | None = None
    reason: Text | None = None


@dataclass(frozen=True)
class Ack:
    """A frame was drawn, `drawn_ms` milliseconds after it came."""

    frame: int
    drawn_ms: float


@dataclass(frozen=True)
class Heartbeat:
    """Sent every 500 ms; `sent_ms` is the page's clock and comes back in the pulse."""

    sent_ms: float


@dataclass(frozen=True)
class Pair:
    """Ask for a code that a device bridge logs in with, to steer for this seat."""


@dataclass(frozen=True)
class Ghost:
    """Ask what the policy would do from a node; the pictures are then fetched over HTTP."""

    session: Name
    node: int


# ------------------------------------------------------------------------------------------------ server -> page


@dataclass(frozen=True)
class Welcome:
    """The seat is taken."""

    protocol: int
    client: Name
    user: Short
    role: Role
    server_ms: float


@dataclass(frozen=True)
class CameraInfo:
    """A camera in the order of the frame header's camera number."""

    name: Short
    height: int
    width: int


@dataclass(frozen=True)
class NumberInfo:
    """A number of the action: its range in robot units, and the most that a person may move it in a second."""

    name: Short
    unit: Short
    low: float
    high: float
    speed: float


@dataclass(frozen=True)
class SessionInfo:
    """What does not change while a session is looked at; sent on open, before its first frame."""

    id: Name
    task: Short
    prompt: Text
    scene: Short
    fps: int
    cameras: tuple[CameraInfo, ...]
    action: tuple[NumberInfo, ...]
    policy: Short
    world: Short


@dataclass(frozen=True)
class State:
    """Where a session is now; sent on open and after every change.

    driver: who led to the head. holder: user with the lease. yours: it is this seat's. commanded: (A,) the last
    commanded pose, where the next steered step starts. paused: why the world waits, for a person. saved: synced steps.
    """

    session: Name
    phase: PhaseName
    allowed: tuple[CommandName, ...]
    head: int
    step: int
    branch: int
    driver: DriverName | None
    holder: Short | None
    yours: bool
    epoch: int
    commanded: Numbers
    paused: Text | None
    saved: int


@dataclass(frozen=True)
class Step:
    """A new node. commanded: (A,) the pose that led to it. client and seq say whose input it was."""

    session: Name
    node: int
    parent: int
    step: int
    branch: int
    driver: DriverName | None
    progress: float | None
    success: bool | None
    trust: float | None
    commanded: Numbers
    client: Short | None = None
    seq: int | None = None


@dataclass(frozen=True)
class Event:
    """A line of a session's journal: a takeover, rewind, label, undo ...; `seq` counts them in the session."""

    session: Name
    seq: int
    name: Short
    node: int
    at_ms: float
    operator: Short
    label: LabelName | None = None
    reason: Text | None = None


@dataclass(frozen=True)
class Durable:
    """All of this client's messages up to `upto` are on disk or were refused; `saved` steps of the session are."""

    session: Name
    upto: int
    saved: int


@dataclass(frozen=True)
class Lease:
    """Who may change a session. Messages carry `epoch`; those with an old one are refused."""

    session: Name
    holder: Short | None
    epoch: int
    yours: bool


@dataclass(frozen=True)
class Error:
    """Something was refused. With `seq`: that message of this client, which is not to be sent again."""

    code: ErrorCode
    text: Text
    seq: int | None = None


@dataclass(frozen=True)
class Timing:
    """Where the time of the newest step went, milliseconds; batch: sessions that were stepped together."""

    session: Name
    queue_ms: float
    model_ms: float
    store_ms: float
    encode_ms: float
    batch: int


@dataclass(frozen=True)
class Pulse:
    """The answer to a heartbeat."""

    sent_ms: float
    server_ms: float


@dataclass(frozen=True)
class Item:
    """The inbox item that this seat was given; without `why` the inbox is empty and the session is a new scene."""

    session: Name
    node: int
    waiting: int
    why: Short | None = None
    score: float | None = None
    second_review: bool = False


@dataclass(frozen=True)
class PairCode:
    """What a person types at the bridge: `hiwm bridge --code CODE`."""

    code: Short
    expires_s: int


@dataclass(frozen=True)
class Device:
    """A device steers for this seat, or has left it."""

    name: Name
    connected: bool


@dataclass(frozen=True)
class GhostReady:
    """`/api/sessions/{session}/ghost/{node}/{0..count-1}.jpg` are what the policy would do."""

    session: Name
    node: int
    count: int
