"""`hiwm doctor`: what is missing on a machine, and what to do about each thing.

Each check looks at one thing and says one line; what it looks at can be passed in, so that tests can take it away.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from rich.console import Console

from hiwm.errors import BadInput
from hiwm.runfolder import hiwm_home, write_json

GB = 1e9
NEEDS_GB, WANTS_GB = 2.0, 20.0
"""Room for sessions and small runs; room for a task's data and trainings."""
NEEDS_SQLITE, WANTS_SQLITE = (3, 37, 0), (3, 51, 3)
"""STRICT tables; and from where two connections that write at once can do no harm (hiwm has one)."""
WANTS_CORES = 2
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "msedge")
DRAWS = (
    "from hiwm.sims.tasks import load_task\nfrom hiwm.types import Scene\n"
    "print(load_task('push_t').open().reset([Scene('push_t', 'eval', 0)])[1][0].state.shape)"
)


class Verdict(StrEnum):
    """Whether a thing is there; LACKS hinders only some of what hiwm does, MISSING is needed."""

    GOOD = "ok"
    LACKS = "lacks"
    MISSING = "MISSING"


@dataclass(frozen=True)
class Finding:
    """What was found of one thing, and what to do; nothing to do where all is well."""

    thing: str
    verdict: Verdict
    found: str
    to_do: str = ""

    @property
    def bad(self) -> bool:
        """Something that is needed is missing."""
        return self.verdict is Verdict.MISSING


def examine() -> list[Finding]:
    """All findings of this machine; drawing a picture takes some seconds."""
    checks: tuple[Callable[[], Finding], ...] = (
        python, packages, rendering, page, browser, disk, sqlite, cores, arithmetic, gpu, leader_arms,
    )  # fmt: skip
    return [check() for check in checks]


def report(findings: Sequence[Finding], json: Path | None = None) -> None:
    """Prints the findings, and writes them as JSON where a file is given."""
    console = Console(highlight=False)
    colours = {Verdict.GOOD: "green", Verdict.LACKS: "yellow", Verdict.MISSING: "bold red"}
    for finding in findings:
        console.print(f"[{colours[finding.verdict]}]{finding.verdict:<8}[/]{finding.thing:<12}", end="")
        console.print(finding.found, markup=False, soft_wrap=True)
        if finding.to_do:
            console.print(f"{'':<20}-> {finding.to_do}", markup=False, soft_wrap=True)
    if json is not None:
        write_json(json, {finding.thing: asdict(finding) for finding in findings})


def python(version: tuple[int, ...] = sys.version_info[:3]) -> Finding:
    """Python 3.12."""
    found = ".".join(map(str, version))
    if version[:2] == (3, 12):
        return Finding("python", Verdict.GOOD, found)
    return Finding("python", Verdict.MISSING, f"{found}, expected 3.12", "install Python 3.12, then: make clean setup")


def packages(requirements: Iterable[str] | None = None) -> Finding:
    """Everything that hiwm declares is installed."""
    wanted = importlib.metadata.requires("hiwm") or [] if requirements is None else requirements
    names = [re.split(r"[^\w-]", text)[0] for text in wanted if "extra ==" not in text]
    lost = [name for name in names if not _is_installed(name)]
    if lost:
        return Finding("packages", Verdict.MISSING, f"{', '.join(lost)} not installed", "make clean setup")
    return Finding("packages", Verdict.GOOD, f"all {len(names)} installed")


def rendering(command: Sequence[str] = (sys.executable, "-c", DRAWS)) -> Finding:
    """A simulator's picture can be drawn without a display; tried in a process of its own, since drivers may crash."""
    try:
        tried = subprocess.run(command, capture_output=True, text=True, timeout=120)
    except subprocess.TimeoutExpired:
        return Finding("rendering", Verdict.MISSING, "no picture in two minutes", "set MUJOCO_GL=osmesa, try again")
    if tried.returncode == 0:
        return Finding("rendering", Verdict.GOOD, "a picture is drawn without a display")
    last = (tried.stderr.strip().splitlines() or [f"exit code {tried.returncode}"])[-1]
    return Finding(
        "rendering", Verdict.MISSING, last[:200],
        "apt-get install libegl1 libgl1 libgl1-mesa-dri libgles2 libosmesa6; simulators and their scenes need it",
    )  # fmt: skip


def page(static: Path | None = None) -> Finding:
    """The console's page has been built."""
    place = Path(__file__).parents[1] / "server" / "static" if static is None else static
    if (place / "index.html").is_file():
        return Finding("page", Verdict.GOOD, "the console's page is built")
    return Finding("page", Verdict.MISSING, "the console's page is not built", "bash scripts/build_web.sh")


def browser(which: Callable[[str], str | None] = shutil.which) -> Finding:
    """A browser that tests can drive; a person may use any."""
    found = next((path for name in BROWSERS if (path := which(name))), None)
    if found is not None:
        return Finding("browser", Verdict.GOOD, found)
    return Finding(
        "browser", Verdict.LACKS, "no Chromium: browser tests are skipped (any browser can open the console)",
        "apt-get install chromium",
    )  # fmt: skip


def disk(home: Path | None = None, free_bytes: float | None = None, mounts: str | None = None) -> Finding:
    """$HIWM_HOME has room and is on a local disk."""
    from hiwm.session.place import require_local

    place = hiwm_home() if home is None else home
    free = (shutil.disk_usage(place).free if free_bytes is None else free_bytes) / GB
    found = f"{free:.1f} GB free in {place}"
    try:
        require_local(place / "any.hiwm", mounts)
    except BadInput as error:
        return Finding("disk", Verdict.MISSING, str(error), "set HIWM_HOME to a folder on a local disk")
    if free < NEEDS_GB:
        return Finding("disk", Verdict.MISSING, found, f"free {NEEDS_GB:.0f} GB, or set HIWM_HOME to another disk")
    if free < WANTS_GB:
        return Finding("disk", Verdict.LACKS, found, f"a whole experiment wants {WANTS_GB:.0f} GB")
    return Finding("disk", Verdict.GOOD, found)


def sqlite(version: tuple[int, ...] = sqlite3.sqlite_version_info) -> Finding:
    """SQLite is new enough for session files."""
    found = ".".join(map(str, version))
    if version < NEEDS_SQLITE:
        need = ".".join(map(str, NEEDS_SQLITE))
        return Finding("sqlite", Verdict.MISSING, f"{found}, expected {need}", "use a Python with a newer SQLite")
    if version < WANTS_SQLITE:
        return Finding(
            "sqlite", Verdict.GOOD,
            f"{found}; before {'.'.join(map(str, WANTS_SQLITE))} two writers can harm a file: hiwm has one a file",
        )  # fmt: skip
    return Finding("sqlite", Verdict.GOOD, found)


def cores(count: int | None = None) -> Finding:
    """Processor cores that this process may use."""
    known = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    found = known if count is None else count
    if found < WANTS_CORES:
        return Finding("cores", Verdict.LACKS, f"{found}", f"expect half the speed: {WANTS_CORES} or more are usual")
    return Finding("cores", Verdict.GOOD, f"{found}")


def arithmetic(fast: bool | None = None) -> Finding:
    """Whether the processor has the 16-bit arithmetic that worlds run in."""
    from hiwm.data.precision import processor_has_bf16

    if processor_has_bf16() if fast is None else fast:
        return Finding("bfloat16", Verdict.GOOD, "the processor has it")
    return Finding(
        "bfloat16", Verdict.LACKS, "not in this processor: networks run in 32 bits, at half the speed or less",
        "use a processor with avx512_bf16 or amx_bf16 for trainings, or a GPU",
    )  # fmt: skip


def gpu(present: bool | None = None) -> Finding:
    """A GPU makes trainings faster; nothing needs one."""
    import torch

    if torch.cuda.is_available() if present is None else present:
        return Finding("gpu", Verdict.GOOD, "CUDA works; use --device cuda")
    return Finding("gpu", Verdict.GOOD, "none; nothing needs one")


def leader_arms(installed: Callable[[str], object] = importlib.util.find_spec) -> Finding:
    """The driver of SO leader arms' motors."""
    if installed("scservo_sdk"):
        return Finding("leader arms", Verdict.GOOD, "the driver of their motors is installed")
    return Finding(
        "leader arms", Verdict.LACKS, "no driver of their motors: hiwm bridge cannot read SO arms",
        "pip install 'lerobot[feetech]', where there are such arms",
    )  # fmt: skip


def _is_installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
