"""Opens what the benchmarks of the loop measure: a policy, where it acts, and scenes; and says how they are named."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from hiwm.interfaces import Dynamics, Policy
from hiwm.pipeline.dynamics import about_dynamics, open_dynamics
from hiwm.pipeline.scenes import errand_of, parse_scenes
from hiwm.pipeline.stored_values import know_stored_values
from hiwm.types import Scene


@dataclass(frozen=True, eq=False)
class Setting:
    """What is measured. about: names and hashes, for the figures."""

    dynamics: Dynamics
    policy: Policy
    scenes: list[Scene]
    about: dict[str, str | int]


@contextmanager
def open_setting(
    task: str, world: str | None, sim: str | None, policy: str, sessions: int, threads: int | None
) -> Iterator[Setting]:
    """The setting, closed afterwards; without world and sim, the shipped world of the task."""
    know_stored_values()
    import torch

    from hiwm.policies.loading import load_policy

    if threads is not None:
        torch.set_num_threads(threads)
    if sim is None and world is None:
        world = task
    scenes = parse_scenes(f"{task}/eval/0..{sessions - 1}")
    about = about_dynamics(world, sim)
    dynamics = open_dynamics(world, sim, scenes)
    try:
        acting = load_policy(policy, dynamics.spec, task_prompt=errand_of(scenes[0]).prompt)
        named: dict[str, str | int] = {
            "dynamics": f"{about['kind']} {about['name']}",
            "dynamics_hash": about["hash"],
            "policy": policy,
            "threads": torch.get_num_threads(),
        }
        yield Setting(dynamics, acting, scenes, named)
    finally:
        dynamics.close()
