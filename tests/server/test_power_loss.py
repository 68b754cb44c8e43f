"""Gate: the power goes. What the process wrote and synced is recorded by strace; of that only synced bytes survive.

After any moment the files are rebuilt from what had been synced by then, opened with the real SQLite, and must hold
every step that was said to be saved. The same with `synchronous=NORMAL` must fail, or the test could not see a loss.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from hiwm.errors import HiwmError
from hiwm.session.file import SessionFile
from hiwm.session.session import Session
from tests.server.gates import SEED, note, size
from tests.server.processes import ROOT

CALLS = "openat,close,pwrite64,write,ftruncate,fsync,fdatasync,rename,unlink"
_LINE = re.compile(r"^\d+\s+(\w+)\((.*)\)\s+= (-?\d+)")
_FD = re.compile(r"^(\d+)<([^>]*)>")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')


@dataclass
class Disk:
    """Files as programs see them, and as they would be after the power went."""

    seen: dict[str, bytearray] = field(default_factory=dict)
    synced: dict[str, bytes] = field(default_factory=dict)

    def write(self, path: str, at: int, data: bytes) -> None:
        content = self.seen.setdefault(path, bytearray())
        content.extend(bytes(max(0, at + len(data) - len(content))))
        content[at : at + len(data)] = data

    def truncate(self, path: str, length: int) -> None:
        content = self.seen.setdefault(path, bytearray())
        del content[length:]
        content.extend(bytes(length - len(content)))

    def sync(self, path: str) -> None:
        if path in self.seen:
            self.synced[path] = bytes(self.seen[path])

    def rename(self, old: str, new: str) -> None:
        for files in (self.seen, self.synced):
            if old in files:
                files[new] = files.pop(old)  # type: ignore[assignment]

    def unlink(self, path: str) -> None:
        self.seen.pop(path, None)
        self.synced.pop(path, None)


def recorded(folder: Path, steps: int, sync: str) -> Iterator[tuple[int, dict[str, bytes]]]:
    """Runs the recorder; after each call that it makes: how many steps were said to be saved, and what is on disk."""
    trace = folder / "trace"
    command = [
        "strace", "-f", "-y", "-xx", "-s", str(2**24), "-e", f"trace={CALLS}", "-o", str(trace), sys.executable, "-m",
        "tests.server.power_recorder", str(folder / "files" / "toy.hiwm"), str(steps), sync,
    ]  # fmt: skip
    (folder / "files").mkdir(parents=True)
    subprocess.run(
        command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    disk, saved = Disk(), 0
    for line in trace.read_text().splitlines():
        call = _LINE.match(line)
        if call is None or int(call[3]) < 0:
            continue
        saved += replay(disk, call[1], call[2])
        yield saved, disk.synced


def replay(disk: Disk, name: str, arguments: str) -> int:
    """Does to the disk what a call did; 1 where it said that one more step is saved."""
    texts = [bytes.fromhex(text.replace("\\x", "")) for text in _TEXT.findall(arguments)]
    if name == "rename":
        disk.rename(texts[0].decode(), texts[1].decode())
    elif name == "unlink":
        disk.unlink(texts[0].decode())
    opened = _FD.match(arguments)
    if opened is None:
        return 0
    path = bytes.fromhex(opened[2].replace("\\x", "")).decode() if opened[2].startswith("\\x") else opened[2]
    if name == "write" and opened[1] == "1":
        return int(texts[0].startswith(b"saved"))
    if name == "pwrite64":
        disk.write(path, int(arguments.rpartition(",")[2]), texts[0])
    elif name == "ftruncate":
        disk.truncate(path, int(arguments.rpartition(",")[2]))
    elif name in ("fsync", "fdatasync"):
        disk.sync(path)
    return 0


def rebuilt(folder: Path, files: dict[str, bytes]) -> int:
    """How many steps are in the session that the power left; -1 where it cannot be read."""
    folder.mkdir()
    for path, content in files.items():
        if Path(path).name in ("toy.hiwm", "toy.hiwm-wal"):
            (folder / Path(path).name).write_bytes(content)
    try:
        file = SessionFile.open(folder / "toy.hiwm", sealed=True)
        try:
            session = Session(file)
            for row in session.tree.rows:
                session.node(row.id)  # none is half
            return sum(row.client == "power" for row in session.tree.rows)
        finally:
            file.close()
    except HiwmError:
        return -1


def lost(folder: Path, points: int, sync: str) -> tuple[int, int]:
    """At how many moments something was lost that was said to be saved, and at how many it was looked."""
    moments = [
        (saved, {path: bytes(content) for path, content in files.items()})
        for saved, files in distinct(recorded(folder, max(20, points // 2), sync))
    ]
    chosen = random.Random(SEED).sample(moments, min(points, len(moments)))
    losses = [rebuilt(folder / f"point-{n}", files) < saved for n, (saved, files) in enumerate(chosen)]
    return sum(losses), len(chosen)


def distinct(states: Iterator[tuple[int, dict[str, bytes]]]) -> Iterator[tuple[int, dict[str, bytes]]]:
    """The moments between which something changed, from the first saved step on."""
    before: tuple[int, list[int]] | None = None
    for saved, files in states:
        now = (saved, [id(content) for content in files.values()])
        if saved and now != before:
            yield saved, dict(files)
        before = now


@pytest.fixture(autouse=True)
def needs_strace() -> None:
    """Says plainly where this cannot be tested."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed: what the process syncs cannot be recorded here")


@pytest.mark.timeout(1800)
def test_what_was_saved_survives_the_power(tmp_path: Path) -> None:
    losses, points = lost(tmp_path, size(50, 500), "FULL")
    note("power loss", count=points, lost=losses)
    assert losses == 0
    assert points >= size(50, 500) * 0.8


def test_without_full_syncs_something_is_lost(tmp_path: Path) -> None:
    losses, points = lost(tmp_path, 50, "NORMAL")
    note("power loss with synchronous=NORMAL", count=points, lost=losses)
    assert losses > 0
