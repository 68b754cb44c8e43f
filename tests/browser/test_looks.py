"""The pages in both themes and on a laptop and a tablet: nothing is cut off, and axe finds nothing serious.

The pictures go to `$HIWM_SCREENSHOTS`, for people to look at, where that is set.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import OpenConsole
from tests.browser.console import Console
from tests.server.processes import ROOT, ToyServer

AXE = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"
SIZES = {"laptop": (1280, 720), "tablet": (820, 1180)}
LEAST_PICTURE = 512
SERIOUS = """
async () => {
  const found = await axe.run(document, { resultTypes: ["violations"] });
  return found.violations
    .filter((each) => ["serious", "critical"].includes(each.impact))
    .map((each) => `${each.id}: ${each.nodes.slice(0, 3).map((node) => node.html.slice(0, 160)).join(" | ")}`);
}
"""


def _check(page: Page, name: str) -> None:
    """Looks at the page as it is now."""
    page.wait_for_timeout(100)
    if folder := os.environ.get("HIWM_SCREENSHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(folder) / f"{name}.png")
    overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert overflow <= 0, f"{name} is {overflow} pixels wider than the screen"
    page.evaluate(AXE.read_text())
    assert page.evaluate(SERIOUS) == [], name


def _prepare(seen: Console, server: ToyServer) -> None:
    """A session with something in it: a correction, a label, two branches."""
    seen.open(server.link)
    page = seen.page
    page.keyboard.press("Space")
    seen.wait_hand("you")
    seen.hold("d", steps=12)
    seen.wait_still()
    page.keyboard.press("1")
    page.keyboard.press("Backspace")
    seen.wait_hand("nobody")
    page.keyboard.press("Space")
    seen.wait_hand("you")
    seen.hold("w", steps=4)
    seen.wait_still()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_each_page_looks_right(server: ToyServer, console: OpenConsole, theme: str, size: str) -> None:
    if not AXE.is_file():
        pytest.skip("axe-core is not there: bash scripts/build_web.sh")
    width, height = SIZES[size]
    seen = console(viewport={"width": width, "height": height}, color_scheme=theme)
    page = seen.page
    _prepare(seen, server)
    shown = page.locator(".main .frame").bounding_box()
    assert shown is not None
    assert max(shown["width"], shown["height"]) >= LEAST_PICTURE * 0.75  # two cameras share the place
    _check(page, f"steering-{theme}-{size}")
    page.keyboard.press("p")
    seen.wait_hand("nobody")
    page.keyboard.press("v")
    page.locator(".way.ghost img").wait_for()
    _check(page, f"alternatives-{theme}-{size}")
    page.keyboard.press("v")
    page.keyboard.press("?")
    page.get_by_role("dialog").wait_for()
    _check(page, f"keys-{theme}-{size}")
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Overview").click()
    page.locator(".figures").wait_for()
    _check(page, f"overview-{theme}-{size}")


def test_everything_by_keyboard_alone(server: ToyServer, console: OpenConsole) -> None:
    seen = console()
    page = seen.page
    seen.open(server.link)
    page.keyboard.press("Tab")
    reached = set()
    for _ in range(60):
        reached.add(page.evaluate("document.activeElement.dataset.command ?? document.activeElement.className"))
        page.keyboard.press("Tab")
    assert {"drive", "pause", "rewind", "branch", "next", "success", "failure", "unsure", "alternatives"} <= reached
    page.locator("[data-command=drive]").focus()
    page.keyboard.press("Enter")
    seen.wait_hand("you")


def test_words_for_those_who_do_not_see(server: ToyServer, console: OpenConsole) -> None:
    seen = console(reduced_motion="reduce")
    page = seen.page
    seen.open(server.link)
    page.context.set_offline(True)
    page.locator(".unseen", has_text="Connection lost").wait_for(state="attached")
    page.context.set_offline(False)
    page.locator(".unseen", has_text="Saved").wait_for(state="attached")
    seen.problems.clear()
