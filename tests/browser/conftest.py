"""Debian's Chromium through Playwright, the built page, and the real server with the toy world behind it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from hiwm.server.app import STATIC
from tests.browser.console import Console
from tests.browser.toy_rollouts import toy_rollouts
from tests.server.processes import Forker, ToyServer

type OpenConsole = Callable[..., Console]

MISSING_BROWSER = "no Chromium on this machine: apt-get install chromium (make setup does, as root)"
MISSING_PAGE = "the page is not built: bash scripts/build_web.sh (make setup does)"


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """One browser for all tests of this folder.

    It closes after them: Playwright keeps an event loop running in its thread, and what comes next wants its own.
    """
    program = shutil.which("chromium")
    if program is None:
        pytest.skip(MISSING_BROWSER)
    if not (STATIC / "index.html").is_file():
        pytest.skip(MISSING_PAGE)
    with sync_playwright() as playwright:
        # As root in a container there is no sandbox to be had; the pages are our own.
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def console(chromium: Browser) -> Iterator[OpenConsole]:
    """Makes pages; at the end none of them may have complained (of content from elsewhere, for example)."""
    opened: list[Console] = []

    def make(**settings: Any) -> Console:
        context = chromium.new_context(**{"viewport": {"width": 1280, "height": 720}, **settings})
        opened.append(Console(context.new_page()))
        return opened[-1]

    yield make
    for each in opened:
        each.page.context.close()
    assert [problem for each in opened for problem in each.problems] == []


@pytest.fixture(scope="session")
def forker() -> Iterator[Forker]:
    """Forks servers."""
    process = Forker()
    yield process
    process.close()


@pytest.fixture
def server(forker: Forker, tmp_path: Path) -> Iterator[ToyServer]:
    """A server whose inbox has three failures."""
    made = ToyServer(forker, tmp_path / "console", toy_rollouts(tmp_path / "rollouts"))
    yield made
    made.close()
