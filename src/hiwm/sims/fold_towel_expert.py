"""The scripted expert of Fold Towel: takes the two near corners, carries them in an arc onto the far ones, lets go.

It works from the corners and edges in the truth, wherever they lie: a corner that it holds it keeps, a fold that lies
askew it takes up again, and a far half that is not spread out it spreads first.
"""

from __future__ import annotations

import numpy as np

from hiwm.errors import BadInput
from hiwm.sims.fold_towel import FoldTowel
from hiwm.sims.script import Skill, WayPoint, log_uniform
from hiwm.sims.towel_moves import OPEN, aims, carry_over, grasp, hover, let_go, spread, unfold
from hiwm.sims.towel_sheet import Flags, Hands, Sheet
from hiwm.types import Doubles, Observation

PATIENCE = 9
"""After so many skills the expert no longer undoes a fold, or pulls the towel taut, because it is rumpled."""
LOW_M = 0.045
"""Hands below this have just taken their corners; above it they are on their way over."""


class FoldTowelExpert:
    """Hover over the corners, take them, carry them over and let go; look, and mend what is not right.

    Mistakes: `missed_grasp` a hand closes beside or above its corner, or the corner slips out as it is lifted;
    `early_release` a hand opens on the way over; `misaligned` corners are put down beside the far ones; `wandering` the
    hands go elsewhere, with whatever they hold.
    """

    mistakes: tuple[str, ...] = ("missed_grasp", "early_release", "misaligned", "wandering")
    usual_skills = 3

    def __init__(self) -> None:
        self.home, self.reach = FoldTowel().home, FoldTowel().reach

    def next_skill(
        self, seen: Observation, command: Doubles, number: int, mistake: str, rng: np.random.Generator
    ) -> Skill | None:
        """See `Expert`."""
        if seen.truth is None:
            raise BadInput(
                "the fold_towel expert needs Observation.truth, got none; run it in the fold_towel simulator"
            )
        sheet = Sheet(seen.truth.astype(float).reshape(5, 5, 3))
        hands = Hands(seen.state.reshape(2, 7)[:, :3].astype(float), command[[6, 13]] < 0.5)
        if mistake == "wandering":
            return Skill(_wander(command, rng), mistake)
        strict = number < PATIENCE
        if sheet.folded and not (strict and sheet.rumpled) and not hands.closed.any():
            return None
        row = 4 if sheet.opened and (sheet.crumpled or sheet.out_of_reach) else 0
        corners = sheet.corners(row)
        holding = hands.holding(corners)
        if not (holding | hands.over(corners)).all():
            return Skill(hover(sheet, corners, hands, holding, command))
        if not holding.all():
            goals = aims(corners, sheet.corners(4 - row))
            if mistake == "missed_grasp":
                return Skill(grasp(sheet, goals + _slip(holding, rng), holding, command), mistake)
            return Skill(grasp(sheet, goals, holding, command))
        if row == 4:
            return Skill(spread(sheet, hands))
        if strict and sheet.rumpled and not sheet.taut and hands.tips[:, 2].max() < LOW_M:
            return Skill(unfold(sheet, hands))
        return _carry(sheet, hands, mistake, rng)


def _carry(sheet: Sheet, hands: Hands, mistake: str, rng: np.random.Generator) -> Skill:
    """The near corners onto the far ones and let go, or what a mistake makes of it."""
    if mistake == "misaligned":
        way = carry_over(sheet, hands, _astray(rng))
        return Skill((*way, *let_go(way[-1].command)), mistake)
    way = carry_over(sheet, hands, np.zeros((2, 2)))
    if mistake:
        return Skill(_lose(way, mistake, rng), mistake)
    return Skill((*way, *let_go(way[-1].command)))


def _some_hands(rng: np.random.Generator) -> Flags:
    """(2,) both hands two times in five, else one."""
    return np.asarray(np.array([[True, True], [True, False], [False, True]])[rng.choice(3, p=[0.4, 0.3, 0.3])])


def _slip(holding: Flags, rng: np.random.Generator) -> Doubles:
    """(2, 3) how far beside or above the corners the hands close: 4 to 60 mm, so that some still get hold of it."""
    wrong = _some_hands(rng) & ~holding
    if not wrong.any():
        wrong = ~holding
    angle, far = rng.uniform(-np.pi, np.pi, 2), log_uniform(rng, 0.004, 0.06, 2)
    high = rng.random(2) < 0.3
    beside = np.column_stack([far * np.cos(angle), far * np.sin(angle), np.zeros(2)])
    above = np.column_stack([np.zeros((2, 2)), far])
    return np.where(wrong[:, None], np.where(high[:, None], above, beside), 0)


def _astray(rng: np.random.Generator) -> Doubles:
    """(2, 2) how far beside the far corners the near ones are put down: 1 to 12 cm."""
    angle, far = rng.uniform(-np.pi, np.pi, 2), log_uniform(rng, 0.01, 0.12, 2)
    off = np.column_stack([far * np.cos(angle), far * np.sin(angle)])
    if rng.random() < 0.5:
        off[1] = off[0]
    return np.where(_some_hands(rng)[:, None], off, 0)


def _lose(way: tuple[WayPoint, ...], mistake: str, rng: np.random.Generator) -> tuple[WayPoint, ...]:
    """The way up to where a hand opens, and a moment of surprise."""
    earliest, latest = (0.05, 0.25) if mistake == "missed_grasp" else (0.25, 0.95)
    wrong = _some_hands(rng)
    kept = way[: max(1, round(rng.uniform(earliest, latest) * len(way)))]
    opened = kept[-1].command.copy()
    opened[np.array([6, 13])[wrong]] = OPEN
    return (*kept, WayPoint(opened, 6))


def _wander(command: Doubles, rng: np.random.Generator) -> tuple[WayPoint, ...]:
    """One hand or both to two places with nothing to do there; half of the time they open at the end."""
    moving = _some_hands(rng)
    pose = command.reshape(2, 7).copy()
    way = []
    for _ in range(2):
        goals = rng.uniform([[-0.22, -0.2, 0.04], [0.02, -0.2, 0.04]], [[-0.02, 0.2, 0.15], [0.22, 0.2, 0.15]])
        pose[moving, :3] = goals[moving]
        way.append(WayPoint(pose.ravel().copy(), 7))
    if rng.random() < 0.5:
        pose[:, 6] = OPEN
    return (*way, WayPoint(pose.ravel(), 3))
