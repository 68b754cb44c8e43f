"""Starts, kills and restarts the toy server as a real process."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from hiwm.server.client import Client
from hiwm.server.wire import Role
from hiwm.session.phases import Command

ROOT = Path(__file__).parents[2]


def free_port() -> int:
    """A port that nobody listens at now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(holds: object, timeout_s: float = 30.0) -> None:
    """Waits for a condition; fails when it does not come."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        with suppress(OSError, KeyError):
            if holds():  # type: ignore[operator]
                return
        time.sleep(0.02)
    raise AssertionError("it did not happen in time")


class Forker:
    """A process that has imported the server, and forks one for each line."""

    def __init__(self) -> None:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.server.toy_server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None if "TOY_LOG" in os.environ else subprocess.DEVNULL,
            text=True,
            cwd=ROOT,
            env=environment,
        )

    def fork(self, *arguments: object) -> int:
        """The process id of a new server."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\t".join(map(str, arguments)) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def close(self) -> None:
        """Ends the forker; servers that still run are ended by their tests."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()


class ToyServer:
    """The server in a folder; started again it has the same address."""

    def __init__(
        self, forker: Forker, folder: Path, rollouts: Path | None = None, public_name: str | None = None
    ) -> None:
        self.folder, self.port = folder, free_port()
        self._forker, self._rollouts, self._public_name = forker, rollouts, public_name
        self.pid = 0
        self.start()

    @property
    def link(self) -> str:
        """Logs the one who started it in."""
        return (self.folder / "link").read_text()

    @property
    def url(self) -> str:
        """Without a token."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Starts the server, and waits until it answers."""
        (self.folder / "link").unlink(missing_ok=True)
        self.pid = self._forker.fork(self.folder, self.port, self._rollouts or "", self._public_name or "")
        until(lambda: (self.folder / "link").exists())
        until(self._answers)

    def _answers(self) -> bool:
        with socket.create_connection(("127.0.0.1", self.port), 1):
            return True

    def signal(self, number: int) -> None:
        """Sends a signal, and waits until the process is gone with all its threads."""
        os.kill(self.pid, number)
        until(lambda: not Path(f"/proc/{self.pid}").exists())

    def kill(self) -> None:
        """As a crash does."""
        self.signal(signal.SIGKILL)

    def stop(self) -> None:
        """As a person does."""
        self.signal(signal.SIGTERM)

    def close(self) -> None:
        """Ends it if it runs."""
        with suppress(ProcessLookupError, AssertionError):
            self.kill()

    def sessions(self) -> list[Path]:
        """The session files."""
        return sorted((self.folder / "sessions").glob("*.hiwm"))

    def worker(self) -> int:
        """The process id of the model worker."""
        found: list[int] = []

        def look() -> bool:
            children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
            found[:] = [int(child) for child in children if "model_worker" in _command(int(child))]
            return bool(found)

        until(look)
        return found[0]

    def memory_mb(self) -> float:
        """What the server holds in memory."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))

    def person(self, name: str, role: Role) -> str:
        """The link of somebody new."""
        with Client(self.link) as admin:
            link: str = admin.http.json("POST", "/api/people", {"name": name, "role": role.value})["link"]
        return link


def steering(link: str, name: str | None = None) -> Client:
    """A client that steers a new session."""
    client = Client(link, name)
    until(lambda: client.http.ask("GET", "/readyz")[0] == 200)
    client.new_scene()
    assert client.wait(lambda: client.state is not None and client.frame is not None, 20)
    assert client.wait_saved(client.command(Command.TAKE_OVER), 20), client.refused
    return client


def told(line: bytes) -> object:
    """JSON of an answer."""
    return json.loads(line)


def _command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text()
