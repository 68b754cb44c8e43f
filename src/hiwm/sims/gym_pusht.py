"""The task `gym_pusht`: gymnasium's `gym_pusht/PushT-v0`, two numbers of action and one camera, by seed and replay."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import gymnasium
import numpy as np

from hiwm.errors import BadInput
from hiwm.sims.gym_dynamics import Frame, GymDynamics
from hiwm.sims.gym_spec import find_layout, spec_from_env
from hiwm.sims.pusher_2d import ScriptedPusher
from hiwm.sims.pusher_lapses import draw_lapses
from hiwm.sims.pusher_legs import TRUTH_NAMES
from hiwm.sims.pusher_model import pose_error
from hiwm.sims.pusher_sweeps import SweepingPusher
from hiwm.sims.task import ScriptedPolicy, SimTask
from hiwm.types import Doubles, Kind, Observation, Reading

_FAR_PX = 300.0  # more than the mean corner distance of nearly every start
_SMALLEST_PX, _LARGEST_PX = 16, 512  # it draws on 512 x 512 and scales down


def gym_pusht_task(picture_px: int = 96) -> SimTask:
    """Push the T onto the green one with a round pusher; actions are its target position, 0..512 px."""
    return SimTask(
        name="gym_pusht",
        prompt="push the T-shaped block onto the T-shaped target",
        max_steps=300,
        truth_names=TRUTH_NAMES,
        open=partial(open_gym_pusht, picture_px),
        script=pusher_script,
    )


def open_gym_pusht(picture_px: int = 96) -> GymDynamics:
    """A dynamics of the task with square pictures of 16 to 512 px; raises BadInput for other sizes."""
    if not _SMALLEST_PX <= picture_px <= _LARGEST_PX:
        raise BadInput(f"gym_pusht draws pictures of {_SMALLEST_PX} to {_LARGEST_PX} px, got {picture_px}")
    with _make_env(picture_px) as env:
        layout = find_layout(env.observation_space)
        spec = spec_from_env(
            env, layout, state_names=("agent_x", "agent_y"), action_names=("target_x", "target_y"), unit="px"
        )

    def look(frame: Frame) -> Observation:
        seen = layout.observation(frame.seen, frame.env)
        return Observation(seen.images, seen.state, _truth(frame).astype(np.float32))

    return GymDynamics(lambda: _make_env(picture_px), spec, look, read_pusht, quiet=_without_pictures)


def pusher_script(kind: Kind) -> ScriptedPolicy:
    """The scripted pusher that makes episodes of a kind."""
    match kind:
        case Kind.DEMO:
            return ScriptedPusher()
        case Kind.FAILURE:
            return ScriptedPusher(lapses=draw_lapses)
        case Kind.EDGE:
            return SweepingPusher()


def read_pusht(frame: Frame) -> Reading:
    """Success is the environment's own (coverage of the goal > 0.95); progress rises as the corners come home.

    Progress is 1 at success and 1 - d / 300 px before it, d being the mean distance of the eight corners of the T
    from where the goal has them; coverage will not do, since it is 0 for most of an episode.
    """
    if frame.info["is_success"]:
        return Reading(progress=1.0, success=True, trust=1.0)
    truth = _truth(frame)
    away_px = float(pose_error(truth[:3], truth[3:]))
    return Reading(progress=max(0.0, 1.0 - away_px / _FAR_PX), success=False, trust=1.0)


def _truth(frame: Frame) -> Doubles:
    """(6,) block pose and goal pose: px, px, rad in -pi..pi."""
    poses = np.stack([frame.info["block_pose"], frame.info["goal_pose"]])
    poses[:, 2] = np.angle(np.exp(1j * poses[:, 2]))
    return poses.ravel()


def _make_env(picture_px: int) -> gymnasium.Env[Any, Any]:
    """The environment, without a window, pygame's greeting, or the warnings of its dependencies."""
    os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="pkg_resources is deprecated")
        import gym_pusht  # noqa: F401  (registers the environment)

        return gymnasium.make(
            "gym_pusht/PushT-v0",
            obs_type="pixels_agent_pos",
            observation_width=picture_px,
            observation_height=picture_px,
            disable_env_checker=True,
        )


@contextmanager
def _without_pictures(env: gymnasium.Env[Any, Any]) -> Iterator[None]:
    """Drawing takes most of a step; observations of type "state" are not drawn."""
    inner: Any = env.unwrapped
    drawn = inner.obs_type
    inner.obs_type = "state"
    try:
        yield
    finally:
        inner.obs_type = drawn
