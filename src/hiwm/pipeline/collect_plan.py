"""Which episodes a collection shall have, and what of them is on the disk already.

Beside the dataset OUT lies OUT.parts while a collection is at work:

    plan.json                  whose episodes these are: task and seed
    journal/demo-000012.npz    an episode that no part has yet
    parts/demo-000000-000025/  a finalised LeRobot dataset of the demonstrations 0 to 24
    joined/                    OUT and all parts, before it takes the place of OUT
    cache/                     the workers' Arrow cache
    lock                       held while a collection or a worker of one is alive

Every file and folder comes to its name whole, so whatever stands there can be trusted after a kill.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hiwm.errors import BadInput
from hiwm.runfolder import read_json, write_json
from hiwm.types import Kind, Scene

type Counts = Mapping[Kind, int]
"""Number of episodes by kind; every kind has an entry."""

_STREAM = {Kind.DEMO: 0, Kind.FAILURE: 1, Kind.EDGE: 2}
_STREAM_LENGTH = 10**8
_LOCK_WAIT_S = 10.0


@dataclass(frozen=True)
class Slot:
    """One episode of a collection: the ordinal-th of its kind."""

    kind: Kind
    ordinal: int

    @property
    def name(self) -> str:
        """`demo-000012`."""
        return f"{self.kind}-{self.ordinal:06d}"

    @staticmethod
    def parse(name: str) -> Slot:
        """The inverse of `name`."""
        kind, ordinal = name.split("-")
        return Slot(Kind(kind), int(ordinal))

    def scene(self, task: str, seed: int) -> Scene:
        """Its start: one of the training scenes, another one for every seed, kind and ordinal (below 10^8)."""
        return Scene(task, "train", (len(_STREAM) * seed + _STREAM[self.kind]) * _STREAM_LENGTH + self.ordinal)


@dataclass(frozen=True)
class Part:
    """Episodes first <= ordinal < stop of a kind, written as one dataset."""

    kind: Kind
    first: int
    stop: int

    @property
    def name(self) -> str:
        """`demo-000000-000025`."""
        return f"{self.kind}-{self.first:06d}-{self.stop:06d}"

    @property
    def slots(self) -> list[Slot]:
        """Its episodes in order."""
        return [Slot(self.kind, ordinal) for ordinal in range(self.first, self.stop)]

    @staticmethod
    def parse(name: str) -> Part:
        """The inverse of `name`."""
        kind, first, stop = name.split("-")
        return Part(Kind(kind), int(first), int(stop))


@dataclass(frozen=True)
class Plan:
    """What is asked for: so many episodes of each kind of a task in a look, failures with these mistakes or any."""

    task: str
    seed: int
    counts: Counts
    look: str = "plain"
    mistakes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.seed < 0 or min(self.counts.values()) < 0 or sum(self.counts.values()) == 0:
            raise BadInput(
                f"expected a seed and numbers of episodes from 0 up, and at least one episode, got seed {self.seed} "
                f"and {_said(self.counts)}"
            )

    @property
    def identity(self) -> dict[str, Any]:
        """What must be the same for episodes to belong together."""
        return {"task": self.task, "look": self.look, "seed": self.seed, "mistakes": list(self.mistakes)}

    @property
    def total(self) -> int:
        """Episodes of all kinds."""
        return sum(self.counts.values())

    def require_extends(self, other: Mapping[str, Any], counts: Counts, where: Path) -> None:
        """Raises BadInput unless this plan is another with the same or more episodes; `where` holds the other."""
        older = {"mistakes": []} | dict(other)  # before mistakes could be chosen, nothing was written of them
        wrong = {name: (older[name], mine) for name, mine in self.identity.items() if older[name] != mine}
        if wrong:
            was = ", ".join(f"{name} {theirs}" for name, (theirs, _) in wrong.items())
            now = ", ".join(f"{name} {mine}" for name, (_, mine) in wrong.items())
            raise BadInput(f"{where} was collected with {was}, now {now} is asked for; give another --out, or the same")
        if any(self.counts[kind] < counts[kind] for kind in Kind):
            raise BadInput(
                f"{where} has {_said(counts)}, which is more than the {_said(self.counts)} asked "
                "for; ask for at least as many, or give another --out"
            )


def _said(counts: Counts) -> str:
    return f"{counts[Kind.DEMO]} demos, {counts[Kind.FAILURE]} failures, {counts[Kind.EDGE]} edges"


@dataclass(frozen=True)
class WorkFolder:
    """The folder OUT.parts of a collection into OUT."""

    root: Path

    @staticmethod
    def beside(out: Path) -> WorkFolder:
        """The work folder of a dataset; raises BadInput where something else has its name."""
        root = out.with_name(out.name + ".parts")
        if root.exists() and not (root / "lock").is_file():
            raise BadInput(f"{root} is in the way and was not made by hiwm collect; move it, or give another --out")
        return WorkFolder(root)

    @property
    def journal(self) -> Path:
        """Folder of the journal files."""
        return self.root / "journal"

    @property
    def parts(self) -> Path:
        """Folder of the finished parts."""
        return self.root / "parts"

    @property
    def joined(self) -> Path:
        """Where the new dataset is built."""
        return self.root / "joined"

    @property
    def plan_file(self) -> Path:
        """JSON: whose episodes these are."""
        return self.root / "plan.json"

    def journal_file(self, slot: Slot) -> Path:
        """Where an episode is kept until its part is written."""
        return self.journal / f"{slot.name}.npz"

    def part_folder(self, part: Part) -> Path:
        """Where a finished part is."""
        return self.parts / part.name

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps every other collection out; raises BadInput where one is at work.

        Waits a little, because the workers of a killed collection need a moment to notice.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        with open(self.root / "lock", "w") as lock:
            give_up = time.monotonic() + _LOCK_WAIT_S
            while not _try_lock(lock.fileno()):
                if time.monotonic() > give_up:
                    raise BadInput(f"another hiwm collect is at work in {self.root}; wait for it, or end it")
                time.sleep(0.05)
            fcntl.flock(lock, fcntl.LOCK_SH)  # the workers share it from here on
            try:
                yield
            finally:
                if self.root.exists() and not any(self.journal.glob("*")) and not any(self.parts.glob("*")):
                    self.remove()

    def hold(self) -> int:
        """Takes a worker's share of the lock, for as long as the returned file descriptor is open."""
        lock = os.open(self.root / "lock", os.O_RDONLY)
        fcntl.flock(lock, fcntl.LOCK_SH)
        return lock

    def begin(self, plan: Plan, collected: Counts) -> None:
        """Tidies up after a kill, and records whose episodes are here; raises BadInput where they are of another plan.

        collected: what the dataset has already.
        """
        for folder in (self.journal, self.parts):
            folder.mkdir(exist_ok=True)
        self._tidy(collected)
        reached = self._reached(collected)
        if reached != collected:
            old = read_json(self.plan_file)
            plan.require_extends(old, reached, self.root)
        write_json(self.plan_file, plan.identity)

    def _reached(self, collected: Counts) -> Counts:
        """How far the episodes here go, beyond what is collected."""
        stops = [(part.kind, part.stop) for part in self.done_parts()]
        stops += [(slot.kind, slot.ordinal + 1) for slot in map(Slot.parse, (p.stem for p in self.journal.iterdir()))]
        return {kind: max([collected[kind], *(stop for of, stop in stops if of is kind)]) for kind in Kind}

    def _tidy(self, collected: Counts) -> None:
        for half in (self.joined, *self.parts.glob("*.tmp")):
            shutil.rmtree(half, ignore_errors=True)
        for half in self.journal.glob("*.tmp"):
            half.unlink()
        for part in self.done_parts():
            if part.first < collected[part.kind]:
                shutil.rmtree(self.part_folder(part))
            for slot in part.slots:
                self.journal_file(slot).unlink(missing_ok=True)

    def done_parts(self) -> list[Part]:
        """The finished parts: demonstrations, failures, edges, each in order."""
        names = (path.name for path in self.parts.iterdir() if path.suffix != ".tmp")
        return sorted(map(Part.parse, names), key=lambda part: (_STREAM[part.kind], part.first))

    def remove(self) -> None:
        """Deletes the folder."""
        shutil.rmtree(self.root)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def parts_to_write(wanted: Counts, collected: Counts, done: Iterable[Part], part_episodes: int) -> list[Part]:
    """The parts that are missing: what is wanted but neither collected nor done, at most `part_episodes` in each."""
    have = {slot for part in done for slot in part.slots}
    missing = []
    for kind in Kind:
        ordinals = [n for n in range(collected[kind], wanted[kind]) if Slot(kind, n) not in have]
        while ordinals:
            run = next((i for i in range(1, len(ordinals)) if ordinals[i] != ordinals[0] + i), len(ordinals))
            size = min(run, part_episodes)
            missing.append(Part(kind, ordinals[0], ordinals[0] + size))
            del ordinals[:size]
    return missing
