"""Steps a MuJoCo task as a `Dynamics`: states in, new states out, pictures from any number of cameras."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import mujoco
import numpy as np

from hiwm.errors import BadInput, UnknownName
from hiwm.interfaces import Stepped
from hiwm.sims.arena import build_model
from hiwm.sims.looks import PLAIN, Look
from hiwm.sims.physics import STATE_BITS, Grasping, Physics, SimState
from hiwm.sims.pictures import Painter
from hiwm.sims.robot import ARMS, FPS, RobotIndex, joint_targets, limited_command
from hiwm.spec import CameraSpec, RobotSpec
from hiwm.types import Doubles, Floats, Observation, Picture, Reading, Scene

CAMERAS = ("top", "angle")
OUT_OF_SIGHT_M = -1.0


@dataclass(frozen=True)
class View:
    """A camera of the arena, shown as `observation.images.NAME` in square pictures of `size` pixels."""

    camera: str
    size: int

    @property
    def feature(self) -> str:
        """The full feature name."""
        return f"observation.images.{self.camera}"


TOP_128 = (View("top", 128),)


def load_cameras(names: Sequence[str], size: int) -> tuple[View, ...]:
    """Views by camera name; raises UnknownName and BadInput."""
    for name in names:
        if name not in CAMERAS:
            raise UnknownName("camera", name, CAMERAS)
    if not names or not 16 <= size <= 1024:
        raise BadInput(f"expected at least one camera and 16 to 1024 pixels, got {len(names)} and {size}")
    return tuple(View(name, size) for name in names)


class MujocoDynamics:
    """One compiled model that steps any number of states of one task and look.

    Every step restores its state first, even where the model already stands there: a step is then a function of its
    arguments alone, bit for bit.
    """

    def __init__(self, physics: Physics, look: Look = PLAIN, views: Sequence[View] = TOP_128) -> None:
        self.physics = physics
        self.views = tuple(views)
        self._model = build_model(physics.parts(look), look)
        self._data = mujoco.MjData(self._model)
        self._robot = RobotIndex(self._model)
        physics.bind(self._model)
        graspable = physics.graspable()
        self._grasping = None if graspable is None else Grasping(self._model, self._robot, graspable)
        self._painter = Painter(self._model)
        self._substeps = round(1 / FPS / self._model.opt.timestep)
        numbers = tuple(n for arm, reach in zip(ARMS, physics.reach, strict=True) for n in reach.numbers(arm))
        cameras = tuple(CameraSpec(v.feature, v.size, v.size) for v in self.views)
        self._spec = RobotSpec("bimanual_hands", FPS, cameras, numbers, numbers)

    @property
    def spec(self) -> RobotSpec:
        """14 numbers of state and action; the configured cameras; 10 Hz."""
        return self._spec

    def reset(self, scenes: Sequence[Scene]) -> Stepped:
        """The first state of each scene, settled for half a second under the hands' rest command."""
        states = [self._first_state(scene) for scene in scenes]
        return self._stepped(states)

    def step(self, states: Sequence[SimState], actions: Sequence[Floats]) -> Stepped:
        """0.1 s under each action: absolute target poses, clipped to the ranges and to the speed limits."""
        targets = [self._spec.check_action(action) for action in actions]
        return self._stepped([self._next_state(s, a) for s, a in zip(states, targets, strict=True)])

    def picture(self, state: SimState, camera: str, size: int, *, shadows: bool = True) -> Picture:
        """(size, size, 3) picture of a state from an MJCF camera (`top`, `angle`)."""
        self._restore(state)
        self._settle_derived()
        return self._painter.paint(self._data, camera, size, shadows=shadows)

    def staged(self, hands: SimState, things: SimState | None) -> SimState:
        """A state to look at, not to step from: the robot of one state among the things of another, or alone.

        Alone means that whatever can move, but for the robot, lies out of sight below the floor.
        """
        self._restore(hands)
        joints = self._data.qpos[self._robot.qpos].copy()
        if things is None:
            self._data.qpos[self._heights] = OUT_OF_SIGHT_M
        else:
            self._restore(things)
        self._data.qpos[self._robot.qpos] = joints
        physics = np.empty(hands.physics.size)
        mujoco.mj_getState(self._model, self._data, physics, STATE_BITS)
        return SimState(physics, hands.command, (None, None), (things or hands).extra)

    def close(self) -> None:
        """Frees the renderers."""
        self._painter.close()

    def _first_state(self, scene: Scene) -> SimState:
        data = self._data
        mujoco.mj_resetData(self._model, data)
        extra = self.physics.place(data, scene.rng())
        self._robot.place(data, self.physics.home)
        physics = np.empty(mujoco.mj_stateSize(self._model, STATE_BITS))
        mujoco.mj_getState(self._model, data, physics, STATE_BITS)
        state = SimState(physics, self.physics.home, (None, None), extra)
        for _ in range(5):
            state = self._next_state(state, self.physics.home)
        return state

    def _restore(self, state: SimState) -> None:
        mujoco.mj_setState(self._model, self._data, state.physics, STATE_BITS)
        self.physics.write_extra(self._model, state.extra)
        if self._grasping is not None:
            self._grasping.write(self._model, self._data, state.holds)

    def _settle_derived(self) -> None:
        """Places of bodies, sites, tendons and cloth for the current joints; a step leaves them one substep behind."""
        mujoco.mj_kinematics(self._model, self._data)
        mujoco.mj_comPos(self._model, self._data)
        mujoco.mj_camlight(self._model, self._data)
        mujoco.mj_flex(self._model, self._data)
        mujoco.mj_tendon(self._model, self._data)

    def _next_state(self, state: SimState, target_14: Floats | Doubles) -> SimState:
        self._restore(state)
        data = self._data
        command = limited_command(state.command, np.asarray(target_14, float), *self._limits)
        first, last = joint_targets(state.command), joint_targets(command)
        for k in range(self._substeps):
            data.ctrl[self._robot.actuators] = first + (last - first) * ((k + 1) / self._substeps)
            mujoco.mj_step(self._model, data)
        self._settle_derived()
        physics = np.empty(state.physics.size)
        mujoco.mj_getState(self._model, data, physics, STATE_BITS)
        holds = state.holds if self._grasping is None else self._grasping.update(data, command, state.holds)
        return SimState(physics, command, holds, self.physics.next_extra(data, state.extra))

    @property
    def _heights(self) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
        """Where in qpos the heights of free joints and of slides along z are."""
        kind, place = self._model.jnt_type, self._model.jnt_qposadr
        upright = (kind == mujoco.mjtJoint.mjJNT_SLIDE) & (self._model.jnt_axis[:, 2] == 1)
        return np.asarray(np.concatenate([place[kind == mujoco.mjtJoint.mjJNT_FREE] + 2, place[upright]]), np.int64)

    @property
    def _limits(self) -> tuple[Doubles, Doubles]:
        return self._spec.action_low_a, self._spec.action_high_a

    def _stepped(self, states: list[SimState]) -> Stepped:
        seen = [self._observe(state) for state in states]
        return states, [observation for observation, _ in seen], [reading for _, reading in seen]

    def _observe(self, state: SimState) -> tuple[Observation, Reading]:
        self._restore(state)
        self._settle_derived()
        data = self._data
        images = {v.feature: self._painter.paint(data, v.camera, v.size) for v in self.views}
        truth = self.physics.truth(data, state.extra)
        reading = self.physics.read(data, state.extra, state.holds)
        return Observation(images, self._robot.measured(data), truth), reading
