"""A session that seats look at: messages are handled one after the other, and between them the policy is watched.

A room is one task on the event loop. Whatever touches the session file runs in the store's thread; a node is shown, and
`durable` said, after its commit has been synced.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import OrderedDict, deque
from dataclasses import dataclass

from hiwm.errors import HiwmError, NotAllowed, OutOfSpace
from hiwm.rollout import Node
from hiwm.server.audience import Audience
from hiwm.server.leases import Leases
from hiwm.server.logs import log, log_failure
from hiwm.server.messages import Down
from hiwm.server.model_wire import ModelError
from hiwm.server.refusals import code_of
from hiwm.server.room_messages import (
    event_message,
    recorded_messages,
    session_id,
    session_info,
    state_message,
    step_message,
)
from hiwm.server.scheduler import Due, Scheduler, Stepped, Urgency
from hiwm.server.seat import Seat, sentence
from hiwm.server.steering import Motion, start_pose, steer
from hiwm.server.turn import Store, Turn
from hiwm.server.wire import CREDIT, Command, Durable, Error, ErrorCode, Input, Timing
from hiwm.session.phases import Command as CommandName
from hiwm.session.phases import Phase
from hiwm.session.session import Session
from hiwm.types import Floats

MOST_PENDING = 64
MOST_INPUTS = 8
"""Inputs that may wait; a page has at most two on their way."""
KEPT_TOKENS = 1024
KEPT_REFUSALS = 20
"""Of each client, said again when it comes back."""
HELD_SUCCESS = 10
"""Steps of success after which a watched session is held."""
TROUBLE_S = 1.0
"""After a step that failed, until the next is tried."""
SERVER = "server"
"""The operator of what nobody asked for."""


@dataclass(frozen=True, eq=False)
class _Pending:
    seat: Seat
    message: Input | Command


@dataclass(frozen=True)
class _Source:
    """Whose message a step comes from; nobody's where the policy is watched."""

    operator: str = ""
    device: str = ""
    client: str = ""
    seq: int | None = None
    holder: str | None = None


class Room:
    """One open session."""

    def __init__(self, session: Session, leases: Leases, scheduler: Scheduler, store: Store, max_steps: int) -> None:
        self.session, self.max_steps = session, max_steps
        self.id, self.spec = session_id(session), session.about.spec
        self.audience = Audience(self.spec)
        self.turn = Turn(self.id, leases, store)
        self.paused: str | None = None
        self.visits = 0
        """Those who are about to come in: until they are here, the room stays open."""
        self._info = session_info(session)
        self._scheduler, self._store = scheduler, store
        self._pending: deque[_Pending] = deque()
        self._wake = asyncio.Event()
        self._accepted: dict[str, int] = {}
        self._refusals: dict[str, deque[Error]] = {}
        self._recorded = recorded_messages(session)
        for client, seq in self._recorded:
            self._accepted[client] = max(seq, self._accepted.get(client, seq))
        self._tokens: OrderedDict[int, int] = OrderedDict()
        self._motion: Motion | None = None
        self._next_due = 0.0
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to handle messages."""
        self._task = asyncio.create_task(self._run(), name=f"room {self.id}")

    async def stop(self) -> None:
        """Finishes what is being written, and closes the file."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self._store(self.session.close)

    @property
    def deserted(self) -> bool:
        """True when nobody looks and nobody could come back to steer."""
        return not (self.audience.seats or self.turn.held.holder or self._pending or self.visits)

    async def join(self, seat: Seat) -> None:
        """Shows the session to a seat."""
        seat.session = self.id
        if seat not in self.audience.seats:
            self.audience.seats.append(seat)
        seat.outbox.forget_frame()
        seat.send(self._info)
        seat.send(self.turn.message(seat))
        seat.send(self._state(seat))
        for refusal in self._refusals.get(seat.client, ()):
            seat.send(refusal)  # it may have been lost, and what comes after it would make it look saved
        await self._show_head(only=seat)
        self._wake.set()

    def leave(self, seat: Seat) -> None:
        """The seat looks elsewhere, or is gone."""
        if seat in self.audience.seats:
            self.audience.seats.remove(seat)
        if seat.session == self.id:
            seat.session = None
        self._wake.set()

    def submit(self, seat: Seat, message: Input | Command) -> None:
        """Takes a message; one that came before is only answered: saved, refused, or (while it waits) not yet."""
        seq, client = message.seq, seat.client
        if seq <= self._accepted.get(client, -1):
            if (client, seq) in self._recorded:
                seat.send(Durable(self.id, seq, len(self.session.tree)))
            elif not any((p.seat.client, p.message.seq) == (client, seq) for p in self._pending):
                seat.refuse(ErrorCode.STALE, "this was refused before, and later messages were taken", seq)
            return
        inputs = sum(isinstance(p.message, Input) for p in self._pending)
        if len(self._pending) >= MOST_PENDING or (isinstance(message, Input) and inputs >= MOST_INPUTS):
            seat.refuse(ErrorCode.TOO_FAST, "steps are asked for faster than the world makes them; send fewer", seq)
            return
        self._accepted[client] = seq
        self._pending.append(_Pending(seat, message))
        self._wake.set()

    def acked(self) -> None:
        """A seat has drawn a frame; there may be credit again."""
        self._wake.set()

    async def put_at(self, node_id: int) -> None:
        """Rewinds a session that nobody drives, so that an operator finds it there; raises NotAllowed."""
        if self.session.phase is Phase.STEERING:
            raise NotAllowed(f"{self.turn.held.user} is working on {self.id}; take another")
        if self.session.head != node_id or self.session.phase is not Phase.HOLDING:
            await self._store(self.session.command, CommandName.REWIND, node=node_id, operator=SERVER, reason="inbox")
            self._command_done()
            await self._show_head()

    async def watch_over(self) -> None:
        """Called twice a second: renews the lease of a holder who is there, pauses without one, frees what ran out."""
        held = self.turn.held
        if not held.holder:
            return
        seat = self.audience.of_client(held.holder)
        if seat is not None and seat.present:
            self._pause(None)
            with contextlib.suppress(OutOfSpace):
                await self.turn.renew()
            return
        if self.session.phase is Phase.STEERING:
            self._pause(f"{held.user} has lost the connection; the world waits")
        if self.turn.ran_out:
            log("lease ran out", session=self.id, operator=held.user)
            await self._let_go("connection lost")
            self.turn.forget()
            self._lease_changed()

    async def release(self, seat: Seat) -> None:
        """The holder leaves on purpose."""
        if self.turn.is_of(seat):
            await self._let_go("the operator left")
            await self.turn.release()
            self._lease_changed()

    async def _let_go(self, reason: str) -> None:
        """Nobody steers any more."""
        try:
            if self.session.phase is Phase.STEERING:
                await self._server_command(CommandName.HOLD, reason)
        except (NotAllowed, OutOfSpace) as error:
            log("cannot hold", session=self.id, text=str(error))
        self._pause(None)

    def _lease_changed(self) -> None:
        self.audience.tell_each(self.turn.message)
        self.audience.tell_each(self._state)
        self._wake.set()

    def _pause(self, why: str | None) -> None:
        if why != self.paused:
            self.paused = why
            self.audience.tell_each(self._state)
            self._wake.set()

    async def _run(self) -> None:
        while True:
            try:
                await self._turn_of_loop()
            except HiwmError as error:
                await self._trouble(error)
            except Exception as error:  # the outermost handler of a room: others go on
                log_failure("room failed", error, session=self.id)
                await self._trouble(ModelError("something went wrong here; the server's log says what"))

    async def _turn_of_loop(self) -> None:
        if self._pending:
            await self._handle(self._pending[0])
            self._pending.popleft()
        elif self.session.phase is Phase.WATCHING and self.audience.seats:
            await self._watch()
        else:
            await self._woken()

    async def _woken(self, longest_s: float | None = None) -> None:
        """Waits for news, at most so long."""
        self._wake.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), longest_s)

    async def _trouble(self, error: HiwmError) -> None:
        """What went wrong without anybody having asked is shown to all, and tried again in a while."""
        for seat in self.audience.seats:
            seat.refuse(code_of(error), str(error))
        await asyncio.sleep(TROUBLE_S)

    async def _handle(self, pending: _Pending) -> None:
        seat, message = pending.seat, pending.message
        try:
            if (seat.client, message.seq) not in self._recorded:
                if isinstance(message, Command):
                    await self._command(seat, message)
                else:
                    await self._input(seat, message)
            self._recorded.add((seat.client, message.seq))
        except HiwmError as error:
            self._refuse(seat, error, message.seq)
        self.audience.tell_client(seat.client, Durable(self.id, message.seq, len(self.session.tree)))

    def _refuse(self, seat: Seat, error: HiwmError, seq: int) -> None:
        refusal = Error(code_of(error), sentence(str(error)), seq)
        self._refusals.setdefault(seat.client, deque(maxlen=KEPT_REFUSALS)).append(refusal)
        self.audience.tell_client(seat.client, refusal)

    async def _command(self, seat: Seat, message: Command) -> None:
        gives_way = self.session.phase in (Phase.WATCHING, Phase.DONE)
        if await self.turn.take(seat, message.epoch, gives_way):
            self._lease_changed()
        await self._store(self._write_command, seat, message, self.turn.held.epoch)
        log("command", session=self.id, operator=seat.user.name, name=message.name.value, node=message.node)
        self._motion = None
        self._command_done()
        if message.name in (CommandName.REWIND, CommandName.BRANCH):
            await self._show_head()
        elif message.name is CommandName.SINGLE_STEP:
            await self._record(await self._step(None, Urgency.PERSON), self.session.head, _Source(seat.user.name))

    def _write_command(self, seat: Seat, message: Command, epoch: int) -> None:
        self.turn.require_on_disk(seat.holder, epoch)
        self.session.command(
            message.name,
            node=message.node,
            label=message.label,
            reason=message.reason or "",
            operator=seat.user.name,
            client=seat.client,
            seq=message.seq,
        )

    async def _server_command(self, name: CommandName, reason: str) -> None:
        await self._store(self.session.command, name, operator=SERVER, reason=reason)
        self._command_done()

    def _command_done(self) -> None:
        self.audience.tell(event_message(self.session, self.session.events[-1]))
        self.audience.tell_each(self._state)

    async def _input(self, seat: Seat, message: Input) -> None:
        self.turn.require(seat, message.epoch)
        await self._credit(seat, message.epoch)
        if self.session.phase is not Phase.STEERING:
            raise NotAllowed(f"the session is {self.session.phase}; take over before you steer")
        head = self.session.head
        motion = steer(self.spec, self._motion or await self._motion_at(head), message.velocity, message.target)
        stepped = await self._step(self.spec.check_action(motion.commanded_a), Urgency.PERSON)
        source = _Source(seat.user.name, message.device, seat.client, message.seq, seat.holder)
        await self._record(stepped, head, source)
        self._motion = motion

    async def _credit(self, seat: Seat, epoch: int) -> None:
        """Waits until the operator has seen all but the newest frames: the world can wait."""
        while True:
            watching = self.audience.of_client(seat.holder)
            if watching is not None and not self.paused and watching.outbox.unseen < CREDIT:
                return
            await self._woken(0.5)
            self.turn.require(seat, epoch)

    async def _watch(self) -> None:
        """One step of the policy in real time; a message that comes meanwhile goes first, and the step is dropped."""
        head, wait_s = self.session.head, self._next_due - time.monotonic()
        if wait_s > 0:
            await self._woken(wait_s)
            return
        step = asyncio.ensure_future(self._step(None, Urgency.WATCHER))
        try:
            while not step.done() and not self._pending:
                self._wake.clear()
                wake = asyncio.ensure_future(self._wake.wait())
                try:
                    await asyncio.wait({step, wake}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    wake.cancel()
        finally:
            if not step.done():
                step.cancel()
        if step.cancelled() or not step.done():
            return
        step_s = 1 / self.spec.fps
        self._next_due = max(self._next_due + step_s, time.monotonic() - step_s)
        await self._record(step.result(), head, _Source())
        await self._end_of_watching()

    async def _end_of_watching(self) -> None:
        """A policy that is done, or out of time, waits for a person."""
        tree, row = self.session.tree, self.session.tree.row(self.session.head)
        if row.step == self.max_steps:
            await self._server_command(CommandName.HOLD, "time is up")
            return
        successes = 0
        while row.reading.success and successes <= HELD_SUCCESS and row.parent is not None:
            successes, row = successes + 1, tree.row(row.parent)
        if successes == HELD_SUCCESS:
            await self._server_command(CommandName.HOLD, "the task is done")

    async def _step(self, action: Floats | None, urgency: Urgency) -> Stepped:
        head = self.session.head
        token = self._tokens.get(head) or self._keep_token(head, self._scheduler.new_token())

        async def load() -> Node:
            return await self._store(self.session.node, head)

        return await self._scheduler.step(Due(token, action, urgency, time.monotonic() + 1 / self.spec.fps, load))

    async def _record(self, stepped: Stepped, after: int, source: _Source) -> None:
        started = time.perf_counter()
        node_id = await self._store(self._write_node, stepped.node, after, source, self.turn.held.epoch)
        stored = time.perf_counter()
        self._keep_token(node_id, stepped.token)
        self.audience.tell(step_message(self.session, node_id))
        self.audience.show(self.session.tree.branch(node_id), node_id, stepped.node)
        store_ms, encode_ms = 1e3 * (stored - started), 1e3 * (time.perf_counter() - stored)
        self.audience.tell(Timing(self.id, stepped.queue_ms, stepped.model_ms, store_ms, encode_ms, stepped.batch))

    def _write_node(self, node: Node, after: int, source: _Source, epoch: int) -> int:
        if source.holder is not None:
            self.turn.require_on_disk(source.holder, epoch)
        return self.session.record(
            node, operator=source.operator, device=source.device, client=source.client, seq=source.seq, after=after
        )

    def _keep_token(self, node_id: int, token: int) -> int:
        self._tokens[node_id] = token
        self._tokens.move_to_end(node_id)
        while len(self._tokens) > KEPT_TOKENS:
            self._tokens.popitem(last=False)
        return token

    async def _motion_at(self, node_id: int) -> Motion:
        node = await self._store(self.session.node, node_id)
        return Motion.at(start_pose(self.spec, node.observation.state, node.action))

    async def _show_head(self, only: Seat | None = None) -> None:
        head = self.session.head
        self.audience.show(self.session.tree.branch(head), head, await self._store(self.session.node, head), only)

    def _state(self, seat: Seat) -> Down:
        return state_message(self.session, self.turn.held, seat.holder, self.paused)
