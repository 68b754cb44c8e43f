"""Stages of a run as command lines: each is made once, gone on with when it was stopped, and told in the report."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from hiwm import __version__
from hiwm.errors import StageFailed
from hiwm.pipeline.manifest import content_hash, read_manifest
from hiwm.runfolder import read_json, write_json

RECORDS = "stages"


@dataclass(frozen=True)
class Stage:
    """One command of `hiwm`, and the folder of the run that it makes.

    after: names of the stages whose folders it reads. given: files and folders from outside the run that it reads.
    resume: whether the command wants --resume to go on in a folder that it had begun.
    """

    name: str
    title: str
    arguments: tuple[str, ...]
    folder: str
    after: tuple[str, ...] = ()
    given: tuple[Path, ...] = ()
    resume: bool = False


def run_stages(run: Path, stages: Sequence[Stage], console: Console | None = None) -> int:
    """Runs what is not complete, in order; returns how many stages were run. Raises StageFailed, and goes on later.

    A stage is complete when its record names the same command and the same inputs, and its folder is there. A folder
    that an older command made is kept beside, as NAME.outdated.
    """
    shown = console or Console(stderr=True)
    marks: dict[str, str] = {}
    made = 0
    for number, stage in enumerate(stages, 1):
        marks[stage.name] = _mark(run, stage, marks)
        head = f"[{number}/{len(stages)}] {stage.title}"
        record = _record(run, stage)
        if record and record["mark"] == marks[stage.name] and record["seconds"] is not None and _made(run, stage):
            shown.print(f"{head}  [dim]complete, {_minutes(record['seconds'])}[/dim]", highlight=False)
            continue
        shown.print(f"[bold]{head}[/bold]", highlight=False)
        _run(run, stage, marks[stage.name], record)
        made += 1
    return made


def told_stages(run: Path) -> list[dict[str, Any]]:
    """The records of a run's stages in their order, each with the inputs that its folder's manifest names."""
    records = [read_json(path) for path in (run / RECORDS).glob("*.json")]
    told = []
    for record in sorted(records, key=lambda one: one["began"]):
        folder = run / record["folder"]
        manifest = read_manifest(folder) if folder.is_dir() else None
        inputs = {name: dict(one) for name, one in manifest.inputs.items()} if manifest else {}
        told.append(
            {name: record[name] for name in ("name", "title", "command", "seconds", "version")} | {"inputs": inputs}
        )
    return told


def command_line(run: Path, stage: Stage) -> list[str]:
    """What is run: `RUN/` in an argument is the run's folder."""
    place = str(run.resolve())
    return [
        argument.replace("RUN/", f"{place}/", 1) if "RUN/" in argument else argument for argument in stage.arguments
    ]


def _run(run: Path, stage: Stage, mark: str, record: dict[str, Any] | None) -> None:
    folder = run / stage.folder
    if folder.exists() and (record is None or record["mark"] != mark):
        _put_aside(folder)
    arguments = command_line(run, stage)
    if stage.resume and folder.exists():
        arguments.append("--resume")
    began = time.time()
    spent = record["spent"] if record and record["mark"] == mark else 0.0
    told = {
        "name": stage.name, "title": stage.title, "folder": stage.folder, "mark": mark, "version": __version__,
        "command": shlex.join(["hiwm", *stage.arguments]),
        "began": record["began"] if record and record["mark"] == mark else began, "seconds": None, "spent": spent,
    }  # fmt: skip
    (run / RECORDS).mkdir(parents=True, exist_ok=True)
    file = run / RECORDS / f"{stage.name}.json"
    write_json(file, told)
    code = _command(arguments)
    spent += time.time() - began
    write_json(file, told | {"spent": spent, "seconds": round(spent, 1) if code == 0 else None})
    if code == _INTERRUPTED:
        raise KeyboardInterrupt
    if code != 0:
        raise StageFailed(
            f"stage {stage.name} ended with code {code} (its own message is above); what is finished is kept: "
            "run the same command again to go on"
        )


def _command(arguments: Sequence[str]) -> int:
    """Runs `hiwm` with these arguments in a process of its own, whose output goes to the screen."""
    command = [sys.executable, "-m", "hiwm.cli.app", *arguments]
    with subprocess.Popen(command, env=os.environ | {"PYTHONUNBUFFERED": "1"}) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:  # the terminal has sent it to the stage too, which tidies up
            process.wait()
            raise


def _put_aside(folder: Path) -> None:
    aside = folder.with_name(folder.name + ".outdated")
    shutil.rmtree(aside, ignore_errors=True)
    folder.rename(aside)


def _mark(run: Path, stage: Stage, marks: dict[str, str]) -> str:
    """What a stage depends on, hashed: its command, the stages before it, and what is given from outside."""
    before = [marks[name] for name in stage.after]
    given = [content_hash(path) for path in stage.given]
    return hashlib.sha256(json.dumps([stage.arguments, before, given]).encode()).hexdigest()


def _record(run: Path, stage: Stage) -> dict[str, Any] | None:
    file = run / RECORDS / f"{stage.name}.json"
    return read_json(file) if file.is_file() else None


def _made(run: Path, stage: Stage) -> bool:
    return (run / stage.folder).exists()


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.1f} min"


_INTERRUPTED = 130
_TOLD = ("name", "title", "command", "seconds", "version")
