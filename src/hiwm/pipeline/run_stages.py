"""Stages of a run as command lines: each is made once, gone on with when it was stopped, and told in the report.

Several may run at a time, each after those that it reads.
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from hiwm import __version__
from hiwm.errors import BadInput, StageFailed
from hiwm.pipeline.manifest import content_hash, read_manifest
from hiwm.runfolder import read_json, write_json

RECORDS = "stages"
RUN = "RUN/"
"""Stands for the run's folder in the arguments of a stage."""
REPORT = "report"
"""The stage that tells the others."""
INTERRUPTED = 130
_TOLD = ("name", "title", "command", "seconds", "version")

type Execute = Callable[[Sequence[str], Path | None], int]
"""Runs `hiwm` with these arguments, returns its exit code; what it says goes to a file, or to the screen for None."""


@dataclass(frozen=True)
class Stage:
    """One command of `hiwm`, and what of the run it makes.

    made: the folder or file that it makes. after: names of the stages whose results it reads. given: files and folders
    from outside the run that it reads. resume: it wants --resume to go on in a folder that it had begun.
    """

    name: str
    title: str
    arguments: tuple[str, ...]
    made: str
    after: tuple[str, ...] = ()
    given: tuple[Path, ...] = ()
    resume: bool = False


def run_command(
    arguments: Sequence[str], log: Path | None = None, threads: int | None = None, lock: int | None = None
) -> int:
    """In a process of its own, whose output goes to the screen, or behind what is in `log`.

    threads: of each of its processes; None leaves that to the libraries. lock: a file descriptor that it holds too.
    """
    command = [sys.executable, "-m", "hiwm.cli.app", *arguments]
    with nullcontext() if log is None else log.open("ab") as said:
        environment = {} if threads is None else {"OMP_NUM_THREADS": str(threads)}
        environment |= os.environ | {"PYTHONUNBUFFERED": "1"}
        held = () if lock is None else (lock,)
        return subprocess.run(command, env=environment, stdout=said, stderr=said, pass_fds=held, check=False).returncode


class StageRunner:
    """Runs the stages of one run, each after those that it reads, else in order; what is complete is passed over.

    A stage is complete when its record names the same command and the same inputs, and what it made is there. What an
    older command made is kept beside, as NAME.outdated. total: how many stages there will be, for the screen. jobs: how
    many run at a time; above one, what they say goes to RUN/stages/NAME.log.
    """

    def __init__(self, run: Path, total: int, execute: Execute = run_command, jobs: int = 1) -> None:
        if jobs < 1:
            raise BadInput(f"expected at least 1 as --jobs, got {jobs}")
        self.run, self.total, self.execute, self.jobs = run, total, execute, jobs
        self._marks: dict[str, str] = {}
        self._heads: dict[str, str] = {}
        self._console = Console(stderr=True, highlight=False)

    def go(self, stages: Sequence[Stage]) -> int:
        """Runs what is missing of these; returns how many that were. Raises StageFailed: the next call goes on."""
        missing = [stage for stage in stages if not self._complete(stage)]
        made = len(missing)
        running: dict[Future[None], Stage] = {}
        # When one fails, it waits for the others that run; and for all on Ctrl-C, which the terminal sends them too.
        with ThreadPoolExecutor(self.jobs) as pool:
            while missing or running:
                unfinished = {stage.name for stage in (*missing, *running.values())}
                ready = [stage for stage in missing if unfinished.isdisjoint(stage.after)]
                for stage in ready[: self.jobs - len(running)]:
                    missing.remove(stage)
                    running[pool.submit(self._make, stage)] = stage
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    del running[future]
                    future.result()
        return made

    def _complete(self, stage: Stage) -> bool:
        """Whether nothing is to be done for a stage; says so."""
        mark = self._marks[stage.name] = self._mark(stage)
        head = self._heads[stage.name] = f"[bold]{len(self._marks)}/{self.total} {stage.title}[/bold]"
        record = _record(self.run, stage)
        if record is None or record["mark"] != mark or record["seconds"] is None:
            return False
        if not (self.run / stage.made).exists():
            return False
        self._console.print(f"{head}  [dim]complete, took {told_time(record['seconds'])}[/dim]")
        return True

    def _make(self, stage: Stage) -> None:
        """Runs a stage, or goes on with it where it was begun before and not finished."""
        head, mark, record = self._heads[stage.name], self._marks[stage.name], _record(self.run, stage)
        self._console.print(head)
        if record and record["mark"] != mark:
            record = None
        target = self.run / stage.made
        if target.exists() and record is None:
            put_aside(target)
        arguments = command_line(self.run, stage)
        if stage.resume and target.exists():
            arguments.append("--resume")
        began = time.time()
        told: dict[str, Any] = {
            "name": stage.name,
            "title": stage.title,
            "made": stage.made,
            "mark": mark,
            "version": __version__,
            "command": shlex.join(["hiwm", *stage.arguments]),
            "began": record["began"] if record else began,
            "spent": record["spent"] if record else 0.0,
            "seconds": None,
        }
        self._write(stage, told)
        log = self.run / RECORDS / f"{stage.name}.log" if self.jobs > 1 else None
        code = self.execute(arguments, log)
        spent = told["spent"] + time.time() - began
        self._write(stage, told | {"spent": spent, "seconds": round(spent, 1) if code == 0 else None})
        if code == INTERRUPTED:
            raise KeyboardInterrupt
        if code != 0:
            raise StageFailed(
                f"stage {stage.name} ended with code {code}, its own message is {f'in {log}' if log else 'above'}; "
                "what is finished is kept: run the same command again to go on"
            )
        if log:
            self._console.print(f"{head}  [dim]done in {told_time(spent)}[/dim]")

    def _write(self, stage: Stage, told: dict[str, Any]) -> None:
        (self.run / RECORDS).mkdir(parents=True, exist_ok=True)
        write_json(self.run / RECORDS / f"{stage.name}.json", told)

    def _mark(self, stage: Stage) -> str:
        """What a stage depends on, hashed: its command, the stages before it, and what is given from outside."""
        before = [self._marks[name] for name in stage.after]
        given = [content_hash(path) for path in stage.given]
        return hashlib.sha256(json.dumps([stage.arguments, before, given]).encode()).hexdigest()


def command_line(run: Path, stage: Stage) -> list[str]:
    """The arguments with the run's folder in them."""
    place = f"{run.resolve()}/"
    return [argument.replace(RUN, place, 1) for argument in stage.arguments]


def told_stages(run: Path) -> list[dict[str, Any]]:
    """The records of a run's stages but for the report itself, in order, with the inputs that their manifests name."""
    records = [read_json(path) for path in (run / RECORDS).glob("*.json") if path.stem != REPORT]
    told = []
    for record in sorted(records, key=lambda one: one["began"]):
        made = run / record["made"]
        manifest = read_manifest(made) if made.is_dir() else None
        inputs = {name: dict(one) for name, one in manifest.inputs.items()} if manifest else {}
        told.append({name: record[name] for name in _TOLD} | {"inputs": inputs})
    return told


def put_aside(target: Path) -> None:
    """Renames what an older command made to NAME.outdated, in place of an earlier one."""
    aside = target.with_name(target.name + ".outdated")
    if aside.is_dir():
        shutil.rmtree(aside)
    target.rename(aside)


def told_time(seconds: float) -> str:
    """`40 s` or `12.5 min`."""
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.1f} min"


def _record(run: Path, stage: Stage) -> dict[str, Any] | None:
    file = run / RECORDS / f"{stage.name}.json"
    return read_json(file) if file.is_file() else None
