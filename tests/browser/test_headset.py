"""A headset, emulated: the clutch ties a controller to a hand without a jump, and a rewind unties it."""

from __future__ import annotations

import pytest

from tests.browser.conftest import OpenConsole
from tests.server.processes import ROOT, ToyServer

EMULATOR = ROOT / "web" / "node_modules" / "iwer" / "build" / "iwer.min.js"
INSTALL = "window.headset = new IWER.XRDevice(IWER.metaQuest3); headset.installRuntime({ forceInstall: true });"
RIGHT = "headset.controllers.right"


def test_controllers_move_hands_and_a_rewind_unties_them(server: ToyServer, console: OpenConsole) -> None:
    if not EMULATOR.is_file():
        pytest.skip("the emulator is not there: bash scripts/build_web.sh")
    seen = console()
    page = seen.page
    page.add_init_script(EMULATOR.read_text() + "\n" + INSTALL)
    seen.open(server.link)
    page.get_by_role("button", name="Enter VR").click()
    seen.wait(lambda: page.evaluate("headset.activeSession !== undefined"))

    page.evaluate(f"{RIGHT}.updateButtonValue('a-button', 1)")
    seen.wait_hand("you")
    page.evaluate(f"{RIGHT}.updateButtonValue('a-button', 0)")
    before = seen.step
    page.evaluate(f"{RIGHT}.position.set(0.9, 1, -0.2)")  # without the clutch nothing follows
    page.wait_for_timeout(300)
    assert seen.step == before

    page.evaluate(f"{RIGHT}.updateButtonValue('squeeze', 1)")
    page.wait_for_timeout(200)
    page.evaluate(f"{RIGHT}.position.set(1.1, 1, -0.2)")
    seen.wait(lambda: seen.step >= before + 4)
    page.evaluate(f"{RIGHT}.updateButtonValue('b-button', 1)")
    seen.wait_hand("nobody")
    page.evaluate(f"{RIGHT}.updateButtonValue('b-button', 0)")

    page.evaluate(f"{RIGHT}.updateButtonValue('a-button', 1)")
    seen.wait_hand("you")
    stood = seen.wait_still()  # the clutch is still down, and has to be pressed anew
    page.evaluate(f"{RIGHT}.updateButtonValue('squeeze', 0)")
    page.wait_for_timeout(200)
    page.evaluate(f"{RIGHT}.updateButtonValue('squeeze', 1)")
    seen.wait(lambda: seen.step > stood)
    page.evaluate("headset.activeSession?.end()")
    seen.problems[:] = [each for each in seen.problems if "GL Driver Message" not in each]  # drawn without a GPU
