"""What lives as long as the server: people, leases, inbox, the model, open sessions and the seats at them."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from hiwm.errors import BadInput, HiwmError
from hiwm.server.accounts import Accounts
from hiwm.server.database import Database
from hiwm.server.desk import Desk, DeskItem, read_inbox
from hiwm.server.ghosts import Ghosts
from hiwm.server.leases import Leases
from hiwm.server.library import SUFFIX, Library
from hiwm.server.logs import log, log_failure
from hiwm.server.model_process import FirstNode, ModelGone, ModelProcess, ModelSettings
from hiwm.server.model_wire import ModelError
from hiwm.server.refusals import require_models
from hiwm.server.room import Room
from hiwm.server.room_messages import labels_of, session_id
from hiwm.server.scheduler import Scheduler
from hiwm.server.seat import CLOSE_REPLACED, Seat
from hiwm.server.wire import Device, ErrorCode, Item, Role
from hiwm.session.file import SessionFile
from hiwm.session.inbox import failures_of
from hiwm.session.phases import Label, Phase
from hiwm.session.rows import SessionAbout
from hiwm.session.session import Session
from hiwm.types import Picture

LOOK_AFTER_S = 0.5
NO_LIMIT = 10**9
MOST_STARTS = 3
"""Of a worker that dies while it loads."""
KEPT_PICTURES = 16
"""Uploaded pictures that wait to be confirmed."""


@dataclass(frozen=True)
class HubSettings:
    """root: the server's folder. scenes: where new sessions begin (`task/split`). rollouts: failures to work on.

    cache_bytes: of nodes in memory, for each open session.
    """

    root: Path
    model: ModelSettings
    scenes: str
    rollouts: Path | None = None
    cache_bytes: int = 64 * 2**20


@dataclass(eq=False)
class _Work:
    """The inbox item that a client works on."""

    item: DeskItem
    renewed: float = field(default_factory=time.monotonic)


class Hub:
    """One a server."""

    def __init__(self, settings: HubSettings) -> None:
        self.settings = settings
        settings.root.mkdir(parents=True, exist_ok=True)
        self.library = Library(settings.root, settings.rollouts)
        self.database = Database(settings.root / "server.db")
        self.accounts, self.leases = Accounts(self.database), Leases(self.database)
        self.desk = Desk(self.database)
        self.model = ModelProcess(settings.model)
        self.scheduler = Scheduler(self.model)
        self.ghosts = Ghosts(self.scheduler)
        self.rooms: dict[str, Room] = {}
        self.seats: dict[str, Seat] = {}
        self.problem: str | None = "the model is being loaded"
        """Why no session can be stepped; None when all is well."""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._tasks: list[asyncio.Task[None]] = []
        self._opening, self._loaded = asyncio.Lock(), asyncio.Event()
        self._work: dict[str, _Work] = {}
        self._spare: tuple[str, FirstNode] | None = None
        self._scene_number = 0
        self._pictures: dict[str, FirstNode] = {}

    def store[**P, T](self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Awaitable[T]:
        """Runs something that touches files in the one thread that does so."""
        return asyncio.get_running_loop().run_in_executor(self._thread, partial(function, *args, **kwargs))

    # ---------------------------------------------------------------------------------------------- life

    async def start(self) -> None:
        """Begins to serve; the model is loaded meanwhile."""
        await self.store(self._fill_inbox)
        self._scene_number = len(self.library.own())
        for work in (self._load_model(), self.scheduler.run(), self._look_after()):
            self._tasks.append(asyncio.create_task(work))

    async def stop(self) -> None:
        """Closes all sessions; what was said to be saved is."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for room in list(self.rooms.values()):
            await room.stop()
        await self.model.stop()
        await self.store(self.database.close)
        self._thread.shutdown()
        log("stopped", sessions=len(self.rooms))

    async def _load_model(self) -> None:
        try:
            await self._start_model()
            self.problem = None
            self._loaded.set()
            await self._prepare_spare()
        except HiwmError as error:
            self.problem = str(error)
            log("model not loaded", text=str(error))
        finally:
            self._loaded.set()

    async def _start_model(self) -> None:
        for _ in range(MOST_STARTS - 1):
            with contextlib.suppress(ModelGone):
                await self.model.start()
                return
        await self.model.start()

    async def _look_after(self) -> None:
        """Twice a second: leases, pauses, inbox items, and rooms that nobody is in."""
        while True:
            await asyncio.sleep(LOOK_AFTER_S)
            for room in list(self.rooms.values()):
                try:
                    await room.watch_over()
                    if room.deserted:
                        async with self._opening:
                            if room.deserted:
                                del self.rooms[room.id]
                                await room.stop()
                except HiwmError as error:
                    log("room not looked after", session=room.id, text=str(error))
                except Exception as error:  # the outermost handler of this task: others go on
                    log_failure("room not looked after", error, session=room.id)
            await self._renew_work()

    async def _renew_work(self) -> None:
        for client, work in list(self._work.items()):
            seat = self.seats.get(client)
            if seat is not None and seat.present and time.monotonic() - work.renewed > 20:
                work.renewed = time.monotonic()
                with contextlib.suppress(HiwmError):
                    await self.store(self.desk.renew, seat.user.name, work.item.session, work.item.node)

    def _fill_inbox(self) -> None:
        """Takes over what hiwm find-failures found in the rollouts, or looks itself."""
        rollouts, known = self.settings.rollouts, self.library.all()
        if rollouts is not None:
            path = rollouts / "inbox.json"
            items = read_inbox(path) if path.is_file() else failures_of(self.library.rollouts().values())
            self.desk.add(item for item in items if item.session.removesuffix(SUFFIX) in known)

    # ---------------------------------------------------------------------------------------------- seats

    async def connected(self, seat: Seat) -> None:
        """A client has come, or come back."""
        old = self.seats.get(seat.client)
        if old is not None:
            old.connected = False
            old.end(CLOSE_REPLACED, "this seat was opened elsewhere")
            await self._leave(old, keep=True)
        self.seats[seat.client] = seat
        if seat.user.role is Role.DEVICE and seat.user.seat in self.seats:
            self.seats[seat.user.seat].send(Device(seat.device.name if seat.device else seat.client, True))
        log("seat", client=seat.client, operator=seat.user.name, role=seat.user.role.value)

    async def disconnected(self, seat: Seat) -> None:
        """A connection is gone; its lease waits for it."""
        seat.connected = False
        await self._leave(seat, keep=True)
        if self.seats.get(seat.client) is seat:
            del self.seats[seat.client]
        if seat.user.role is Role.DEVICE and seat.user.seat in self.seats:
            self.seats[seat.user.seat].send(Device(seat.device.name if seat.device else seat.client, False))

    async def _leave(self, seat: Seat, keep: bool) -> None:
        room = self.room_of(seat)
        if room is not None:
            if not keep:
                await room.release(seat)
            room.leave(seat)

    async def open(self, seat: Seat, name: str) -> None:
        """Shows a session to a seat, and to its devices; raises BadInput."""
        async with self._visit(name) as room:
            if seat.session != room.id:
                await self._leave(seat, keep=False)
            await room.join(seat)
            for device in [one for one in self.seats.values() if one.user.seat == seat.client]:
                await self._leave(device, keep=True)
                await room.join(device)

    def room_of(self, seat: Seat) -> Room | None:
        """The session that a seat looks at."""
        return None if seat.session is None else self.rooms.get(seat.session)

    @contextlib.asynccontextmanager
    async def _visit(self, name: str) -> AsyncIterator[Room]:
        """The session of that name, opened when it is not, and kept open meanwhile."""
        async with self._opening:
            if name not in self.rooms:
                path = await self.store(self.library.to_work_on, name)
                await self._enter(await self.store(_open_session, path, self.settings.cache_bytes), NO_LIMIT)
            room = self.rooms[name]
            room.visits += 1
        try:
            yield room
        finally:
            room.visits -= 1

    async def _enter(self, session: Session, max_steps: int) -> Room:
        room = Room(session, self.leases, self.scheduler, self.store, max_steps)
        try:
            require_models(room.id, session.about, self.model.about)
        except BadInput:
            await self.store(session.close)
            raise
        self.rooms[room.id] = room
        room.start()
        return room

    # ---------------------------------------------------------------------------------------------- work

    async def next(self, seat: Seat, skip: bool) -> None:
        """Hands the seat the next inbox item, rewound to where it begins, or a new scene."""
        await self._put_down(seat, skip)
        item = await self.store(self.desk.take, seat.user.name)
        if item is None:
            await self.new_scene(seat, None)
            return
        self._work[seat.client] = _Work(item)
        async with self._visit(item.session) as room:
            await self._leave(seat, keep=False)
            await room.put_at(item.node)
            seat.send(self._item_message(item))
            await self.open(seat, item.session)

    async def _put_down(self, seat: Seat, skip: bool) -> None:
        """The item that the seat had: finished where it was labelled or finished there, else back in the inbox."""
        work = self._work.pop(seat.client, None)
        if work is None:
            return
        item, user = work.item, seat.user.name
        room = self.rooms.get(item.session)
        labels = [] if room is None else labels_of(room.session, user)
        if not skip and (labels or (room is not None and room.session.phase is Phase.DONE)):
            unsure = bool(labels) and labels[-1] is Label.UNSURE
            await self.store(self.desk.finish, user, item.session, item.node, unsure)
        else:
            await self.store(self.desk.put_back, user, item.session, item.node, skip)

    async def ghost(self, seat: Seat, name: str, node_id: int) -> int:
        """Makes the strip of what the policy would do from a node; how many pictures. Raises ModelError or BadInput."""
        room = self.room_of(seat)
        if room is None or room.id != name:
            raise BadInput(f"open session {name} before you look ahead in it")
        return await self.ghosts.strip(name, node_id, await self.store(room.session.node, node_id))

    def _item_message(self, item: DeskItem) -> Item:
        return Item(
            item.session,
            item.node,
            len(self.desk.waiting()),
            item.why[:100],
            item.score,
            second_review=item.reviews > 0,
        )

    async def new_scene(self, seat: Seat, scene: str | None) -> None:
        """Begins a session in a scene, or in the next one; raises ModelError or BadInput."""
        if not self._loaded.is_set():
            seat.refuse(ErrorCode.BUSY, "the model is being loaded; the first picture comes when it is")
            await self._loaded.wait()
        if scene is not None:
            first = await self._first(self._checked_scene(scene))
        elif self._spare is not None:
            (scene, first), self._spare = self._spare, None
        else:
            scene, first = await self._first_of_next()
        session = await self.store(self._create, scene, first, seat.user.name)
        name = await self._enter_new(session, first.max_steps)
        seat.send(Item(name, 0, len(self.desk.waiting())))
        await self.open(seat, name)
        if self._spare is None:
            self._tasks = [task for task in self._tasks if not task.done()]
            self._tasks.append(asyncio.create_task(self._prepare_spare()))

    async def _enter_new(self, session: Session, max_steps: int) -> str:
        async with self._opening:
            return (await self._enter(session, max_steps)).id

    async def first_of_picture(self, name: str, picture: Picture) -> FirstNode:
        """What a session that begins with this picture would begin with; kept until it does. Raises ModelError."""
        if self.problem is not None:
            raise ModelError(f"no session can begin now: {self.problem}")
        first = await self.model.first_of_picture(picture, self.settings.scenes, self.scheduler.new_token())
        self._pictures[name] = first
        while len(self._pictures) > KEPT_PICTURES:
            self._pictures.pop(next(iter(self._pictures)))
        return first

    async def begin_picture(self, name: str, operator: str) -> str:
        """Begins a session with a picture that was read before; its name. Raises BadInput."""
        first = self._pictures.pop(name, None)
        if first is None:
            raise BadInput("this picture was not read (or too long ago); upload it again")
        session = await self.store(self._create, f"{self.settings.scenes.partition('/')[0]}/{name}/0", first, operator)
        return await self._enter_new(session, first.max_steps)

    async def _first(self, scene: str) -> FirstNode:
        if self.problem is not None:
            raise ModelError(f"no session can begin now: {self.problem}")
        return await self.model.first(scene, self.scheduler.new_token())

    async def _prepare_spare(self) -> None:
        """The next scene is made ready, so that nobody waits for it."""
        try:
            self._spare = await self._first_of_next()
        except HiwmError as error:
            log("no spare scene", text=str(error))

    async def _first_of_next(self) -> tuple[str, FirstNode]:
        """The next scene; where there are no more (episodes of a dataset), they begin anew."""
        for number in dict.fromkeys((self._scene_number, 0)):
            self._scene_number = number + 1
            scene = f"{self.settings.scenes}/{number}"
            try:
                return scene, await self._first(scene)
            except ModelError:
                if number == 0:
                    raise
        raise AssertionError("the first scene is given or refused")

    def _checked_scene(self, scene: str) -> str:
        """A scene that somebody may ask for: one of a reference task or of those served; raises BadInput."""
        if re.fullmatch(r"[a-z0-9_]+/[a-z0-9_-]+/\d{1,9}", scene) or (
            re.fullmatch(r".*/\d{1,9}", scene) and scene.rpartition("/")[0] == self.settings.scenes
        ):
            return scene
        raise BadInput(
            f"expected a scene as task/split/number, got {scene!r:.80}; for example {self.settings.scenes}/3"
        )

    def _create(self, scene: str, first: FirstNode, operator: str) -> Session:
        path = self.library.new(scene.replace("/", "-"))
        assert self.model.spec is not None
        about = SessionAbout(
            id=path.stem,
            task=scene.rsplit("/", 2)[0],
            prompt=first.prompt,
            scene=scene,
            spec=self.model.spec,
            dynamics=self.model.about["dynamics"],
            policy=self.model.about["policy"],
            created=time.time(),
            operator=operator,
        )
        session = Session(SessionFile.create(path, about, sealed=True), self.settings.cache_bytes)
        session.start(first.node)
        log("session", session=session_id(session), operator=operator, scene=scene)
        return session


def _open_session(path: Path, cache_bytes: int) -> Session:
    return Session(SessionFile.open(path, sealed=True), cache_bytes)
