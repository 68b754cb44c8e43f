"""The console's page as a person sees it: what is written on it, and how one waits for it."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

WAIT_MS = 40_000


class Console:
    """A page with the console in it. problems: what the browser complained of."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.problems: list[str] = []
        page.set_default_timeout(WAIT_MS)
        page.on("console", lambda said: self.problems.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self.problems.append(str(error)))

    def open(self, link: str) -> None:
        """Opens a link and waits for the first picture."""
        self.page.goto(link)
        self.wait_picture()

    def close(self) -> None:
        """Leaves the page; what happens to the server afterwards is no problem of this one."""
        self.page.close()

    def wait_picture(self) -> None:
        """Waits until a session is on the stage."""
        expect(self.page.locator(".flag")).to_be_visible(timeout=WAIT_MS)
        expect(self.page.locator(".main canvas")).to_be_visible(timeout=WAIT_MS)

    def wait_hand(self, hand: str) -> None:
        """Waits until this hand drives: you, policy, other, nobody or done."""
        expect(self.page.locator(".flag")).to_have_attribute("data-hand", hand, timeout=WAIT_MS)

    def wait(self, holds: Callable[[], bool]) -> None:
        """Waits for something that is not one element's business; fails when it does not come."""
        for _ in range(WAIT_MS // 50):
            if holds():
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(f"it did not happen in {WAIT_MS} ms; the page: {self.page.inner_text('body')[:400]}")

    @property
    def step(self) -> int:
        """The step that is shown."""
        return int(self.page.inner_text("[data-step]"))

    @property
    def saved(self) -> int:
        """Steps that are on disk."""
        return int(self.page.get_attribute(".saved", "data-saved") or 0)

    @property
    def branches(self) -> int:
        """How many branches the tree has."""
        return self.page.locator(".tree .ends button").count()

    def wait_all_saved(self) -> None:
        """Waits until nothing is on its way."""
        expect(self.page.locator(".saved")).to_have_attribute("data-pending", "0", timeout=WAIT_MS)

    def hold(self, *keys: str, steps: int) -> None:
        """Holds keys down together until the world has made so many steps."""
        before = self.step
        for key in keys:
            self.page.keyboard.down(key)
        self.wait(lambda: self.step >= before + steps)
        for key in keys:
            self.page.keyboard.up(key)

    def wait_still(self) -> int:
        """Waits until the world does not move any more; the step at which it stands."""
        self.wait_all_saved()
        while True:
            before = self.step
            self.page.wait_for_timeout(350)
            if self.step == before:
                return before

    def labels(self) -> list[str]:
        """What is labelled on the timeline."""
        return [str(mark.get_attribute("title")).split(",")[0] for mark in self.page.locator(".track .mark").all()]
