"""The world as a robot of LeRobot's, on its own and under LeRobot's own commands."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lerobot.datasets import LeRobotDataset
from lerobot.robots.utils import make_robot_from_config
from lerobot.scripts import lerobot_record, lerobot_teleoperate

from hiwm.errors import BadInput, SpecMismatch
from hiwm.lerobot_robot.config_world import WorldRobotConfig
from hiwm.lerobot_robot.world import WorldRobot
from tests.tiny_diffusion import save_tiny_diffusion

ROBOT = ["--robot.discover_packages_path=hiwm.lerobot_robot", "--robot.type=hiwm_world", "--robot.world=push_t"]
SCENES = "push_t/eval/0..1"
TELEOP = ["--teleop.discover_packages_path=fake_teleop", "--teleop.type=fake_hands", "--teleop.id=nobody"]
COMMON = [*ROBOT, f"--robot.scenes={SCENES}", "--robot.id=nowhere", *TELEOP]


@pytest.fixture(scope="module")
def robot() -> WorldRobot:
    made = make_robot_from_config(WorldRobotConfig(sim="push_t", scenes=SCENES))
    assert isinstance(made, WorldRobot)
    return made


def home(robot: WorldRobot) -> dict[str, float]:
    """The action that stays where the hands are: state and action have the same names."""
    return {key: value for key, value in robot.get_observation().items() if key in robot.action_features}


def test_features_are_known_before_connecting(robot: WorldRobot) -> None:
    assert not robot.is_connected
    assert robot.is_calibrated
    assert list(robot.action_features)[:3] == ["left_x.pos", "left_y.pos", "left_z.pos"]
    assert len(robot.action_features) == 14
    assert robot.observation_features["top"] == (128, 128, 3)
    assert list(robot.cameras) == ["top"]
    with pytest.raises(BadInput, match="is not connected"):
        robot.get_observation()


def test_an_action_sent_is_a_step(robot: WorldRobot) -> None:
    robot.connect()
    with pytest.raises(BadInput, match="is connected already"):
        robot.connect()
    before = robot.get_observation()
    assert set(before) == set(robot.observation_features)
    sent = robot.send_action({**home(robot), "left_x.pos": 99.0})
    assert sent["left_x.pos"] == pytest.approx(robot.spec.action_high_a[0])
    assert robot.get_observation()["left_x.pos"] > before["left_x.pos"] + 0.02
    robot.disconnect()
    assert not robot.is_connected


def test_the_next_scene_begins_when_time_is_up() -> None:
    robot = WorldRobot(WorldRobotConfig(sim="push_t", scenes=SCENES, max_steps=2, next_scene=True))
    robot.connect()
    firsts = [robot.get_observation()["top"]]
    for _ in range(2):
        for _ in range(2):
            robot.send_action(home(robot))
        firsts.append(robot.get_observation()["top"])
    assert not np.array_equal(firsts[0], firsts[1])
    assert np.array_equal(firsts[0], firsts[2])  # after the last scene comes the first
    robot.disconnect()


def test_without_that_the_robot_stays_where_it_is() -> None:
    robot = WorldRobot(WorldRobotConfig(sim="push_t", scenes=SCENES, max_steps=1))
    robot.connect()
    for _ in range(2):
        robot.send_action({**home(robot), "left_x.pos": -0.05})
    assert robot.get_observation()["left_x.pos"] > -0.15
    robot.disconnect()


def test_a_missing_number_is_named(robot: WorldRobot) -> None:
    robot.connect()
    with pytest.raises(SpecMismatch, match=r"got none of left_x\.pos, left_y\.pos"):
        robot.send_action({"shoulder_pan.pos": 0.0})
    robot.disconnect()


@pytest.fixture
def with_fakes(monkeypatch: pytest.MonkeyPatch) -> str:
    """The folder of the fake teleoperator is where Python looks, here and in processes started from here."""
    folder = str(Path(__file__).parent)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("PYTHONPATH", folder)
    return folder


def run_command(monkeypatch: pytest.MonkeyPatch, main: Callable[[], Any], *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["lerobot", *arguments])
    main()


def test_lerobot_teleoperate_drives_the_world(
    with_fakes: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run_command(monkeypatch, lerobot_teleoperate.main, *COMMON, "--fps=20", "--teleop_time_s=0.5")
    assert "Teleop loop time" in capsys.readouterr().out


def test_lerobot_record_writes_a_dataset_from_the_world(
    with_fakes: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    place = tmp_path / "recorded"
    run_command(
        monkeypatch, lerobot_record.main, *COMMON, "--dataset.repo_id=local/recorded", f"--dataset.root={place}",
        "--dataset.fps=10", "--dataset.single_task=push", "--dataset.num_episodes=2", "--dataset.episode_time_s=0.6",
        "--dataset.reset_time_s=0.1", "--dataset.push_to_hub=false", "--dataset.rgb_encoder.vcodec=h264",
        "--play_sounds=false",
    )  # fmt: skip
    dataset = LeRobotDataset("local/recorded", root=place, video_backend="pyav")
    assert dataset.num_episodes == 2
    assert dataset.num_frames >= 2
    assert dataset.features["action"]["names"][0] == "left_x.pos"
    first: Any = dataset[0]
    assert first["observation.images.top"].shape == (3, 128, 128)
    assert dataset.meta.robot_type == "hiwm_world"


KEYS = (("recording started", b" "), ("autonomous -> paused", b"\t"), ("paused -> correcting", b"\t"))
"""Which key is typed once a text has been said: pause, correct, and the end of the one correction that is asked for."""


def test_lerobot_rollout_takes_corrections_in_the_world(with_fakes: str, tmp_path: Path) -> None:
    policy = save_tiny_diffusion(tmp_path / "policy", WorldRobotConfig(world="push_t").place().spec())
    place = tmp_path / "rollout"
    said = typed_into(
        [
            str(Path(sys.executable).with_name("lerobot-rollout")), "--strategy.type=dagger",
            "--strategy.num_episodes=1", "--strategy.smooth_handover=false", f"--policy.path={policy}",
            "--policy.device=cpu", *COMMON, "--dataset.repo_id=local/rollout_dagger", f"--dataset.root={place}",
            "--dataset.fps=10", "--dataset.single_task=push", "--dataset.push_to_hub=false",
            "--dataset.rgb_encoder.vcodec=h264", "--fps=10", "--play_sounds=false",
            "--return_to_initial_position=false",
        ],
        KEYS, tmp_path,
    )  # fmt: skip
    assert "Rollout finished" in said, said[-3000:]
    dataset = LeRobotDataset("local/rollout_dagger", root=place, video_backend="pyav")
    assert dataset.num_episodes == 1
    frames: list[Any] = [dataset[i] for i in range(dataset.num_frames)]
    assert all(bool(frame["intervention"]) for frame in frames)
    assert frames[0]["action"].shape == (14,)


def typed_into(command: list[str], keys: tuple[tuple[str, bytes], ...], place: Path) -> str:
    """Runs a command in a terminal, types each key a moment after its text was said, and returns all that was said."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=place)
    os.close(theirs)
    said, waiting, deadline = "", list(keys), time.monotonic() + 100
    while time.monotonic() < deadline:
        if select.select([ours], [], [], 0.05)[0]:
            try:
                said += os.read(ours, 65536).decode(errors="replace")
            except OSError:  # how a terminal says that the other side has gone
                break
        if waiting and waiting[0][0] in said:
            time.sleep(0.7)  # some steps of the phase that has begun
            os.write(ours, waiting.pop(0)[1])
    process.kill()
    process.wait()
    os.close(ours)
    return said
