"""A trained world as a `Dynamics`: pictures are read where a scene begins; then its state is an immutable value."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from hiwm.data.precision import fast_type
from hiwm.errors import BadInput
from hiwm.interfaces import Stepped
from hiwm.spec import RobotSpec
from hiwm.types import Floats, Observation, Picture, Reading, Scene
from hiwm.worldmodel.checkpoint import World
from hiwm.worldmodel.clips import as_pictures, as_pixels
from hiwm.worldmodel.net import Context, Place
from hiwm.worldmodel.network import position_grid
from hiwm.worldmodel.trust import Trace

LOST = 0.4
"""Gap (see Trace) from which a code has left what can be painted, and is taken from its picture as it is read."""

type Shown = tuple[Picture, ...]
"""One picture per camera of the spec, in its order."""


@dataclass(frozen=True, eq=False)
class WorldState:
    """All that the next step needs.

    shown: the last moment as it was shown. codes_kd: what the last K moments show, as the world describes it to itself:
    read from pictures at the start, and moved from then on. states_ks: the robot states then, robot units. actions: the
    actions between them, K - 1 or fewer at the start. trace: what trust is read from. The noise of a step follows from
    the seed and the number of steps taken.
    """

    shown: Shown
    codes_kd: Floats
    states_ks: Floats
    actions: tuple[Floats, ...]
    seed: int
    trace: Trace


class LearnedWorld:
    """Steps any number of branches in one batch.

    scenes: first observations by scene id. For the same states, actions, batch shape and thread count a step gives the
    same bits on the same machine; across batch shapes results differ in the last bits of the arithmetic.
    """

    def __init__(self, world: World, scenes: Mapping[str, Observation], sample_steps: int = 1) -> None:
        if not 1 <= sample_steps <= 4:
            raise BadInput(f"expected 1 to 4 sampling steps, got {sample_steps}")
        self.world, self.scenes, self.sample_steps = world, scenes, sample_steps
        camera = world.spec.cameras[0]
        self._grid = position_grid(camera.height, camera.width, world.network.fold)
        self._usual = as_pictures(world.usual_hwc)
        # Rounded as they are saved, so that a world steps alike before and after.
        self._net = world.net.rounded(fast_type("cpu")).eval()
        if world.judge is not None:
            world.judge.net.to(torch.bfloat16).to(fast_type("cpu")).eval()

    @property
    def spec(self) -> RobotSpec:
        """The spec of the robot that the world was learned from."""
        return self.world.spec

    def reset(self, scenes: Sequence[Scene]) -> Stepped:
        """The state of each scene's first observation."""
        states, observations = [], []
        for scene in scenes:
            seen = self._first(scene)
            states.append(self.state_of(seen, seed=zlib.crc32(scene.id.encode())))
            observations.append(Observation(dict(seen.images), seen.state))
        return states, observations, self._readings(states)

    def state_of(self, seen: Observation, seed: int) -> WorldState:
        """A new scene from one observation; raises SpecMismatch where it is of another robot."""
        return self.state_after([seen], [], seed)

    def state_after(self, seen: Sequence[Observation], actions: Sequence[Floats], seed: int) -> WorldState:
        """The state after some real moments, oldest first, and the actions between them; the last K count.

        Where there are fewer than K, the first is repeated. Raises SpecMismatch where one is of another robot.
        """
        for observation in seen:
            self.spec.check_observation(observation)
        past = self.world.network.past
        moments = [seen[0]] * (past - len(seen)) + list(seen[-past:])
        codes = self.codes_of(moments)
        robot = np.stack([moment.state for moment in moments])
        shown = self._shown(seen[-1])
        painted, _ = self.painted(codes[-1:], robot[-1:])
        unlike = (painted - as_pictures(np.concatenate(shown, -1)[None])).abs().mean()
        given = tuple(actions[max(0, len(actions) - past + 1) :])
        return WorldState(shown, codes, robot, given, seed, Trace(unlike=float(unlike)))

    def painted(self, codes_bd: Floats, robot_bs: Floats) -> tuple[Tensor, Tensor]:
        """(pictures, usual pictures), each (B, C, H, W), -1..1, of codes and robot states (robot units)."""
        place = self._place(len(codes_bd))
        scaled = torch.from_numpy(self.world.states.forward(robot_bs))
        with torch.inference_mode():
            return self._net.paint(torch.from_numpy(codes_bd), scaled, place), place.usual_bchw

    def codes_of(self, seen: Sequence[Observation]) -> Floats:
        """(N, code) what this world reads in N moments."""
        pixels = np.stack([np.concatenate(self._shown(moment), -1) for moment in seen])
        with torch.inference_mode():
            codes = self._net.read(as_pictures(pixels)[:, None], self._place(len(seen)))
        return np.asarray(codes[:, 0].numpy(), np.float32)

    def _shown(self, seen: Observation) -> Shown:
        return tuple(seen.images[camera.name] for camera in self.spec.cameras)

    def step(self, states: Sequence[WorldState], actions: Sequence[Floats]) -> Stepped:
        """One control step of every branch, in one batch of the networks."""
        taken = [self.spec.check_action(action) for action in actions]
        context, place = self._context(states, taken), self._place(len(states))
        noise = torch.stack([_noise(self._net.code, state) for state in states])
        with torch.inference_mode():
            codes, numbers = self._net.move(context, noise, self.sample_steps)
            pictures = self._net.paint(codes, numbers, place)
            again = torch.where(self._net.motion.moves > 0, self._net.read(pictures[:, None], place)[:, 0], codes)
            gap = ((again - codes) / self._net.motion.spread.float()).abs().mean(1)
            codes = torch.where(gap[:, None] > LOST, again, codes)
        pixels, robot, past = as_pixels(pictures), self.world.states.back(numbers.numpy()), self.world.network.past
        after = [
            _pushed(state, _split(pixels[i]), codes[i].numpy(), robot[i], taken[i], past, float(gap[i]))
            for i, state in enumerate(states)
        ]
        return after, [self._observation(state) for state in after], self._readings(after)

    def close(self) -> None:
        """Nothing is held open."""

    def _first(self, scene: Scene) -> Observation:
        if scene.id not in self.scenes:
            raise BadInput(
                f"this world has no first picture of scene {scene.id}; it has {len(self.scenes)} scenes, "
                f"for example {next(iter(self.scenes), 'none')}"
            )
        return self.scenes[scene.id]

    def _context(self, states: Sequence[WorldState], actions: Sequence[Floats]) -> Context:
        past = self.world.network.past
        given = np.stack(
            [_padded((*state.actions, action), past) for state, action in zip(states, actions, strict=True)]
        )
        return Context(
            torch.from_numpy(np.stack([state.codes_kd for state in states])),
            torch.from_numpy(self.world.states.forward(np.stack([state.states_ks for state in states]))),
            torch.from_numpy(self.world.actions.forward(given)),
        )

    def _place(self, count: int) -> Place:
        return Place(self._usual.expand(count, -1, -1, -1), self._grid.expand(count, -1, -1, -1))

    def _readings(self, states: Sequence[WorldState]) -> list[Reading]:
        """What the judge says of the newest shown pictures, and trust; None for what the world has not learned."""
        readings = self._judged(states)
        trust = self.world.trust
        if trust is None:
            return readings
        return [
            replace(reading, trust=trust.read(state.trace, reading.progress))
            for state, reading in zip(states, readings, strict=True)
        ]

    def _judged(self, states: Sequence[WorldState]) -> list[Reading]:
        if self.world.judge is None or not states:
            return [Reading(None, None)] * len(states)
        shown = np.stack([np.concatenate(state.shown, -1) for state in states])
        robot = self.world.states.forward(np.stack([state.states_ks[-1] for state in states]))
        return self.world.judge.read(as_pictures(shown), torch.from_numpy(robot))

    def _observation(self, state: WorldState) -> Observation:
        images = {camera.name: picture for camera, picture in zip(self.spec.cameras, state.shown, strict=True)}
        return Observation(images, state.states_ks[-1])


def _split(pixels_hwc: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> Shown:
    """One picture per camera of the stacked channels."""
    return tuple(np.ascontiguousarray(pixels_hwc[..., k : k + 3]) for k in range(0, pixels_hwc.shape[-1], 3))


def _pushed(
    state: WorldState, shown: Shown, code_d: Floats, robot_s: Floats, action: Floats, past: int, gap: float
) -> WorldState:
    return WorldState(
        shown,
        np.concatenate([state.codes_kd, code_d[None]])[-past:],
        np.concatenate([state.states_ks, robot_s[None]])[-past:],
        (*state.actions, action)[-(past - 1) :] if past > 1 else (),
        state.seed,
        state.trace.after(gap),
    )


def _padded(actions: tuple[Floats, ...], past: int) -> Floats:
    """(past, A): the actions, the first repeated where the scene began less than `past` steps ago."""
    return np.stack([*[actions[0]] * (past - len(actions)), *actions])


def _noise(count: int, state: WorldState) -> Tensor:
    """Standard normal numbers that follow from the state's seed and its number of steps alone."""
    generator = torch.Generator().manual_seed(state.seed * 2**20 + state.trace.steps)
    return torch.randn(count, generator=generator)
