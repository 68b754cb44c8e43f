"""Two fake leader arms steer the real server, over the real simulator, through `hiwm bridge`."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from hiwm.bridge.bridge import Bridge, Newest, device_spec
from hiwm.bridge.retarget import BI_SO_LEADER, HANDS
from hiwm.bridge.teleop import Declared, declare, make_teleop
from hiwm.bridge.terminal import follow_clutch
from hiwm.errors import BadInput, HiwmError, SpecMismatch, UnknownName
from hiwm.server import wire
from hiwm.server.client import CannotConnect, Client
from hiwm.session.phases import Command, Phase
from tests.server.processes import ROOT, free_port, steering, until

RUN = "import sys; from hiwm.cli.app import main; sys.exit(main(sys.argv[1:]))"
FAKES = str(Path(__file__).parent)


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The link of a running console."""
    folder, port = tmp_path_factory.mktemp("console"), free_port()
    arguments = [sys.executable, "-m", "tests.bridge.hands_server", str(folder), str(port)]
    process = subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until((folder / "link").exists, 60)
    link = (folder / "link").read_text()
    until(lambda: answers(link), 60)
    yield link
    process.send_signal(signal.SIGTERM)
    process.wait(20)


def answers(link: str) -> bool:
    try:
        Client(link).close()
    except CannotConnect:
        return False
    return True


def code_of(page: Client) -> str:
    """The pairing code that a page is given."""
    page.ask(wire.Pair())
    assert page.wait(lambda: any(isinstance(m, wire.PairCode) for m in page.messages))
    return next(m.code for m in reversed(page.messages) if isinstance(m, wire.PairCode))


def device_steps(page: Client) -> list[wire.Step]:
    """Steps of the session that the page looks at which came from a device's client."""
    return [m for m in page.messages if isinstance(m, wire.Step) and m.client is not None and m.client != page.name]


@contextmanager
def acting(client: Client, device: Any, name: str, declared: Declared) -> Iterator[Bridge]:
    newest = Newest(device)
    try:
        until(lambda: newest.take() is not None)
        yield Bridge(client, device, name, declared, newest)
    finally:
        newest.close()


class Fixed:
    """A device in this process whose values a test sets."""

    def __init__(self, values: Mapping[str, float], actuated: bool = False) -> None:
        self.values = dict(values)
        self.driven: list[dict[str, Any]] = []
        self.feedback_features = dict.fromkeys(values, float) if actuated else {}

    @property
    def action_features(self) -> dict[str, Any]:
        return dict.fromkeys(self.values, float)

    def get_action(self) -> Mapping[str, Any]:
        return dict(self.values)

    def send_feedback(self, feedback: dict[str, Any]) -> None:
        self.driven.append(feedback)


def arms(pan_deg: float = 0.0) -> dict[str, float]:
    return {name: 0.0 for name, _ in BI_SO_LEADER} | {"left_shoulder_pan.pos": pan_deg}


@pytest.mark.timeout(300)  # the command imports LeRobot, which takes a busy machine a minute
def test_leader_arms_steer_through_the_command(console: str) -> None:
    with steering(console) as page:
        assert page.state is not None
        before = np.array(page.state.commanded)
        command = [sys.executable, "-c", RUN, "bridge", "--url", console.partition("#")[0], "--code", code_of(page)]
        command += ["--teleop", "fake_bi_so_leader", "--package", "fake_leader", "--option", "swing_deg=30"]
        process = subprocess.Popen(
            command, env={**os.environ, "PYTHONPATH": FAKES}, text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert page.wait(lambda: len(device_steps(page)) >= 15, 200)
        process.send_signal(signal.SIGINT)
        said, wrong = process.communicate(timeout=30)
        assert process.returncode == 0, wrong
        assert "steps sent" in said
        poses = np.array([step.commanded for step in device_steps(page)])
    assert np.abs(poses[0] - before).max() < 0.05
    assert np.ptp(poses[:, 0]) > 0.01
    assert np.ptp(poses[:, 7:10]) == pytest.approx(np.ptp(before[7:10]), abs=1e-5)
    assert [m.connected for m in page.messages if isinstance(m, wire.Device)] == [True, False]


def test_a_takeover_makes_no_jump_and_the_clutch_moves_the_arms_alone(console: str) -> None:
    declared, device = declare(list(arms())), Fixed(arms(pan_deg=40))
    with steering(console) as page, Client(
        console.partition("#")[0], device=device_spec("arms", declared), code=code_of(page)
    ) as client, acting(client, device, "arms", declared) as bridge:  # fmt: skip
        assert client.wait(lambda: bridge.steering)
        start = commanded(client)
        one_step(bridge, client)
        assert commanded(client) == pytest.approx(start, abs=1e-5)
        device.values["left_shoulder_pan.pos"] = 44.0
        one_step(bridge, client)
        moved = commanded(client)
        assert moved[0] < start[0] - 0.01
        bridge.clutch = False
        device.values["left_shoulder_pan.pos"] = -30.0
        assert not bridge.tick()
        bridge.clutch = True
        one_step(bridge, client)
        assert commanded(client) == pytest.approx(moved, abs=1e-5)
        page.command(Command.HAND_BACK)
        assert client.wait(lambda: client.state is not None and client.state.phase is Phase.WATCHING)
        assert not bridge.tick()
        assert page.wait_saved(page.command(Command.TAKE_OVER))
        assert client.wait(lambda: bridge.steering)
        again = commanded(client)
        one_step(bridge, client)
        assert commanded(client) == pytest.approx(again, abs=1e-5)


def one_step(bridge: Bridge, client: Client) -> None:
    """A sample that was read just now becomes a step that is on disk."""
    count = bridge._newest.count
    until(lambda: bridge._newest.count > count + 1)
    until(bridge.tick)
    assert client.wait(lambda: client.unsaved == 0)
    assert not client.refused


def commanded(client: Client) -> Any:
    poses = [m.commanded for m in list(client.messages) if isinstance(m, wire.State | wire.Step)]
    return np.array(poses[-1])


def test_enter_is_the_clutch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n\n\n"))
    running: Any = SimpleNamespace(clutch=True)
    told: list[str] = []
    follow_clutch(running, told.append)
    assert not running.clutch
    assert [text.partition(":")[0] for text in told] == ["let go", "holds", "let go"]


def test_a_device_of_the_robots_own_numbers_is_driven_while_others_drive(console: str) -> None:
    device = Fixed({f"{name}.pos": 0.1 for name, _ in HANDS}, actuated=True)
    declared = declare(list(device.action_features))
    with Client(console) as page:
        page.new_scene()
        assert page.wait(lambda: page.state is not None, 20)
        spec = device_spec("hands", declared)
        with Client(console.partition("#")[0], device=spec, code=code_of(page)) as client:
            assert client.wait(lambda: client.state is not None)
            with acting(client, device, "hands", declared) as bridge:
                assert not bridge.tick()
    assert len(device.driven) == 1
    assert list(device.driven[0]) == [f"{name}.pos" for name, _ in HANDS]


def test_numbers_that_the_robot_does_not_take_are_refused(console: str) -> None:
    device = Fixed({"wheel": 1.0})
    declared = declare(["wheel"], units=["turns"])
    with steering(console) as page, Client(
        console.partition("#")[0], device=device_spec("wheel", declared), code=code_of(page)
    ) as client, acting(client, device, "wheel", declared) as bridge:  # fmt: skip
        assert client.wait(lambda: any(isinstance(m, wire.Error) for m in client.messages))
        with pytest.raises(SpecMismatch, match="wheel sends 1 numbers"):
            bridge.tick()


def test_a_device_that_fails_ends_the_bridge() -> None:
    device = make_teleop("fake_bi_so_leader", ["fails_after=2"], "tests.bridge.fake_leader")
    newest = Newest(device, rate_hz=1000)
    with pytest.raises(ConnectionError, match="unplugged"):
        take_for_long(newest)
    newest.close()
    assert newest.count == 2


def take_for_long(newest: Newest) -> None:
    for _ in range(1000):
        newest.take()
        time.sleep(0.01)


def test_a_wrong_code_is_one_line(console: str) -> None:
    with pytest.raises(CannotConnect, match="this code is not valid"):
        Client(console.partition("#")[0], code="WRONG")


@pytest.mark.parametrize(
    ("make", "kind", "said"),
    [
        (lambda: make_teleop("joystick"), UnknownName, "no teleoperator is called 'joystick'; known: .*bi_so_leader"),
        (lambda: make_teleop("so101_leader", ["speed=3"]), BadInput, "so101_leader does not take speed=3; it takes"),
        (lambda: make_teleop("so101_leader", ["port=/dev/x"]), BadInput, "needs a package that is not installed"),
        (lambda: declare(["a.pos", "b.pos"], ["m"]), SpecMismatch, "expected the unit of each of the 2 numbers a, b"),
    ],
)
def test_what_does_not_fit_is_said(make: Any, kind: type[HiwmError], said: str) -> None:
    with pytest.raises(kind, match=said):
        make()


def test_lerobots_settings_reach_the_device() -> None:
    made = make_teleop("fake_bi_so_leader", ["swing_deg=7.5"], "tests.bridge.fake_leader")
    assert made.config.swing_deg == 7.5
    assert declare(list(made.action_features)).outputs == HANDS
