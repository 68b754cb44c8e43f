"""Makes known what nodes may hold, so that session files with it can be written and read: call it once at the start."""

from __future__ import annotations

from collections.abc import Sequence

from hiwm.session.values import register, register_folded
from hiwm.sims.rendering import choose_renderer
from hiwm.types import Floats


def know_stored_values() -> None:
    """Registers the states of worlds and simulators and the memories of policies; a second call does nothing new."""
    choose_renderer()  # before anything imports mujoco
    from hiwm.policies.memory import PolicyMemory
    from hiwm.policies.simple import SimpleMemory
    from hiwm.sims.gym_dynamics import ActionLog, GymState, list_actions
    from hiwm.sims.physics import Hold, SimState
    from hiwm.worldmodel.learned import WorldState
    from hiwm.worldmodel.trust import Trace

    def linked(actions: Sequence[Floats]) -> ActionLog:
        log: ActionLog | None = None
        for action in actions:
            log = ActionLog(action, log)
        assert log is not None  # an empty log is None, and never asked for here
        return log

    register(WorldState, Trace, SimState, Hold, GymState, PolicyMemory, SimpleMemory)
    register_folded(ActionLog, list_actions, linked)
