"""What corrections cost on hardware and in the learned world, as a function of the number of scenes.

A small model, not an accounting: every input is stated with its default and can be replaced (`CostInputs`).
On hardware every scene is laid out by hand, every attempt is run, watched and reset, and half of what an operator
sees needs no help. In the world a scene is one picture, attempts run unwatched on a GPU, and operators see only the
failures; but the world has to be learned first, from robot data and GPU hours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

HOUR_S = 3600.0


@dataclass(frozen=True)
class CostInputs:
    """Prices in USD, times in seconds unless named otherwise.

    robot_hour_usd: a cell of two arms of 60,000 USD over 3 years of 1,500 hours, with as much again for upkeep and
    room. operator_hour_usd: an operator with on-costs. gpu_hour_usd: a rented data-centre GPU. scene_layout_s: laying
    out a new scene on hardware (objects, light, table). scene_picture_s: putting it under the camera once and taking
    its picture. attempt_s: one attempt of the policy. reset_s: bringing the scene back by hand after it.
    correction_s: the part that is steered, lead-in watched included. failing_share: attempts that need a correction.
    corrections_per_scene: wanted. world_robot_hours, world_gpu_hours: data and training of the world, once.
    gpu_per_attempt_s: a rollout in the world.
    """

    robot_hour_usd: float = 27.0
    operator_hour_usd: float = 40.0
    gpu_hour_usd: float = 2.5
    scene_layout_s: float = 600.0
    scene_picture_s: float = 60.0
    attempt_s: float = 20.0
    reset_s: float = 45.0
    correction_s: float = 15.0
    failing_share: float = 0.5
    corrections_per_scene: float = 4.0
    world_robot_hours: float = 20.0
    world_gpu_hours: float = 50.0
    gpu_per_attempt_s: float = 2.0


@dataclass(frozen=True)
class CostPoint:
    """USD for correcting in so many scenes."""

    scenes: int
    hardware_usd: float
    world_usd: float


def hardware_usd(inputs: CostInputs, scenes: int) -> float:
    """Robot and operator are bound all the time: layout, attempts, corrections and resets.

    A correction on hardware starts from the attempt that needs it; several from one failure state need as many
    attempts, since the robot cannot rewind.
    """
    attempts = inputs.corrections_per_scene / inputs.failing_share
    busy_s = (
        inputs.scene_layout_s
        + attempts * (inputs.attempt_s + inputs.reset_s)
        + inputs.corrections_per_scene * inputs.correction_s
    )
    return scenes * busy_s / HOUR_S * (inputs.robot_hour_usd + inputs.operator_hour_usd)


def world_fixed_usd(inputs: CostInputs) -> float:
    """Learning the world, once: robot and operator for its data, a GPU for its training."""
    data = inputs.world_robot_hours * (inputs.robot_hour_usd + inputs.operator_hour_usd)
    return data + inputs.world_gpu_hours * inputs.gpu_hour_usd


def world_usd(inputs: CostInputs, scenes: int) -> float:
    """The world once; then a picture of each scene, rollouts on a GPU, and the operator's time for corrections."""
    picture = inputs.scene_picture_s * (inputs.robot_hour_usd + inputs.operator_hour_usd)
    attempts = inputs.corrections_per_scene / inputs.failing_share
    rollouts = attempts * inputs.gpu_per_attempt_s * inputs.gpu_hour_usd
    steering = inputs.corrections_per_scene * inputs.correction_s * (inputs.operator_hour_usd + inputs.gpu_hour_usd)
    return world_fixed_usd(inputs) + scenes * (picture + rollouts + steering) / HOUR_S


def break_even_scenes(inputs: CostInputs) -> float | None:
    """From how many scenes on the world is cheaper; None if never."""
    saved = hardware_usd(inputs, 1) - (world_usd(inputs, 1) - world_fixed_usd(inputs))
    return world_fixed_usd(inputs) / saved if saved > 0 else None


def cost_figures(inputs: CostInputs, scenes: Sequence[int] = ()) -> dict[str, Any]:
    """The inputs, the curve and where it crosses, JSON-ready."""
    even = break_even_scenes(inputs)
    most = int(max(200.0, 4 * (even or 50.0)))
    points = scenes or sorted({round(most * k / 20) for k in range(21)})
    curve = [CostPoint(n, hardware_usd(inputs, n), world_usd(inputs, n)) for n in points]
    return {
        "inputs": asdict(inputs),
        "break_even_scenes": even,
        "world_fixed_usd": world_fixed_usd(inputs),
        "hardware_usd_per_scene": hardware_usd(inputs, 1),
        "world_usd_per_scene": world_usd(inputs, 1) - world_fixed_usd(inputs),
        "curve": [asdict(point) for point in curve],
    }
