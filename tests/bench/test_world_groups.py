"""Success, trust, action sensitivity and the long run, of worlds whose faults are known."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from hiwm.bench.world_actions import PAIRS, SPAN, action_figures, action_sequences, spearman
from hiwm.bench.world_clips import Clip, Ruler, find_clips
from hiwm.bench.world_figures import ClipFigures
from hiwm.bench.world_intervals import clustered_figure, share
from hiwm.bench.world_long import TURNS, background, background_db, long_figures
from hiwm.bench.world_parts import BATCH, Bench, Plan
from hiwm.bench.world_report import groups_table, write_reliability
from hiwm.bench.world_success import NO_JUDGE, balanced_accuracy, success_figures
from hiwm.bench.world_trust import NO_TRUST, TOLERANCE, auroc, calibration_error, reliability, trust_figures
from hiwm.errors import BadInput
from hiwm.interfaces import Stepped
from hiwm.perception.estimator import Estimates, Estimator
from hiwm.perception.points import find_points
from hiwm.sims.arena import VIEW_M
from hiwm.spec import RobotSpec
from hiwm.types import Floats, Kind, Observation, Picture, Reading
from hiwm.worldmodel.learned import LearnedWorld
from tests.dot_world import CAMERA, DOT_NAMES, DOT_SPEC, DOT_TASK, DotDynamics
from tests.fakes import ToyState

RULER = Ruler(tuple(point for point in find_points(DOT_NAMES) if point.name == "dot"), VIEW_M, "m")

type Fault = Callable[[int, Observation, Reading], tuple[Observation, Reading]]
"""Spoils what is seen and read at a step."""


class DotWorld:
    """The dot's own simulator in place of a learned world, with a fault."""

    def __init__(self, fault: Fault = lambda step, seen, reading: (seen, reading), deaf: bool = False) -> None:
        self.fault, self.deaf, self.dynamics, self.batches = fault, deaf, DotDynamics(), list[int]()

    @property
    def spec(self) -> RobotSpec:
        return DOT_SPEC

    def state_of(self, seen: Observation, seed: int) -> tuple[int, ToyState]:
        goal, dot = np.split(seen.require_truth().astype(float), 2)
        return 0, ToyState(dot, goal)

    def state_after(self, seen: Sequence[Observation], actions: Sequence[Floats], seed: int) -> tuple[int, ToyState]:
        return self.state_of(seen[-1], seed)

    def step(self, states: Sequence[Any], actions: Sequence[Floats]) -> Stepped:
        self.batches.append(len(states))
        at: list[tuple[int, ToyState]] = list(states)
        given = [state.dot.astype(np.float32) for _, state in at] if self.deaf else actions
        after, seen, readings = self.dynamics.step([state for _, state in at], given)
        spoilt = [self.fault(k + 1, o, r) for (k, _), o, r in zip(at, seen, readings, strict=True)]
        new = [(k + 1, state) for (k, _), state in zip(at, after, strict=True)]
        return new, [o for o, _ in spoilt], [r for _, r in spoilt]


class RedReader:
    """Reads the dot from its red pixels; none means that it is not seen whole."""

    cameras = (CAMERA,)

    def read(self, moments: Sequence[Mapping[str, Picture]]) -> Estimates:
        red = [np.argwhere(moment[CAMERA.name][..., 0] > 215) for moment in moments]
        dot = np.array([r.min(0)[::-1] / (CAMERA.width - 4) if len(r) else (0.5, 0.5) for r in red], np.float32)
        whole = np.array([len(r) == 16 for r in red])
        return Estimates(np.hstack([np.zeros_like(dot), dot]), dot, whole.astype(np.float32), whole)


def bench_of(world: DotWorld, plan: Plan) -> Bench:
    reader = cast(Estimator, RedReader())
    return Bench(DOT_TASK, DotDynamics(), cast(LearnedWorld, world), reader, RULER, plan, show=False)


def _reading(success: bool | None, trust: float | None = None) -> Fault:
    return lambda step, seen, reading: (seen, Reading(reading.progress, success, trust))


def _greyer(step: int, seen: Observation, reading: Reading) -> tuple[Observation, Reading]:
    """Everything but the dot gets one level brighter every twenty steps; from step 60 on the dot is gone."""
    [(name, picture)] = seen.images.items()
    red = (picture[..., 0] > 215)[..., None]
    brighter = np.minimum(picture.astype(int) + step // 20, 210).astype(np.uint8)
    shown = np.where(red, 100 if step >= 60 else picture, brighter).astype(np.uint8)
    return Observation({name: shown}, seen.state, seen.truth), reading


def test_a_true_world_judges_as_the_simulator_does() -> None:
    world = DotWorld()
    found = success_figures(bench_of(world, Plan(episodes=10)))
    assert found["balanced_accuracy"] == {"value": 1.0, "interval_95": [1.0, 1.0], "n": 10, "clusters": 10}
    assert [found[f"{name}_judged_{name}"]["n"] for name in ("successes", "failures")] == [5, 5]
    assert found["near_misses_judged_failures"] == share([True, True])
    assert max(world.batches) == BATCH
    failures = [row for row in found["episodes"] if not row["success"]]
    near = [row for row in failures if row["near_miss"]]
    assert len(near) == 2
    assert min(row["progress"] for row in near) == found["least_progress_of_near_misses"]
    assert found["least_progress_of_near_misses"] >= max(r["progress"] for r in failures if not r["near_miss"])
    assert all(row["judged_success"] == row["success"] for row in found["episodes"])
    assert len(near[0]["trust_by_step"]) == near[0]["steps"]


def test_displaced_objects_are_far_and_fail_in_the_simulator() -> None:
    found = success_figures(bench_of(DotWorld(_reading(True)), Plan(episodes=12)))
    assert found["balanced_accuracy"]["value"] == 0.5
    assert found["displaced_judged_failures"]["value"] == 0
    won = {row["scene"] for row in found["episodes"] if row["success"]}
    assert 3 <= len(found["displaced"]) <= len(won)
    for row in found["displaced"]:
        assert row["actions_of"] in won
        assert row["scene"] != row["actions_of"]
        assert not row["success"]
        assert row["apart"] >= 0.05
        assert row["trust"] is None
    assert success_figures(bench_of(DotWorld(_reading(None)), Plan(episodes=4))) == {"left_out": NO_JUDGE}


def test_balance_needs_both_outcomes() -> None:
    assert balanced_accuracy(np.array([True, False, False]), np.array([True, True, False])) == 0.75
    assert balanced_accuracy(np.array([True, True]), np.array([True, False])) is None


def _clip_figures(trust: Sequence[float] | None, error: Sequence[float], whole: Sequence[float]) -> ClipFigures:
    read = np.array(error) * VIEW_M
    return ClipFigures(read, read, read, np.array(whole), trust_t=None if trust is None else np.array(trust))


def test_trust_is_held_against_what_is_read(tmp_path: Path) -> None:
    near, far = 0.5 * TOLERANCE, 2 * TOLERANCE
    good = _clip_figures([0.95, 0.9, 0.2], [near, near, far], [1, 1, 1])
    smear = _clip_figures([0.8, 0.1, 0.05], [near, near, far], [1, 0, 0])
    found = trust_figures({"demo": [good, smear], "edge": [_clip_figures(None, [near], [1])]}, RULER)
    assert found["auroc"]["value"] == 1
    assert (found["auroc"]["n"], found["auroc"]["clusters"]) == (6, 2)
    assert found["auroc_by_kind"]["edge"]["value"] is None
    assert found["right"]["value"] == 0.5
    assert [row["n"] for row in found["bins"]] == [1, 1, 1, 0, 0, 0, 0, 0, 1, 2]
    assert found["expected_calibration_error"] == pytest.approx((0.05 + 0.1 + 0.1 + 0.2 + 0.2 + 0.05) / 6, abs=0.02)
    write_reliability(tmp_path / "new" / "trust.png", "toy", found)
    with Image.open(tmp_path / "new" / "trust.png") as plot:
        assert (76, 195, 138) in {colour for _, colour in plot.convert("RGB").getcolors(99999) or []}
    assert trust_figures({"demo": [_clip_figures(None, [near], [1])]}, RULER) == {"left_out": NO_TRUST}


def test_ranking_and_calibration_of_trust() -> None:
    right = np.array([True, False, True, False])
    assert auroc(np.array([0.9, 0.1, 0.9, 0.1]), right) == 1
    assert auroc(np.full(4, 0.5), right) == 0.5
    assert auroc(np.array([0.2, 0.9, 0.3, 0.25]), right) == 0.25
    assert auroc(np.ones(2), np.ones(2, bool)) is None
    rng = np.random.default_rng(0)
    trust = rng.random(20000)
    assert calibration_error(reliability(trust, rng.random(20000) < trust)) < 0.02
    assert calibration_error(reliability(trust, rng.random(20000) < 0.5)) == pytest.approx(0.25, abs=0.02)
    assert reliability(np.ones(3), np.ones(3, bool))[-1]["n"] == 3


def test_intervals_of_clusters_are_wider_than_of_rows() -> None:
    rng = np.random.default_rng(0)
    clusters = [(np.full(50, value),) for value in rng.normal(size=20)]

    def mean(values: np.ndarray[Any, Any]) -> float:
        return float(values.mean())

    whole = clustered_figure(mean, clusters)
    rows = clustered_figure(mean, [(value[None],) for (values,) in clusters for value in values])
    assert (whole["n"], whole["clusters"], rows["clusters"]) == (1000, 20, 1000)
    assert np.diff(whole["interval_95"]) > 4 * np.diff(rows["interval_95"])
    assert clustered_figure(mean, []) == {"value": None, "interval_95": None, "n": 0, "clusters": 0}


@pytest.fixture(scope="module")
def clips() -> list[Clip]:
    rng, dynamics = np.random.default_rng(0), DotDynamics()
    found = [find_clips(DOT_TASK, dynamics, kind, 3, 10, 2, RULER, rng, lambda: None) for kind in Kind]
    return [clip for some in found for clip in some]


def test_a_true_world_ranks_action_sequences_as_the_simulator_does(clips: list[Clip]) -> None:
    found = action_figures(bench_of(DotWorld(), Plan(steps=10)), clips)
    assert found["spearman"]["value"] > 0.95
    assert found["spearman"]["n"] >= PAIRS
    assert found["spearman"]["clusters"] == len(clips) == len(found["states"])
    assert found["spearman_over_path"]["value"] > 0.95
    assert found["spearman_within_states"]["value"] > 0.9
    deaf = action_figures(bench_of(DotWorld(deaf=True), Plan(steps=10)), clips)
    assert deaf["spearman"] == found["spearman"] | {"value": None, "interval_95": None}


def test_sequences_span_small_to_large_differences(clips: list[Clip]) -> None:
    clip = clips[0]
    sequences = action_sequences(DOT_SPEC, clip, clips, np.random.default_rng(0))
    assert len(sequences) == BATCH
    assert {len(sequence) for sequence in sequences} == {min(SPAN, len(clip.after))}
    own = np.stack(sequences[0])
    assert np.array_equal(own, np.stack(clip.actions))
    away = [np.abs(np.stack(sequence)[-1] - own[-1]).max() for sequence in sequences[2:5]]
    assert away == sorted(away)
    assert away[0] < 0.1
    for sequence in sequences:
        assert np.stack(sequence).min() >= 0
        assert np.stack(sequence).max() <= 1


def test_rank_correlation() -> None:
    assert spearman(np.array([1.0, 2.0, 3.0]), np.array([1.0, 10.0, 100.0])) == pytest.approx(1)
    assert spearman(np.array([1.0, 2.0, 3.0]), np.array([3.0, 2.0, 1.0])) == pytest.approx(-1)
    assert spearman(np.array([1.0, 1.0]), np.array([1.0, 2.0])) is None


def test_a_true_world_lasts_and_a_fading_one_does_not() -> None:
    plan = Plan(long_steps=200)
    found = long_figures(bench_of(DotWorld(), plan))
    assert found["world"] == found["simulator"]
    assert found["world"]["seen_whole"]["value"] > 0.8
    assert found["world"]["background_lost_db"] == pytest.approx(0, abs=0.5)
    assert found["object_moves_in_simulator"]["share"] > 0.5
    assert found["world"]["object_moves_as_read"]["share"] > 0.5
    assert found["turns"][:4] == [f"toy/eval/{k} {kind}" for k, kind in enumerate(TURNS)]
    assert len(found["turns"]) == 10
    fading = long_figures(bench_of(DotWorld(_greyer), plan))
    assert fading["world"]["seen_whole_by_tenth"][0] > 0.5
    assert fading["world"]["seen_whole_by_tenth"][-1] == 0
    assert fading["world"]["background_lost_db"] > 10
    assert fading["simulator"] == found["simulator"]


def test_background_is_away_from_what_is_not_usual() -> None:
    usual = np.full((20, 20, 3), 100, np.uint8)
    pictures = np.stack([usual, usual + 4])
    pictures[:, 10, 10] = 250
    mask = background(pictures, usual)
    assert (~mask).sum((1, 2)).tolist() == [25, 25]
    assert background_db(pictures, usual, mask) == pytest.approx([20 * np.log10(510), 20 * np.log10(255 / 4)])
    assert np.isnan(background_db(pictures, usual, np.zeros_like(mask))).all()


def test_every_group_has_its_lines() -> None:
    plan = Plan(episodes=4, long_steps=40)
    figures = {
        "success": success_figures(bench_of(DotWorld(), plan)),
        "trust": {"left_out": NO_TRUST},
        "long": long_figures(bench_of(DotWorld(), plan)),
        "speed": {"threads": 1, "one_session": 15.0, "batched_sum": 30.0, "batch": 8},
    }
    console = Console(width=160, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(groups_table(figures))
    said = console.export_text()
    assert "100.0..100.0" in said
    assert NO_TRUST in said
    assert "40 steps, world: object seen whole" in said
    assert "15.0" in said


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"clips": 0}, "at least 1 clip"),
        ({"episodes": 1}, "at least 2 episodes"),
        ({"long_steps": 5}, "at least 20 steps"),
        ({"groups": ("fun",)}, "among clips, success"),
    ],
)
def test_a_plan_measures_enough(change: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        dataclasses.replace(Plan(), **change).check()
