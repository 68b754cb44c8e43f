"""The simulated tasks by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from hiwm.errors import BadInput, UnknownName
from hiwm.sims.rendering import choose_renderer
from hiwm.sims.task import ScriptedPolicy, Setting, SimTask
from hiwm.types import Kind

if TYPE_CHECKING:
    from hiwm.sims.physics import Physics
    from hiwm.sims.script import Expert

DEFAULT = Setting()


def _push_t(setting: Setting) -> SimTask:
    from hiwm.sims.push_t import PushT
    from hiwm.sims.push_t_expert import PushTExpert

    prompt = "Push the T-shaped block onto the T painted on the table."
    return _hands_task(PushT, PushTExpert(), prompt, 200, [(0, 1)], setting)


def _route_rope(setting: Setting) -> SimTask:
    from hiwm.sims.route_rope import SEGMENTS, RouteRope
    from hiwm.sims.route_rope_expert import RouteRopeExpert

    prompt = "Lay the rope through both slots."
    points = [(3 * i, 3 * i + 1) for i in range(SEGMENTS + 1)]
    return _hands_task(RouteRope, RouteRopeExpert(), prompt, 250, points, setting)


def _fold_towel(setting: Setting) -> SimTask:
    from hiwm.sims.fold_towel import FoldTowel
    from hiwm.sims.fold_towel_expert import FoldTowelExpert

    prompt = "Fold the towel in half, away from you."
    points = [(k, k + 1) for k in range(0, len(FoldTowel().truth_names), 3)]
    return _hands_task(FoldTowel, FoldTowelExpert(), prompt, 250, points, setting)


def _gym_pusht(setting: Setting) -> SimTask:
    from hiwm.sims.gym_pusht import gym_pusht_task

    if setting.look != "plain" or setting.cameras != ("top",) or setting.mistakes:
        raise BadInput(
            "gym_pusht has one look (plain), one camera (top) and all its mistakes; leave --look, --cameras and "
            "--mistakes out"
        )
    return gym_pusht_task() if setting.size is None else gym_pusht_task(setting.size)


def _hands_task(
    physics: Callable[[], Physics],
    expert: Expert,
    prompt: str,
    max_steps: int,
    object_at: Sequence[tuple[int, int]],
    setting: Setting,
) -> SimTask:
    """A MuJoCo task of the bimanual robot. object_at: where in the truth x, y of object points are."""
    from hiwm.sims.edges import EdgeSweeps
    from hiwm.sims.looks import load_look
    from hiwm.sims.mujoco_dynamics import MujocoDynamics, load_cameras
    from hiwm.sims.script import ExpertDriver, Unsteadiness

    task = physics()
    look, cameras = load_look(setting.look), load_cameras(setting.cameras, setting.size or 128)
    for name in setting.mistakes:
        if name not in expert.mistakes:
            raise UnknownName("mistake", name, expert.mistakes)

    def script(kind: Kind) -> ScriptedPolicy:
        if kind is Kind.EDGE:
            return EdgeSweeps(task.reach, task.home, object_at)
        return ExpertDriver(
            expert, Unsteadiness(mistakes=(setting.mistakes or expert.mistakes) if kind is Kind.FAILURE else ())
        )

    return SimTask(
        name=task.name,
        prompt=prompt,
        max_steps=max_steps,
        truth_names=task.truth_names,
        open=lambda: MujocoDynamics(physics(), look, cameras),
        script=script,
        look=setting.look,
        mistakes=setting.mistakes,
    )


TASKS: dict[str, Callable[[Setting], SimTask]] = {
    "push_t": _push_t,
    "route_rope": _route_rope,
    "fold_towel": _fold_towel,
    "gym_pusht": _gym_pusht,
}


def load_task(name: str, setting: Setting = DEFAULT) -> SimTask:
    """The task of that name as it is shown; raises UnknownName for a task, look, camera or mistake that is not."""
    if name not in TASKS:
        raise UnknownName("task", name, TASKS)
    choose_renderer()
    return TASKS[name](setting)
