"""What a person does, from the link to the exported dataset, on the real server with the toy world."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from hiwm.data.writer import open_lerobot
from hiwm.server.wire import Role
from hiwm.session.file import SessionFile
from hiwm.session.session import Session
from hiwm.types import Driver
from tests.browser.conftest import OpenConsole
from tests.server.processes import ToyServer


def test_a_correction_from_the_link_to_the_disk(server: ToyServer, console: OpenConsole) -> None:
    seen = console()
    page = seen.page
    seen.open(server.link)
    assert "token" not in page.url
    expect(page.locator(".hint")).to_contain_text("Take the controls")
    expect(page.locator(".inbox li")).to_have_count(3)
    seen.wait_hand("nobody")  # the failure waits, rewound to shortly before it begins
    began = seen.step

    page.keyboard.press("Space")
    seen.wait_hand("you")
    expect(page.locator(".hint")).to_contain_text("You drive")
    seen.hold("d", "w", steps=8)
    stood = seen.wait_still()
    page.keyboard.press("1")
    expect(page.locator(".track .mark.success")).to_be_visible()
    page.keyboard.press("Space")
    seen.wait_hand("policy")
    seen.wait(lambda: seen.step > stood + 3)
    page.keyboard.press("p")
    seen.wait_hand("nobody")
    seen.wait_all_saved()
    assert seen.saved > stood - began

    seen.close()
    server.stop()
    [path] = [path for path in server.sessions() if path.stem.startswith("toy-rollout")]
    session = Session(SessionFile.open(path, read_only=True))
    [correction] = session.corrections()
    steered = [session.node(node) for node in correction.nodes]
    assert len(steered) == stood - began
    assert correction.device == "keyboard"
    assert all(node.driver is Driver.PERSON for node in steered)
    full = steered[5].action
    before = steered[4].action
    assert full is not None
    assert before is not None
    right, away = full - before
    assert right > 0
    assert abs(right - away) < 1e-6  # two keys blend into a diagonal
    session.close()


def test_rewind_branch_label_and_undo(server: ToyServer, console: OpenConsole) -> None:
    seen = console()
    page = seen.page
    seen.open(server.link)
    page.keyboard.press("Space")
    seen.wait_hand("you")
    seen.hold("a", steps=14)
    end = seen.wait_still()
    page.keyboard.press("Backspace")
    seen.wait_hand("nobody")
    seen.wait(lambda: seen.step == end - 10)

    page.keyboard.press("Space")
    seen.wait_hand("you")
    seen.hold("s", steps=5)
    seen.wait_still()
    seen.wait(lambda: seen.branches == 3)  # the failed attempt, and two ways to correct it
    page.keyboard.press("0")
    expect(page.locator(".track .mark.failure")).to_be_visible()
    page.keyboard.press("Control+z")
    expect(page.locator(".track .mark")).to_have_count(0)

    page.keyboard.press("Shift+Backspace")
    seen.wait_hand("nobody")
    for _ in range(3):
        page.keyboard.press("[")
    expect(page.locator(".flag")).to_contain_text("looking back")
    looked = seen.step
    page.keyboard.press("b")
    seen.wait(lambda: "looking back" not in page.inner_text(".flag"))
    assert seen.step == looked
    page.keyboard.press(".")
    seen.wait(lambda: seen.step == looked + 1)
    seen.wait(lambda: seen.branches == 4)


def test_alternatives_side_by_side(server: ToyServer, console: OpenConsole) -> None:
    seen = console()
    page = seen.page
    seen.open(server.link)
    for key in "ad":
        page.keyboard.press("Space")
        seen.wait_hand("you")
        seen.hold(key, steps=6)
        seen.wait_still()
        page.keyboard.press("Shift+Backspace")
        seen.wait_hand("nobody")
    page.keyboard.press("v")
    ways = page.locator(".way:not(.ghost)")
    expect(ways).to_have_count(3)
    expect(page.locator(".way.ghost img")).to_be_visible()  # what the policy would do
    shown = set()
    for _ in range(8):
        shown.add(ways.nth(1).locator("img").get_attribute("src"))
        page.wait_for_timeout(100)
    assert len(shown) > 2  # it moves
    ways.nth(2).get_by_role("button", name="Pick").click()
    expect(page.locator(".way.success")).to_have_count(1)
    expect(page.locator(".way.failure")).to_have_count(2)
    page.get_by_role("button", name="Keep all").click()
    expect(page.locator(".way.success")).to_have_count(3)


def test_a_lost_network_loses_nothing(server: ToyServer, console: OpenConsole) -> None:
    seen = console()
    page = seen.page
    seen.open(server.link)
    page.keyboard.press("Space")
    seen.wait_hand("you")
    before = seen.step
    page.keyboard.down("d")
    seen.wait(lambda: seen.step > before + 2)
    page.context.set_offline(True)
    expect(page.locator(".waits")).to_contain_text("nothing is lost")
    assert page.locator(".pad [aria-pressed=true]").count() == 0  # every key was let go
    page.context.set_offline(False)
    expect(page.locator(".connection")).to_have_class("connection open")
    seen.wait_hand("you")
    stood = seen.wait_still()  # the key is still down, and nothing moves
    page.keyboard.up("d")
    seen.hold("a", steps=3)
    assert seen.wait_still() >= stood + 3
    seen.problems[:] = [each for each in seen.problems if "DISCONNECTED" not in each]


def test_a_restarted_server_and_a_reloaded_page_go_on(server: ToyServer, console: OpenConsole) -> None:
    seen = console()
    page = seen.page
    seen.open(server.link)
    page.keyboard.press("Space")
    seen.wait_hand("you")
    seen.hold("d", steps=5)
    stood = seen.wait_still()
    server.kill()
    expect(page.locator(".connection")).to_have_class("connection lost")
    server.start()
    expect(page.locator(".connection")).to_have_class("connection open")
    seen.wait(lambda: seen.step == stood)
    page.reload()
    seen.wait_picture()
    seen.wait(lambda: seen.step == stood)
    seen.problems[:] = [each for each in seen.problems if "Failed to load" not in each and "WebSocket" not in each]


def test_two_people(server: ToyServer, console: OpenConsole) -> None:
    ada, mira = console(), console()
    ada.open(server.link)
    name = ada.page.inner_text(".who")
    ada.page.keyboard.press("Space")
    ada.wait_hand("you")
    mira.open(server.person("mira", Role.OPERATOR))
    mira.page.locator(".inbox li button").first.click()
    expect(mira.page.locator(".inbox li").first).to_contain_text(f"with {name}")
    mira.wait_hand("other")
    expect(mira.page.locator(".flag")).to_contain_text(f"{name} drives")
    before = mira.step
    ada.hold("d", steps=4)
    mira.wait(lambda: mira.step >= before + 4)  # who looks on sees it


def test_a_viewer_looks_and_has_no_buttons(server: ToyServer, console: OpenConsole) -> None:
    ada, guest = console(), console()
    ada.open(server.link)
    guest.open(server.person("guest", Role.VIEWER))
    expect(guest.page.locator("[data-command=drive]")).to_have_count(0)
    guest.page.keyboard.press("Space")
    guest.page.wait_for_timeout(200)
    assert guest.page.get_attribute(".flag", "data-hand") != "you"
    expect(guest.page.locator(".hint")).to_have_count(0)


def test_next_scenes_follow_each_other(server: ToyServer, console: OpenConsole) -> None:
    seen = console()
    page = seen.page
    seen.open(server.link)
    scenes = [page.inner_text(".about span")]
    for _ in range(4):
        page.keyboard.press("n")
        expect(page.locator(".about span")).not_to_have_text(scenes[-1])
        scenes.append(page.inner_text(".about span"))
    assert scenes[2].startswith("toy/rollout/")
    assert scenes[3].startswith("toy/console/")  # the inbox is empty: new scenes


@pytest.mark.timeout(300)  # a process that imports LeRobot
def test_overview_and_export(server: ToyServer, console: OpenConsole) -> None:
    seen = console()
    page = seen.page
    seen.open(server.link)
    page.keyboard.press("Space")
    seen.wait_hand("you")
    seen.hold("d", steps=12)
    seen.wait_still()
    page.keyboard.press("1")
    seen.wait_all_saved()
    page.get_by_role("link", name="Overview").click()
    expect(page.locator(".figures")).to_contain_text("Corrections1")
    expect(page.locator(".people")).to_contain_text("1 corrections")
    page.locator("[data-export]").click()
    expect(page.locator("[data-job]")).to_have_attribute("data-job", "done", timeout=240_000)
    out = Path(page.inner_text(".job code"))
    dataset = open_lerobot(out)
    assert dataset.num_episodes == 1
    assert sum(map(bool, dataset.hf_dataset["intervention"])) >= 12
    page.get_by_role("link", name="toy/").first.click()
    seen.wait_picture()


def test_an_expired_link_says_so(server: ToyServer, console: OpenConsole) -> None:
    seen = console()
    seen.page.goto(f"{server.url}/#token=none")
    expect(seen.page.get_by_role("alert")).to_be_visible()
    expect(seen.page.locator(".gate")).to_contain_text("hiwm serve")
    seen.problems[:] = [each for each in seen.problems if "401" not in each]
