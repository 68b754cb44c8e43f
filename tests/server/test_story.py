"""What operators do, through the real server: take over, rewind, label, work together, get lost, pair arms."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from hiwm.server import wire
from hiwm.server.client import CannotConnect, Client
from hiwm.server.wire import ErrorCode, Role
from hiwm.session.file import SessionFile
from hiwm.session.inbox import InboxItem, Why
from hiwm.session.phases import Command, Label, Phase
from hiwm.session.session import Session
from hiwm.types import Driver
from tests.server.processes import Forker, ToyServer, steering, until
from tests.server.recorded import recorded_session

type Enter = Callable[[Client], Client]
ARM = wire.DeviceSpec("arm", ("x", "y"), ("m", "m"))


@pytest.fixture(scope="module")
def server(forker: Forker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ToyServer]:
    """One server with three failures in its inbox."""
    folder = tmp_path_factory.mktemp("story")
    rollouts = folder / "rollouts"
    (rollouts / "sessions").mkdir(parents=True)
    names = [f"toy-eval-{number}" for number in range(3)]
    for name in names:
        recorded_session(rollouts / "sessions" / f"{name}.hiwm", steps=12)
    items = [InboxItem(f"{name}.hiwm", 5, 8, 12, Why.STALL, 1 - n / 10, (5, 8, 12)) for n, name in enumerate(names)]
    (rollouts / "inbox.json").write_text(json.dumps({"items": [item.to_json() for item in items]}))
    made = ToyServer(forker, folder / "console", rollouts)
    yield made
    made.close()


@pytest.fixture
def enter() -> Iterator[Enter]:
    """Closes clients at the end."""
    with ExitStack() as stack:
        yield stack.enter_context


def of_kind[T](client: Client, kind: type[T]) -> list[T]:
    return [message for message in list(client.messages) if isinstance(message, kind)]


def stored(server: ToyServer, client: Client) -> Session:
    assert client.info is not None
    return Session(SessionFile.open(server.folder / "sessions" / f"{client.info.id}.hiwm", read_only=True, sealed=True))


def test_a_correction_from_takeover_to_label(server: ToyServer, enter: Enter) -> None:
    client = enter(steering(server.link))
    assert client.state is not None
    start, node = client.state.commanded, client.state.head
    for _ in range(6):
        assert client.wait_saved(client.steer(velocity=[0.4, 0.0], device="keys"))
    steps = [step for step in of_kind(client, wire.Step) if step.client == client.name]
    places = np.array([start, *[step.commanded for step in steps]])
    assert abs(places[1, 0] - places[0, 0]) < 0.4 / 10  # from where the policy had been, and gently
    assert np.all(np.diff(places[:, 0]) >= 0)
    assert client.wait_saved(client.command(Command.HAND_BACK))
    until(lambda: client.state is not None and of_kind(client, wire.Step)[-1].driver is Driver.POLICY)
    assert client.wait_saved(client.command(Command.HOLD))
    assert client.wait_saved(client.command(Command.MARK, label=Label.SUCCESS, reason="<b>went well</b>"))
    assert client.wait_saved(client.command(Command.FINISH))
    session = stored(server, client)
    [correction] = session.corrections()
    assert (correction.takeover, len(correction.nodes), correction.device) == (node, 6, "keys")
    assert correction.outcome is Label.SUCCESS
    session.close()


def test_rewind_and_branch_show_the_node_and_begin_a_sibling(server: ToyServer, enter: Enter) -> None:
    client = enter(steering(server.link))
    for _ in range(4):
        assert client.wait_saved(client.steer(velocity=[0.4, 0.4]))
    assert client.wait_saved(client.command(Command.REWIND, node=1))
    assert client.wait(lambda: client.frame is not None and client.frame.header.node == 1)
    assert client.wait_saved(client.command(Command.TAKE_OVER))
    assert client.wait_saved(client.steer(velocity=[-0.4, 0.0]))
    newest = of_kind(client, wire.Step)[-1]
    assert (newest.parent, newest.step) == (1, 2)
    assert newest.branch > 0
    assert client.info is not None
    tree = client.http.json("GET", f"/api/sessions/{client.info.id}/tree")
    assert tree["head"] == newest.node
    assert [row["node"] for row in tree["nodes"]] == list(range(len(tree["nodes"])))
    status, picture = client.http.ask("GET", f"/api/sessions/{client.info.id}/frame/1/1.jpg")
    assert (status, picture[:2]) == (200, b"\xff\xd8")


def test_a_message_that_is_sent_twice_counts_once(server: ToyServer, enter: Enter) -> None:
    client = enter(steering(server.link))
    assert client.wait_saved(client.steer(velocity=[0.4, 0.0]))
    assert client.state is not None
    seq, saved = client._seq, len(of_kind(client, wire.Step))
    again = wire.Input(client.state.session, client.state.epoch, seq, 0, "script", True, (0.4, 0.0))
    for _ in range(3):
        client.ask(again)
    time.sleep(0.3)
    assert len([step for step in of_kind(client, wire.Step) if step.seq == seq]) == 1
    assert saved == len(of_kind(client, wire.Step))


def test_two_operators_one_holder(server: ToyServer, enter: Enter) -> None:
    one = enter(steering(server.link))
    assert one.state is not None
    other = enter(Client(server.person("bob", Role.OPERATOR)))
    other.open(one.state.session)
    assert other.wait(lambda: other.state is not None and other.lease is not None)
    seq = other.command(Command.HOLD)
    assert other.wait(lambda: seq in other.refused)
    assert other.refused[seq].code is ErrorCode.HELD
    assert "has this session now" in other.refused[seq].text
    seq = other.steer(velocity=[0.4, 0.0])
    assert other.wait(lambda: seq in other.refused)
    assert one.wait_saved(one.command(Command.HAND_BACK))
    assert other.wait(lambda: other.state is not None and other.state.phase is Phase.WATCHING)
    assert other.wait_saved(other.command(Command.TAKE_OVER))
    assert one.wait(lambda: one.lease is not None and one.lease.holder == "bob" and not one.lease.yours)
    seq = one.steer(velocity=[0.4, 0.0])
    assert one.wait(lambda: seq in one.refused)


def test_a_viewer_only_looks(server: ToyServer, enter: Enter) -> None:
    one = enter(steering(server.link))
    assert one.state is not None
    viewer = enter(Client(server.person("vera", Role.VIEWER)))
    viewer.open(one.state.session)
    assert viewer.wait(lambda: viewer.frame is not None)
    seqs = [viewer.command(Command.HOLD), viewer.steer(velocity=[1.0, 0.0])]
    assert viewer.wait(lambda: all(seq in viewer.refused for seq in seqs))
    assert {viewer.refused[seq].code for seq in seqs} == {ErrorCode.FORBIDDEN}
    viewer.next()
    assert viewer.wait(lambda: len(of_kind(viewer, wire.Error)) == 3)
    with pytest.raises(CannotConnect, match="a viewer may not do this"):
        viewer.http.json("POST", "/api/people", {"name": "eve", "role": "admin"})


def test_the_inbox_hands_each_failure_to_one_operator(server: ToyServer, enter: Enter) -> None:
    one, two = (enter(Client(server.person(name, Role.OPERATOR))) for name in ("ines", "jan"))
    until(lambda: one.http.ask("GET", "/readyz")[0] == 200)
    for client in (one, two):
        client.next()
        assert client.wait(lambda c=client: c.state is not None and bool(of_kind(c, wire.Item)))  # type: ignore[misc]
    items = [of_kind(client, wire.Item)[0] for client in (one, two)]
    assert [(item.session, item.node, item.why) for item in items] == [
        ("toy-eval-0", 5, "stall"),
        ("toy-eval-1", 5, "stall"),
    ]
    assert one.state is not None
    assert (one.state.phase, one.state.head) == (Phase.HOLDING, 5)
    entries = one.http.json("GET", "/api/inbox")["items"]
    assert {entry["session"]: entry["holder"] for entry in entries} == {
        "toy-eval-0": "ines", "toy-eval-1": "jan", "toy-eval-2": None,
    }  # fmt: skip
    assert one.wait_saved(one.command(Command.TAKE_OVER))
    assert one.wait_saved(one.steer(velocity=[0.4, 0.0]))
    assert one.wait_saved(one.command(Command.MARK, label=Label.FAILURE))
    one.next()
    assert one.wait(lambda: len(of_kind(one, wire.Item)) == 2)
    assert of_kind(one, wire.Item)[1].session == "toy-eval-2"
    assert one.http.json("GET", "/api/overview")["inbox_done"] == 1


def test_what_the_policy_would_do_can_be_seen_without_being_recorded(server: ToyServer, enter: Enter) -> None:
    client = enter(steering(server.link))
    assert client.state is not None
    before, session = client.state.head, client.state.session
    client.ask(wire.Ghost(session, before))
    assert client.wait(lambda: bool(of_kind(client, wire.GhostReady)))
    [ready] = of_kind(client, wire.GhostReady)
    for number in range(ready.count):
        assert client.http.ask("GET", f"/api/sessions/{session}/ghost/{before}/{number}.jpg")[0] == 200
    assert client.http.ask("GET", f"/api/sessions/{session}/ghost/{before}/{ready.count}.jpg")[0] == 404
    assert client.state.head == before


def test_an_arm_steers_for_the_seat_that_it_is_paired_with(server: ToyServer, enter: Enter) -> None:
    seat = enter(steering(server.link))
    seat.ask(wire.Pair())
    assert seat.wait(lambda: bool(of_kind(seat, wire.PairCode)))
    arm = enter(Client(server.url, "arm-1", ARM, of_kind(seat, wire.PairCode)[0].code))
    assert seat.wait(lambda: of_kind(seat, wire.Device) == [wire.Device("arm", True)])
    assert arm.wait(lambda: arm.state is not None and arm.state.yours)
    assert arm.wait_saved(arm.steer(target=[0.5, None], device="arm"))
    assert seat.wait(lambda: "arm-1" in [step.client for step in of_kind(seat, wire.Step)])
    seq = arm.command(Command.HOLD)
    assert arm.wait(lambda: seq in arm.refused)
    arm.close()
    assert seat.wait(lambda: wire.Device("arm", False) in of_kind(seat, wire.Device))


def test_an_arm_with_other_numbers_is_refused(server: ToyServer, enter: Enter) -> None:
    seat = enter(steering(server.link))
    seat.ask(wire.Pair())
    assert seat.wait(lambda: bool(of_kind(seat, wire.PairCode)))
    joints = wire.DeviceSpec("bi_so_leader", tuple(f"joint_{n}" for n in range(12)), ("deg",) * 12)
    arm = enter(Client(server.url, "arm-2", joints, of_kind(seat, wire.PairCode)[0].code))
    assert arm.wait(lambda: bool(of_kind(arm, wire.Error)))
    [error] = of_kind(arm, wire.Error)
    assert error.code is ErrorCode.MISMATCH
    assert "12 numbers" in error.text
    assert "retargeter" in error.text


def test_a_step_that_the_model_cannot_make_is_refused_and_the_session_goes_on(server: ToyServer, enter: Enter) -> None:
    client = enter(steering(server.link))
    for _ in range(60):
        seq = client.steer(target=[0.0, 1.0])  # where the dot is lost
        if not client.wait_saved(seq):
            break
    assert client.refused[seq].code is ErrorCode.MODEL
    assert client.wait_saved(client.steer(target=[0.5, 0.5]))


def test_silence_pauses_what_is_steered(server: ToyServer, enter: Enter) -> None:
    client = enter(steering(server.link))
    assert client.state is not None
    watcher = enter(Client(server.person("wim", Role.VIEWER)))
    watcher.open(client.state.session)
    assert watcher.wait(lambda: watcher.state is not None and watcher.frame is not None)
    client.close()
    assert watcher.wait(lambda: watcher.state is not None and watcher.state.paused is not None)
    assert watcher.state is not None
    assert "lost the connection" in str(watcher.state.paused)
    again = enter(Client(server.link, client.name, session=watcher.state.session))
    assert again.wait(lambda: again.state is not None and again.state.yours and again.state.paused is None)


def test_a_stopped_server_has_saved_everything(forker: Forker, tmp_path: Path) -> None:
    server = ToyServer(forker, tmp_path / "console")
    with steering(server.link) as client:
        seq = client.steer(velocity=[0.4, 0.0])
        assert client.wait_saved(seq)
        assert client.info is not None
        name = client.info.id
        server.stop()
        assert sorted(path.name for path in (server.folder / "sessions").iterdir()) == [f"{name}.hiwm"]
        server.start()
        assert client.wait(lambda: client.connections == 2, 20)
        assert client.wait_saved(client.steer(velocity=[0.4, 0.0]), 20)
    server.close()


@pytest.mark.parametrize("scene", ["dataset:/etc/first/0", "../toy/console/0", "toy/console", "toy/console/x", "/0"])
def test_scenes_are_named_not_pointed_at(server: ToyServer, enter: Enter, scene: str) -> None:
    client = enter(Client(server.link))
    until(lambda: client.http.ask("GET", "/readyz")[0] == 200)
    client.new_scene(scene)
    assert client.wait(lambda: bool(of_kind(client, wire.Error)))
    assert "expected a scene as task/split/number" in of_kind(client, wire.Error)[-1].text
    client.new_scene("toy/other/7")
    assert client.wait(lambda: client.info is not None and client.info.scene == "toy/other/7")


def test_what_was_refused_never_looks_saved_however_the_answer_got_lost(server: ToyServer, enter: Enter) -> None:
    client = enter(steering(server.link))
    assert client.state is not None
    refused = client.command(Command.RESUME)  # which nobody can who steers
    assert client.wait(lambda: refused in client.refused)
    assert client.wait_saved(client.steer(velocity=[0.4, 0.0]))
    client.ask(wire.Command(client.state.session, client.state.epoch, refused, Command.RESUME))
    assert client.wait(lambda: client.refused[refused].code is ErrorCode.STALE)
    client.drop()
    assert client.wait(lambda: client.connections == 2)
    assert client.wait(lambda: client.refused[refused].code is ErrorCode.NOT_ALLOWED)  # said again
