"""Any gymnasium environment with pixels as a Dynamics: `GymDynamics(lambda: gymnasium.make("Id", ...))`.

A gymnasium environment has one state and edits it. Here a state is a value: the scene's seed and the log of actions
since. Where an environment cannot save its state exactly, it is brought to a state by `reset(seed)` and replay of the
log; a pool of live environments, each labelled with the state that it stands at, makes the common case free: stepping
on from the newest state of each branch needs no replay. Environments that can save take a `Restorer` instead.

An episode does not end here: `terminated` and `truncated` are left to the reader of a Frame, and stepping goes on, so
that success can be held and a person can go on working after it. gymnasium's own wrappers allow that.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np

from hiwm.errors import NotRepeatable
from hiwm.interfaces import Stepped
from hiwm.sims.gym_spec import find_layout, spec_from_env
from hiwm.spec import RobotSpec
from hiwm.types import Floats, Observation, Reading, Scene

type Env = gymnasium.Env[Any, Any]


@dataclass(frozen=True, eq=False)
class Frame:
    """What an environment returned at one step (at a reset: reward 0, not over), and the environment itself."""

    seen: Any
    info: Mapping[str, Any]
    env: Env
    reward: float = 0.0
    terminated: bool = False
    truncated: bool = False


@dataclass(frozen=True)
class Restorer:
    """How to save an environment's state exactly, as a value, and how to put one back."""

    save: Callable[[Env], Any]
    restore: Callable[[Env, Any], None]


@dataclass(frozen=True, eq=False)
class ActionLog:
    """A linked list of actions, newest first, so that the logs of T successive states take the room of one."""

    action: Floats
    before: ActionLog | None

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickles flat: the default would recurse once per action."""
        return _link, (list_actions(self),)


def list_actions(log: ActionLog | None) -> list[Floats]:
    """The actions of a log, oldest first."""
    actions = []
    while log is not None:
        actions.append(log.action)
        log = log.before
    return actions[::-1]


def _link(actions: Sequence[Floats]) -> ActionLog | None:
    log = None
    for action in actions:
        log = ActionLog(action, log)
    return log


@dataclass(frozen=True, eq=False)
class GymState:
    """A state as a value. key: a digest of seed and log; equal keys are equal states.

    observation: what was seen here, kept to check replays against. saved: what a Restorer saved, None without one.
    """

    seed: int
    log: ActionLog | None
    key: bytes
    observation: Observation
    saved: Any = None


@dataclass(eq=False)
class _Live:
    """An environment and the key of the state that it stands at, None before its first reset."""

    env: Env
    at: bytes | None = None


def read_info(frame: Frame) -> Reading:
    """Success from `info["is_success"]` or `info["success"]`, where there is one; no progress."""
    known = [bool(frame.info[name]) for name in ("is_success", "success") if name in frame.info]
    return Reading(progress=None, success=known[0] if known else None, trust=1.0)


class GymDynamics:
    """A Dynamics over a gymnasium environment; owns its live environments."""

    def __init__(
        self,
        make_env: Callable[[], Env],
        spec: RobotSpec | None = None,
        look: Callable[[Frame], Observation] | None = None,
        read: Callable[[Frame], Reading] = read_info,
        restorer: Restorer | None = None,
        quiet: Callable[[Env], AbstractContextManager[Any]] = nullcontext,
        pool: int = 4,
    ) -> None:
        """Makes one environment, to read its spaces from.

        spec, look: what an observation has and how it is taken from a Frame; by default as gym_spec.py finds it.
        quiet: a context in which the environment need not draw, entered during replay. pool: environments kept
        alive, and at least as many as states are stepped together. Raises SpecMismatch where the environment does not
        fit; see spec_from_env.
        """
        self._make_env, self._read, self._restorer, self._quiet = make_env, read, restorer, quiet
        self._room = pool
        first = make_env()
        self._pool = [_Live(first)]  # least recently used first
        layout = find_layout(first.observation_space)
        self._spec = spec_from_env(first, layout) if spec is None else spec
        self._look = look or (lambda frame: layout.observation(frame.seen, frame.env))

    @property
    def spec(self) -> RobotSpec:
        """Cameras, state, actions and rate."""
        return self._spec

    def reset(self, scenes: Sequence[Scene]) -> Stepped:
        """The first state of each scene: the environment's own reset with the scene's seed."""
        self._room = max(self._room, len(scenes))
        lives = self._take([None] * len(scenes))
        states, observations, readings = [], [], []
        for live, scene in zip(lives, scenes, strict=True):
            live.at = None  # stays so if anything below fails
            frame = _reset(live.env, scene.seed)
            observations.append(self._see(frame))
            readings.append(self._read(frame))
            states.append(self._keep(live, scene.seed, None, _first_key(scene.seed), observations[-1]))
        return states, observations, readings

    def step(self, states: Sequence[GymState], actions: Sequence[Floats]) -> Stepped:
        """One control step; actions are clipped to the action space. Raises SpecMismatch, NotRepeatable."""
        commands = [self._spec.check_action(action) for action in actions]
        self._room = max(self._room, len(states))
        lives = self._take([state.key for state in states])
        after, observations, readings = [], [], []
        for live, state, command in zip(lives, states, commands, strict=True):
            if live.at != state.key:
                self._bring(live, state)
            live.at = None  # stays so if anything below fails
            frame = _step(live.env, command)
            observations.append(self._see(frame))
            readings.append(self._read(frame))
            log = ActionLog(command, state.log)
            after.append(self._keep(live, state.seed, log, _next_key(state.key, command), observations[-1]))
        return after, observations, readings

    def close(self) -> None:
        """Closes all environments; a second call does nothing."""
        while self._pool:
            self._pool.pop().env.close()

    def _see(self, frame: Frame) -> Observation:
        observation = self._look(frame)
        self._spec.check_observation(observation)
        return observation

    def _keep(self, live: _Live, seed: int, log: ActionLog | None, key: bytes, observation: Observation) -> GymState:
        """Labels an environment with the state that it has come to, and returns that state."""
        live.at = key
        saved = None if self._restorer is None else self._restorer.save(live.env)
        return GymState(seed, log, key, observation, saved)

    def _take(self, keys: Sequence[bytes | None]) -> list[_Live]:
        """One environment per key, moved to the end of the pool: those that stand there already, else any.

        All that stand where they are wanted are taken first, so that none of them is used up for another state.
        """
        taken: dict[int, _Live] = {}
        for i, key in enumerate(keys):
            match = next((live for live in self._pool if live.at == key), None) if key is not None else None
            if match is not None:
                self._pool.remove(match)
                taken[i] = match
        for i in range(len(keys)):
            if i not in taken:
                taken[i] = self._spare(len(taken))
        lives = [taken[i] for i in range(len(keys))]
        self._pool += lives
        return lives

    def _spare(self, taken: int) -> _Live:
        """An environment for another state: an unused one, a new one while there is room, else the longest unused."""
        unused = bool(self._pool) and self._pool[0].at is None
        if unused or len(self._pool) + taken >= self._room:
            return self._pool.pop(0)
        return _Live(self._make_env())

    def _bring(self, live: _Live, state: GymState) -> None:
        """Brings an environment to a state, by its restorer or by replay; raises NotRepeatable if it ends elsewhere."""
        if self._restorer is not None:
            if live.at is None:
                live.env.reset(seed=state.seed)
            self._restorer.restore(live.env, state.saved)
            return
        live.at = None
        frame = self._replay(live.env, state)
        if not _same(self._look(frame), state.observation):
            raise NotRepeatable(
                f"{live.env} does not come to the same picture and numbers after reset({state.seed}) and the same "
                f"{len(list_actions(state.log))} actions, so it cannot be rewound; give GymDynamics a Restorer that "
                "saves its whole state, or make it draw all its randomness from reset's seed"
            )

    def _replay(self, env: Env, state: GymState) -> Frame:
        """Resets and replays; only the last step is drawn."""
        actions = list_actions(state.log)
        if not actions:
            return _reset(env, state.seed)
        with self._quiet(env):
            _reset(env, state.seed)
            for action in actions[:-1]:
                _step(env, action)
        return _step(env, actions[-1])


def _reset(env: Env, seed: int) -> Frame:
    seen, info = env.reset(seed=seed)
    return Frame(seen, info, env)


def _step(env: Env, action: Floats) -> Frame:
    space: Any = env.action_space  # a Box
    command = np.clip(action, space.low, space.high).astype(space.dtype)
    seen, reward, terminated, truncated, info = env.step(command)
    return Frame(seen, info, env, float(reward), bool(terminated), bool(truncated))


def _same(a: Observation, b: Observation) -> bool:
    pictures = all(np.array_equal(picture, b.images[name]) for name, picture in a.images.items())
    return pictures and np.array_equal(a.state, b.state)


def _first_key(seed: int) -> bytes:
    return hashlib.blake2b(seed.to_bytes(8, "little"), digest_size=16).digest()


def _next_key(key: bytes, action: Floats) -> bytes:
    return hashlib.blake2b(key + action.tobytes(), digest_size=16).digest()
