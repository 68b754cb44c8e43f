"""A trained world as a `Dynamics`: its state is what was shown; every step starts from pictures, not from latents."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from hiwm.errors import BadInput
from hiwm.interfaces import Stepped
from hiwm.spec import RobotSpec
from hiwm.types import Floats, Observation, Picture, Reading, Scene
from hiwm.worldmodel.checkpoint import World
from hiwm.worldmodel.clips import as_pictures, as_pixels
from hiwm.worldmodel.flow import Context
from hiwm.worldmodel.network import position_grid

type Shown = tuple[Picture, ...]
"""One picture per camera of the spec, in its order."""


@dataclass(frozen=True, eq=False)
class WorldState:
    """All that the next step needs.

    shown: the last K moments as they were shown, oldest first. states_ks: the robot states then, robot units. actions:
    the actions between them, K - 1 or fewer at the start. seed and step: the noise of step n follows from both.
    """

    shown: tuple[Shown, ...]
    states_ks: Floats
    actions: tuple[Floats, ...]
    seed: int
    step: int = 0


class LearnedWorld:
    """Steps any number of branches in one batch.

    scenes: first observations by scene id. For the same states, actions, batch shape and thread count a step gives the
    same bits on the same machine; across batch shapes results differ in the last bits of bfloat16 arithmetic.
    """

    def __init__(self, world: World, scenes: Mapping[str, Observation], sample_steps: int = 1) -> None:
        if not 1 <= sample_steps <= 4:
            raise BadInput(f"expected 1 to 4 sampling steps, got {sample_steps}")
        self.world, self.scenes, self.sample_steps = world, scenes, sample_steps
        camera = world.spec.cameras[0]
        self._grid = position_grid(camera.height, camera.width, world.network.fold)
        self._usual = as_pictures(world.usual_hwc)
        self._net = world.net.to(torch.bfloat16).eval()
        if world.judge is not None:
            world.judge.net.to(torch.bfloat16).eval()

    @property
    def spec(self) -> RobotSpec:
        """The spec of the robot that the world was learned from."""
        return self.world.spec

    def reset(self, scenes: Sequence[Scene]) -> Stepped:
        """The state of each scene's first observation, repeated for all moments that a world looks back."""
        states, observations = [], []
        for scene in scenes:
            seen = self._first(scene)
            states.append(self.state_of(seen, seed=zlib.crc32(scene.id.encode())))
            observations.append(Observation(dict(seen.images), seen.state))
        return states, observations, self._readings(states)

    def state_of(self, seen: Observation, seed: int) -> WorldState:
        """A new scene from one observation; raises SpecMismatch where it is of another robot."""
        self.spec.check_observation(seen)
        shown = tuple(seen.images[camera.name] for camera in self.spec.cameras)
        past = self.world.network.past
        return WorldState((shown,) * past, np.repeat(seen.state[None], past, 0), (), seed)

    def step(self, states: Sequence[WorldState], actions: Sequence[Floats]) -> Stepped:
        """One control step of every branch, in one batch of the networks."""
        taken = [self.spec.check_action(action) for action in actions]
        context, noise = self._context(states, taken)
        with torch.inference_mode():
            pictures, numbers = self._net.sample(context, noise, self.sample_steps)
        pixels = as_pixels(pictures)
        robot = self.world.states.back(numbers.float().numpy())
        after = [
            _pushed(state, _split(pixels[i]), robot[i], taken[i], self.world.network.past)
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

    def _context(self, states: Sequence[WorldState], actions: Sequence[Floats]) -> tuple[Context, Tensor]:
        shown = np.stack([[np.concatenate(moment, -1) for moment in state.shown] for state in states])
        past = self.world.network.past
        given = np.stack(
            [_padded((*state.actions, action), past) for state, action in zip(states, actions, strict=True)]
        )
        robot = np.stack([state.states_ks for state in states])
        pictures = as_pictures(shown)
        noise = torch.stack([_noise(pictures.shape[2:], state) for state in states])
        context = Context(
            pictures,
            torch.from_numpy(self.world.states.forward(robot)),
            torch.from_numpy(self.world.actions.forward(given)),
            self._usual.expand(len(states), -1, -1, -1),
            self._grid.expand(len(states), -1, -1, -1),
        )
        return context, noise

    def _readings(self, states: Sequence[WorldState]) -> list[Reading]:
        """What the judge says of the newest shown pictures; nothing is known where the world has no judge."""
        if self.world.judge is None or not states:
            return [Reading(None, None)] * len(states)
        shown = np.stack([np.concatenate(state.shown[-1], -1) for state in states])
        robot = self.world.states.forward(np.stack([state.states_ks[-1] for state in states]))
        return self.world.judge.read(as_pictures(shown), torch.from_numpy(robot))

    def _observation(self, state: WorldState) -> Observation:
        images = {camera.name: picture for camera, picture in zip(self.spec.cameras, state.shown[-1], strict=True)}
        return Observation(images, state.states_ks[-1])


def _split(pixels_hwc: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> Shown:
    """One picture per camera of the stacked channels."""
    return tuple(np.ascontiguousarray(pixels_hwc[..., k : k + 3]) for k in range(0, pixels_hwc.shape[-1], 3))


def _pushed(state: WorldState, shown: Shown, robot_s: Floats, action: Floats, past: int) -> WorldState:
    return WorldState(
        (*state.shown, shown)[-past:],
        np.concatenate([state.states_ks, robot_s[None]])[-past:],
        (*state.actions, action)[-(past - 1) :] if past > 1 else (),
        state.seed,
        state.step + 1,
    )


def _padded(actions: tuple[Floats, ...], past: int) -> Floats:
    """(past, A): the actions, the first repeated where the scene began less than `past` steps ago."""
    return np.stack([*[actions[0]] * (past - len(actions)), *actions])


def _noise(shape: torch.Size, state: WorldState) -> Tensor:
    """Standard normal numbers that follow from the state's seed and step alone."""
    generator = torch.Generator().manual_seed(state.seed * 2**20 + state.step)
    return torch.randn(tuple(shape), generator=generator)
