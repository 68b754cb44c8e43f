"""Everything that moves a hand from the page: keys, fingers, pointer, gamepad; and what lets go of it."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import OpenConsole
from tests.browser.console import Console
from tests.server.processes import ToyServer

GAMEPAD = """
() => {
  const pad = {
    id: "Test pad (Vendor: 0000)", index: 0, connected: true, mapping: "standard", timestamp: 0,
    axes: [0, 0, 0, 0], buttons: Array.from({ length: 17 }, () => ({ pressed: false, touched: false, value: 0 })),
  };
  window.pad = pad;
  navigator.getGamepads = () => [pad];
  const event = new Event("gamepadconnected");
  event.gamepad = pad;
  dispatchEvent(event);
}
"""


def _steering(server: ToyServer, console: OpenConsole) -> Console:
    seen = console()
    seen.open(server.link)
    seen.page.keyboard.press("Space")
    seen.wait_hand("you")
    return seen


def _press(seen: Console, button: int) -> None:
    """A press of a gamepad's button, as long as a picture of the screen."""
    for down in ("true", "false"):
        seen.page.evaluate(f"window.pad.buttons[{button}].pressed = {down}")
        seen.page.wait_for_timeout(80)


def test_gamepad_as_lerobot_uses_it(server: ToyServer, console: OpenConsole) -> None:
    seen = console()
    seen.open(server.link)
    seen.page.evaluate(GAMEPAD)
    _press(seen, 5)  # RB
    seen.wait_hand("you")
    stood = seen.wait_still()
    seen.page.evaluate("window.pad.axes[0] = 0.05")  # inside the dead zone
    seen.page.wait_for_timeout(300)
    assert seen.step == stood
    seen.page.evaluate("window.pad.axes[0] = 0.9")
    seen.wait(lambda: seen.step >= stood + 5)
    seen.page.evaluate("window.pad.axes[0] = 0")
    seen.wait_still()
    _press(seen, 3)  # Y
    expect(seen.page.locator(".track .mark.success")).to_be_visible()
    _press(seen, 4)  # LB
    seen.wait_hand("nobody")


def test_dragging_on_the_picture_pulls_the_hand(server: ToyServer, console: OpenConsole) -> None:
    seen = _steering(server, console)
    before, mouse = seen.step, seen.page.mouse
    box = seen.page.locator(".main .frame").bounding_box()
    assert box is not None
    mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    mouse.down()
    mouse.move(box["x"] + box["width"] * 0.8, box["y"] + box["height"] / 2, steps=4)
    seen.wait(lambda: seen.step >= before + 4)
    mouse.up()
    stood = seen.wait_still()
    seen.page.wait_for_timeout(300)
    assert seen.step == stood


def test_fingers_hold_the_buttons_beside_the_picture(server: ToyServer, console: OpenConsole) -> None:
    seen = _steering(server, console)
    before = seen.step
    seen.page.get_by_role("button", name="Hand right").hover()
    seen.page.mouse.down()
    seen.wait(lambda: seen.step >= before + 4)
    seen.page.mouse.up()
    seen.wait_still()
    expect(seen.page.locator(".pad [aria-pressed=true]")).to_have_count(0)


def test_losing_the_focus_lets_go_of_all_keys(server: ToyServer, console: OpenConsole) -> None:
    seen = _steering(server, console)
    before = seen.step
    seen.page.keyboard.down("d")
    seen.wait(lambda: seen.step >= before + 3)
    seen.page.evaluate("dispatchEvent(new Event('blur'))")
    stood = seen.wait_still()
    seen.page.wait_for_timeout(300)
    assert seen.step == stood
    seen.page.keyboard.up("d")


def test_sticky_keys_stay_until_pressed_again(server: ToyServer, console: OpenConsole) -> None:
    seen = _steering(server, console)
    before = seen.step
    seen.page.keyboard.press("y")
    seen.page.keyboard.press("d")
    seen.wait(lambda: seen.step >= before + 4)
    seen.page.keyboard.press("d")
    seen.wait_still()


def test_a_step_in_which_nothing_moves_is_a_step_too(server: ToyServer, console: OpenConsole) -> None:
    seen = _steering(server, console)
    stood = seen.wait_still()
    seen.page.keyboard.press(".")
    seen.wait(lambda: seen.step == stood + 1)


def test_keys_can_be_changed_and_belong_to_the_person(server: ToyServer, console: OpenConsole) -> None:
    seen = console()
    page = seen.page
    seen.open(server.link)
    page.keyboard.press("?")
    page.get_by_role("button", name="Change Pause / go on").click()
    page.keyboard.press("k")
    expect(page.get_by_role("dialog").get_by_role("status")).to_contain_text("K is already")
    page.get_by_role("button", name="Change Pause / go on").click()
    with page.expect_response("**/api/me/keys") as stored:
        page.keyboard.press("m")
    assert stored.value.ok
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("m")
    seen.wait_hand("policy")
    page.reload()
    seen.wait_picture()
    expect(page.locator("[data-command=pause] kbd")).to_have_text("M")
