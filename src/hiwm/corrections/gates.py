"""Quality gates: which corrections are good enough to learn from, and why the others are not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from hiwm.session.corrections import Correction
from hiwm.session.phases import Label
from hiwm.session.session import Session
from hiwm.spec import RobotSpec
from hiwm.types import Doubles


@dataclass(frozen=True)
class Gates:
    """Limits, each of which a correction must keep; None for no such limit.

    shortest, longest: steered steps. saturated: share of the commands at a limit of the robot's ranges, over all
    numbers that move. jerk: mean change of acceleration from step to step, in ranges of the number that is worst.
    least_trust, mean_trust: over the steered steps. success: only what ends well.
    """

    shortest: int | None = 3
    longest: int | None = 400
    saturated: float | None = 0.4
    jerk: float | None = 0.3
    least_trust: float | None = 0.1
    mean_trust: float | None = 0.4
    success: bool = True


@dataclass(frozen=True)
class Verdict:
    """A correction and why it is rejected, one short sentence each; none for a good one."""

    correction: Correction
    reasons: tuple[str, ...]


def judge_corrections(session: Session, gates: Gates) -> list[Verdict]:
    """A verdict on every correction of a session, in the order of the takeovers."""
    return [Verdict(one, tuple(_reasons(session, one, gates))) for one in session.corrections()]


def ends_well(session: Session, node: int) -> bool:
    """Whether the attempt that ends at a node succeeded: by its label, or by what is read there if it has none."""
    label = session.labels.get(node)
    return bool(session.tree.row(node).reading.success) if label is None else label is Label.SUCCESS


def trust_reasons(trusts: Sequence[float | None], gates: Gates) -> Iterator[str]:
    """What speaks against steps of such trust."""
    known = [trust for trust in trusts if trust is not None]
    if not known:
        return
    if gates.least_trust is not None and min(known) < gates.least_trust:
        yield f"trust falls to {min(known):.2f}, at least {gates.least_trust:.2f} is asked for"
    mean = sum(known) / len(known)
    if gates.mean_trust is not None and mean < gates.mean_trust:
        yield f"mean trust is {mean:.2f}, at least {gates.mean_trust:.2f} is asked for"


def saturation(actions_ta: Doubles, spec: RobotSpec) -> float:
    """Share of the commands at a limit of their range, over all steps and numbers that move; 0 where none does."""
    low, high = spec.action_low_a, spec.action_high_a
    near = 1e-3 * (high - low)
    moves = np.ptp(actions_ta, axis=0) > near
    limited = (actions_ta <= low + near) | (actions_ta >= high - near)
    return float(limited[:, moves].mean()) if moves.any() else 0.0


def mean_jerk(actions_ta: Doubles, spec: RobotSpec) -> float:
    """Mean absolute third difference of the commands, in ranges, of the number where it is largest; 0 below 4 steps."""
    if len(actions_ta) < 4:
        return 0.0
    width = np.maximum(spec.action_high_a - spec.action_low_a, 1e-9)
    return float(np.abs(np.diff(actions_ta / width, n=3, axis=0)).mean(axis=0).max())


def _reasons(session: Session, correction: Correction, gates: Gates) -> Iterator[str]:
    rows = [session.tree.row(node) for node in correction.nodes]
    count = len(rows)
    if gates.shortest is not None and count < gates.shortest:
        yield f"{count} steered steps, at least {gates.shortest} are asked for"
    if gates.longest is not None and count > gates.longest:
        yield f"{count} steered steps, at most {gates.longest} are asked for"
    actions = np.array([row.action for row in rows], np.float64)
    at_limit, jerk = saturation(actions, session.about.spec), mean_jerk(actions, session.about.spec)
    if gates.saturated is not None and at_limit > gates.saturated:
        yield f"{at_limit:.0%} of the commands are at a limit of the robot, at most {gates.saturated:.0%} may be"
    if gates.jerk is not None and jerk > gates.jerk:
        yield f"the hand jerks by {jerk:.2f} ranges a step, at most {gates.jerk:.2f} may be"
    yield from trust_reasons([row.reading.trust for row in rows], gates)
    if gates.success and not ends_well(session, correction.end):
        outcome = correction.outcome.value if correction.outcome else "not labelled"
        yield f"the attempt does not end in success ({outcome})"
