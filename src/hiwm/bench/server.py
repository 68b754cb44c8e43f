"""The console as operators feel it: time from picture to picture, what the server adds, rewinds, the first picture."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from hiwm.errors import StageFailed
from hiwm.runfolder import hiwm_home
from hiwm.server.client import CannotConnect, Client
from hiwm.server.limits import COMMANDS_A_SECOND
from hiwm.session.file import SessionFile
from hiwm.session.phases import Command
from hiwm.session.session import Session

RATE_HZ = 10
"""At which a person's hand asks for steps."""
LONGEST_START_S = 900.0
COMMAND = (sys.executable, "-c", "import sys; from hiwm.cli.app import main; sys.exit(main())", "serve")


@dataclass(frozen=True)
class Load:
    """What is tried. seconds: of each run of steering. operators: at once in the second. long_steps: of the rewind."""

    seconds: float = 20.0
    operators: int = 4
    long_steps: int = 6000
    rewinds: int = 20


def bench_server(world: str, policy: str, load: Load, threads: int = 1) -> dict[str, Any]:
    """Starts the real server with a world and a policy, and steers it through the real wire; figures by name."""
    scratch = hiwm_home() / "bench"
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch) as folder, _server(Path(folder), world, policy, threads) as link:
        with Client(link) as client:
            _wait_ready(client)
        first_s = [_first_picture_s(link) for _ in range(5)]
        alone = _steered(link, 1, load.seconds)
        together = _steered(link, load.operators, load.seconds)
        rewinds = _rewinds_ms(link, Path(folder), load)
    return {
        "first picture": {"p50_s": float(np.median(first_s)), "longest_s": max(first_s), "count": len(first_s)},
        "one operator": alone,
        f"{load.operators} operators": together,
        "rewind": {
            "steps": load.long_steps,
            "count": len(rewinds),
            "p50_ms": _at(rewinds, 50),
            "p95_ms": _at(rewinds, 95),
        },
    }


@contextmanager
def _server(folder: Path, world: str, policy: str, threads: int) -> Iterator[str]:
    """The link of a server that runs meanwhile."""
    process = subprocess.Popen(
        [*COMMAND, "--world", world, "--policy", policy, "--out", str(folder / "console"), "--port", "0",
         "--no-browser", "--threads", str(threads)],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        link = process.stdout.readline().strip()
        if "#token=" not in link:
            raise StageFailed("the server did not start; hiwm serve says why")
        yield link
    finally:
        process.terminate()
        process.wait(30)


def _wait_ready(client: Client) -> None:
    end = time.monotonic() + LONGEST_START_S
    while client.http.ask("GET", "/readyz")[0] != 200:
        if time.monotonic() > end:
            raise StageFailed("the model was not loaded in time")
        time.sleep(0.2)


def _first_picture_s(link: str) -> float:
    """From opening the link to the first frame of a new scene."""
    started = time.perf_counter()
    with Client(link) as client:
        client.next()
        _require(client.wait(lambda: client.frame is not None, 60), "the first picture did not come")
        return time.perf_counter() - started


def _steered(link: str, operators: int, seconds: float) -> dict[str, Any]:
    """Frame intervals and added latency while so many operators steer, each in a session of their own."""
    hands = [_Hand(link, seconds) for _ in range(operators)]
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join()
    for hand in hands:
        _require(hand.failed is None, f"an operator's session could not be steered: {hand.failed}")
    intervals = [ms for hand in hands for ms in np.diff(hand.shown_ms)]
    added = [ms for hand in hands for ms in hand.added_ms]
    return {
        "steps": sum(len(hand.shown_ms) for hand in hands),
        "slowest_hz": min(len(hand.shown_ms) / seconds for hand in hands),
        "interval_p50_ms": _at(intervals, 50),
        "interval_p95_ms": _at(intervals, 95),
        "model_p50_ms": _at([ms for hand in hands for ms in hand.model_ms], 50),
        "added_p50_ms": _at(added, 50),
        "added_p95_ms": _at(added, 95),
    }


class _Hand(threading.Thread):
    """An operator who moves all the time: the next step is asked for at RATE_HZ, or when the last one is seen."""

    def __init__(self, link: str, seconds: float) -> None:
        super().__init__(daemon=True)
        self._link, self._seconds = link, seconds
        self.shown_ms: list[float] = []
        self.added_ms: list[float] = []
        self.model_ms: list[float] = []
        self.failed: str | None = None

    def run(self) -> None:
        try:
            with Client(self._link) as client:
                self._steer(client)
        except (CannotConnect, StageFailed) as error:
            self.failed = str(error)

    def _steer(self, client: Client) -> None:
        client.new_scene()
        _require(client.wait(lambda: client.frame is not None, 60), "no scene")
        _require(client.wait_saved(client.command(Command.TAKE_OVER), 60), "no takeover")
        assert client.info is not None
        velocity = np.zeros(len(client.info.action))
        end, next_s, turn = time.perf_counter() + self._seconds, time.perf_counter(), 0
        while time.perf_counter() < end:
            time.sleep(max(0.0, next_s - time.perf_counter()))
            next_s = max(next_s + 1 / RATE_HZ, time.perf_counter())
            turn += 1
            velocity[:2] = 0.1 * np.cos(turn / 9), 0.1 * np.sin(turn / 9)
            self._step(client, velocity.tolist())

    def _step(self, client: Client, velocity: Sequence[float]) -> None:
        before = client.frame.header.node if client.frame is not None else -1
        timings = client.timings
        sent = time.perf_counter()
        client.steer(velocity=velocity, device="bench")
        seen = client.wait(lambda: client.frame is not None and client.frame.header.node != before, 30)
        shown = time.perf_counter()
        _require(seen and client.wait(lambda: client.timings > timings, 30), "a step did not come")
        assert client.timing is not None
        self.shown_ms.append(1e3 * shown)
        self.model_ms.append(client.timing.model_ms)
        self.added_ms.append(1e3 * (shown - sent) - client.timing.model_ms - client.timing.queue_ms)


def _rewinds_ms(link: str, folder: Path, load: Load) -> list[float]:
    """From the key to the picture of the first node, in a session with many steps."""
    name = _long_session(folder / "console" / "sessions", load.long_steps)
    with ExitStack() as stack:
        client = stack.enter_context(Client(link))
        client.open(name)
        _require(client.wait(lambda: client.frame is not None, 60), "the long session could not be opened")
        _require(client.wait_saved(client.command(Command.HOLD)), "the long session could not be held")
        return [_rewound_ms(client, node) for _ in range(load.rewinds) for node in (load.long_steps - 1, 0)][1::2]


def _rewound_ms(client: Client, node: int) -> float:
    time.sleep(1.5 / COMMANDS_A_SECOND)
    started = time.perf_counter()
    client.command(Command.REWIND, node=node)
    shown = client.wait(lambda: client.frame is not None and client.frame.header.node == node, 30)
    _require(shown, "a rewind was not shown")
    return 1e3 * (time.perf_counter() - started)


def _long_session(sessions: Path, steps: int) -> str:
    """A session of many steps beside the others, made of the first nodes of one of them."""
    longest = max(sessions.glob("*.hiwm"), key=lambda path: path.stat().st_size)
    file = SessionFile.open(longest, read_only=True, sealed=True)
    nodes = [file.node(number).node for number in range(2)]
    about = replace(file.about, id="long")
    file.close()
    session = Session(SessionFile.create(sessions / "long.hiwm", about, sealed=True))
    session.start(nodes[0])
    for start in range(1, steps, 100):
        session.record_all([replace(nodes[-1], step=step) for step in range(start, min(start + 100, steps))])
    session.close()
    return "long"


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise StageFailed(f"{what}; look into the server's log")


def _at(values: Sequence[float], percent: float) -> float:
    return float(np.percentile(values, percent))
