"""`hiwm serve` with the world and the policy that ship, as somebody meets it who has just installed hiwm."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hiwm.errors import HiwmError
from hiwm.session.file import SessionFile
from hiwm.session.session import Session
from hiwm.types import Driver
from hiwm.worldmodel.shipped import find_world
from tests.browser.conftest import OpenConsole

TASK = "push_t"
LOADED_MS = 110_000
"""The model imports torch and LeRobot."""


@pytest.fixture
def link(tmp_path: Path) -> Iterator[str]:
    """The link that the command prints."""
    try:
        find_world(TASK)
    except HiwmError as error:
        pytest.skip(str(error))
    words = ["serve", "--world", TASK, "--policy", TASK, "--out", str(tmp_path / "console"), "--port", "0"]
    command = "import sys; from hiwm.cli.app import main; sys.exit(main())"
    with subprocess.Popen(
        [sys.executable, "-c", command, *words, "--no-browser"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        text=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
    ) as process:  # fmt: skip
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) in (0, -signal.SIGTERM)


@pytest.mark.timeout(240)
def test_the_shipped_world_is_steered(link: str, console: OpenConsole, tmp_path: Path) -> None:
    seen = console()
    page = seen.page
    page.goto(link)
    page.locator(".flag").wait_for(timeout=LOADED_MS)
    seen.wait_hand("policy")
    seen.wait(lambda: seen.step >= 3)
    page.keyboard.press("Space")
    seen.wait_hand("you")
    seen.hold("l", "k", steps=6)
    stood = seen.wait_still()
    page.keyboard.press("Backspace")
    seen.wait_hand("nobody")
    page.keyboard.press("2")
    page.locator(".track .mark.unsure").wait_for()
    seen.wait_all_saved()
    shown = page.evaluate("(() => { const c = document.querySelector('.main canvas'); return [c.width, c.height]; })()")
    assert shown == [128, 128]
    seen.close()

    sessions = [
        Session(SessionFile.open(path, read_only=True)) for path in (tmp_path / "console" / "sessions").glob("*.hiwm")
    ]
    [rows] = [session.tree.rows for session in sessions if session.corrections()]
    assert max(row.step for row in rows) == stood
    assert sum(row.driver is Driver.PERSON for row in rows) >= 6
    for session in sessions:
        session.close()
