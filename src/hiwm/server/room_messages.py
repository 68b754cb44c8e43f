"""What a session looks like on the wire: messages made from its rows, events and standing."""

from __future__ import annotations

from hiwm.server.leases import Held
from hiwm.server.steering import speed_limit, start_pose
from hiwm.server.wire import CameraInfo, Event, NumberInfo, SessionInfo, State, Step
from hiwm.session.phases import Command, Label, allowed
from hiwm.session.rows import EventRow
from hiwm.session.session import Session


def session_id(session: Session) -> str:
    """The name that a session goes by here: that of its file."""
    return session.file.path.stem


def recorded_messages(session: Session) -> set[tuple[str, int]]:
    """(client, seq) of every message that is in the file."""
    said = [(row.client, row.seq) for row in session.tree.rows] + [(e.client, e.seq) for e in session.events]
    return {(client, seq) for client, seq in said if seq is not None}


def labels_of(session: Session, operator: str) -> list[Label]:
    """What an operator has said, oldest first; what was undone does not count."""
    marks = [e for e in session.events if e.kind == Command.MARK and e.operator == operator]
    return [Label(e.data["label"]) for e in marks if e.node is not None and e.node in session.labels]


def session_info(session: Session) -> SessionInfo:
    """What does not change."""
    about = session.about
    spec = about.spec
    return SessionInfo(
        id=session_id(session),
        task=about.task[:100],
        prompt=about.prompt[:2000],
        scene=about.scene[:100],
        fps=spec.fps,
        cameras=tuple(CameraInfo(camera.name, camera.height, camera.width) for camera in spec.cameras),
        action=tuple(NumberInfo(n.name, n.unit, n.low, n.high, speed_limit(n)) for n in spec.action),
        policy=about.policy.get("name", "")[:100],
        world=about.dynamics.get("name", "")[:100],
    )


def state_message(session: Session, held: Held, client: str, paused: str | None) -> State:
    """Where it stands, for a seat."""
    head = session.head
    row = session.tree.row(head)
    return State(
        session=session_id(session),
        phase=session.phase,
        allowed=allowed(session.phase),
        head=head,
        step=row.step,
        branch=session.tree.branch(head),
        driver=row.driver,
        holder=held.user or None,
        yours=bool(held.holder) and held.holder == client,
        epoch=held.epoch,
        commanded=commanded(session, head),
        paused=paused,
        saved=len(session.tree),
    )


def commanded(session: Session, node_id: int) -> tuple[float, ...]:
    """The last commanded pose at a node."""
    action = session.tree.row(node_id).action
    if action is not None:
        return tuple(map(float, action))
    state = session.node(node_id).observation.state  # only the first node has no action
    return tuple(map(float, start_pose(session.about.spec, state, None)))


def step_message(session: Session, node_id: int) -> Step:
    """A node that was made."""
    row = session.tree.row(node_id)
    return Step(
        session=session_id(session),
        node=node_id,
        parent=row.parent if row.parent is not None else node_id,
        step=row.step,
        branch=session.tree.branch(node_id),
        driver=row.driver,
        progress=row.reading.progress,
        success=row.reading.success,
        trust=row.reading.trust,
        commanded=commanded(session, node_id),
        client=row.client or None,
        seq=row.seq,
    )


def event_message(session: Session, event: EventRow) -> Event:
    """A line of the journal."""
    label = event.data.get("label")
    return Event(
        session=session_id(session),
        seq=event.id,
        name=event.kind[:100],
        node=event.node if event.node is not None else max(event.after, 0),
        at_ms=1e3 * event.time,
        operator=event.operator[:100],
        label=Label(label) if label else None,
        reason=str(event.data["reason"])[:2000] if "reason" in event.data else None,
    )
