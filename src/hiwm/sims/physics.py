"""What a MuJoCo task is to the dynamics that steps it, and the state that makes every step exact.

MuJoCo keeps part of what the next step needs outside of `mjData`: which body a hand holds and where, and, per task,
geom sizes and places. All of it travels in `SimState`; before a step it is written into the one shared model, so two
branches that share a model cannot leak into each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import mujoco
import numpy as np

from hiwm.sims.arena import Parts
from hiwm.sims.looks import Look
from hiwm.sims.robot import ARMS, Reach, RobotIndex
from hiwm.types import Doubles, Floats, Reading


@dataclass(frozen=True)
class Hold:
    """A grasp: the held body, the point on it and the point on the hand that coincide (each in its body's frame, m)."""

    body: int
    on_body: tuple[float, float, float]
    on_hand: tuple[float, float, float]


type Holds = tuple[Hold | None, Hold | None]
"""Left, right."""


@dataclass(frozen=True, eq=False)
class SimState:
    """Everything the next step needs.

    physics: MuJoCo's state vector (STATE_BITS). command: (14,) the last command, after limits. extra: the task's own
    immutable value (places of slots, cloth layers ...).
    """

    physics: Doubles
    command: Doubles
    holds: Holds
    extra: Any


STATE_BITS = int(
    mujoco.mjtState.mjSTATE_FULLPHYSICS
    | mujoco.mjtState.mjSTATE_CTRL
    | mujoco.mjtState.mjSTATE_WARMSTART
    | mujoco.mjtState.mjSTATE_EQ_ACTIVE
)


@dataclass(frozen=True, eq=False)
class Graspable:
    """What hands can take hold of: bodies (N,), a point on each in its own frame (3,), and how near (m) is enough."""

    bodies: np.ndarray[Any, Any]
    on_body: tuple[float, float, float]
    near_m: float


class Physics(Protocol):
    """A task's physics: what stands on the table, how it starts, and how it is judged."""

    name: str
    reach: tuple[Reach, Reach]
    home: Doubles
    truth_names: tuple[str, ...]

    def parts(self, look: Look) -> Parts:
        """The task's MJCF."""
        ...

    def bind(self, model: mujoco.MjModel) -> None:
        """Looks up addresses in the compiled model, and sets what MJCF cannot say."""
        ...

    def graspable(self) -> Graspable | None:
        """What can be grasped; None where hands only push."""
        ...

    def place(self, data: mujoco.MjData, rng: np.random.Generator) -> Any:
        """Writes a start into `data.qpos` and returns the task's extra value."""
        ...

    def write_extra(self, model: mujoco.MjModel, extra: Any) -> None:
        """Writes the extra value into the model."""
        ...

    def next_extra(self, data: mujoco.MjData, extra: Any) -> Any:
        """The extra value after a step."""
        ...

    def truth(self, data: mujoco.MjData, extra: Any) -> Floats:
        """(K,) privileged quantities, named by `truth_names`."""
        ...

    def read(self, data: mujoco.MjData, extra: Any, holds: Holds) -> Reading:
        """Progress and success now."""
        ...


class Grasping:
    """Closing a gripper near something graspable ties it to the hand; opening lets go."""

    CLOSED, OPENED = 0.3, 0.5
    """Commanded gripper below which a hand takes hold, and above which it lets go."""

    def __init__(self, model: mujoco.MjModel, robot: RobotIndex, graspable: Graspable) -> None:
        self.robot = robot
        self.graspable = graspable
        self.rows = [model.equality(f"{arm}_grasp").id for arm in ARMS]

    def update(self, data: mujoco.MjData, command_14: Doubles, holds: Holds) -> Holds:
        """The holds after a step that ended with this command."""
        left, right = (self._hold(data, arm, command_14[arm * 7 + 6], holds[arm]) for arm in range(2))
        return left, right

    def _hold(self, data: mujoco.MjData, arm: int, gripper: float, hold: Hold | None) -> Hold | None:
        if hold is not None:
            return None if gripper > self.OPENED else hold
        if gripper >= self.CLOSED:
            return None
        bodies, local = self.graspable.bodies, np.array(self.graspable.on_body)
        points = data.xpos[bodies] + data.xmat[bodies].reshape(-1, 3, 3) @ local
        gaps = np.linalg.norm(points - data.site_xpos[self.robot.tips[arm]], axis=1)
        nearest = int(gaps.argmin())
        if gaps[nearest] > self.graspable.near_m:
            return None
        hand = self.robot.hands[arm]
        on_hand = data.xmat[hand].reshape(3, 3).T @ (points[nearest] - data.xpos[hand])
        x, y, z = (float(v) for v in on_hand)
        return Hold(int(bodies[nearest]), self.graspable.on_body, (x, y, z))

    def write(self, model: mujoco.MjModel, data: mujoco.MjData, holds: Holds) -> None:
        """Writes the holds into the model's constraints and switches them."""
        for row, hold in zip(self.rows, holds, strict=True):
            data.eq_active[row] = hold is not None
            if hold is not None:
                model.eq_obj2id[row] = hold.body
                model.eq_data[row, 0:3] = hold.on_hand
                model.eq_data[row, 3:6] = hold.on_body
