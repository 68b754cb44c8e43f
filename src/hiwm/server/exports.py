"""Exports at a click: the command line's own `hiwm export`, as a process of its own, with what it prints."""

from __future__ import annotations

import asyncio
import re
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hiwm.errors import BadInput
from hiwm.server.logs import log
from hiwm.server.replies import ExportJob

COMMAND = (sys.executable, "-c", "import sys; from hiwm.cli.app import main; sys.exit(main())", "export")
KEPT_LINES = 50
ERROR = "hiwm: "
"""How a command begins the line that says why it failed; progress may be printed after it."""
_COUNTED = re.compile(r"(\d+)\s*(?:/|of)\s*(\d+)")


@dataclass(eq=False)
class _Job:
    id: str
    out: Path
    state: str = "running"
    progress: float = 0.0
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=KEPT_LINES))


class Exports:
    """One export at a time. command: what is run, with the run's folder and `--out FOLDER` behind it."""

    def __init__(self, run: Path, folder: Path, command: tuple[str, ...] = COMMAND) -> None:
        self._run, self._folder, self._command = run, folder, command
        self._jobs: dict[str, _Job] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, flags: Sequence[str] = ()) -> ExportJob:
        """Begins an export with more flags of the command; raises BadInput while one runs."""
        if any(job.state == "running" for job in self._jobs.values()):
            raise BadInput("an export is running; wait until it is done")
        self._folder.mkdir(parents=True, exist_ok=True)
        name = time.strftime("export-%Y%m%d-%H%M%S")
        while (self._folder / name).exists() or name in self._jobs:
            name += "-2"
        job = self._jobs[name] = _Job(name, self._folder / name)
        task = asyncio.create_task(self._follow(job, flags))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return self._told(job)

    def job(self, name: str) -> ExportJob | None:
        """How an export goes."""
        return self._told(self._jobs[name]) if name in self._jobs else None

    async def stop(self) -> None:
        """Ends what runs."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _follow(self, job: _Job, flags: Sequence[str]) -> None:
        arguments = (*self._command, str(self._run), "--out", str(job.out), *flags)
        process = await asyncio.create_subprocess_exec(
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            assert process.stdout is not None
            async for line in process.stdout:
                text = line.decode(errors="replace").rstrip()[:500]
                job.lines.append(text)
                if (counted := _COUNTED.search(text)) and int(counted[2]) > 0:
                    job.progress = min(1.0, int(counted[1]) / int(counted[2]))
            failed = await process.wait()
        except asyncio.CancelledError:
            process.kill()
            await process.wait()
            raise
        job.state, job.progress = ("failed", job.progress) if failed else ("done", 1.0)
        log("export", job=job.id, state=job.state, out=str(job.out))

    def _told(self, job: _Job) -> ExportJob:
        said = [line for line in job.lines if line.startswith(ERROR)] if job.state == "failed" else []
        text = next(reversed(said or job.lines), "starting")
        return ExportJob(job.id, job.state, job.progress, text, str(job.out), tuple(job.lines))
