"""How faithful a learned world is on held-out scenes, beside baselines that a picture figure alone cannot tell from it.

Each group of figures is a function of its own, and a key of the result.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hiwm.bench.world_actions import action_figures
from hiwm.bench.world_clips import LEAST_MOVED, LEVER, Clip, Film, find_clips
from hiwm.bench.world_figures import ClipFigures, film_figures, moments_of, reading_figures, row
from hiwm.bench.world_films import FROZEN, LEFT_OUT, baseline_films, world_films, world_state
from hiwm.bench.world_long import long_figures
from hiwm.bench.world_parts import BATCH, Bench, Plan, require_fit, ruler_of
from hiwm.bench.world_report import Strip, write_reliability, write_sheet
from hiwm.bench.world_success import success_figures
from hiwm.bench.world_trust import trust_figures
from hiwm.errors import BadInput
from hiwm.perception.estimator import load_estimator
from hiwm.sims.task import Setting, SimTask
from hiwm.types import Kind
from hiwm.worldmodel.checkpoint import World, load_world
from hiwm.worldmodel.learned import LearnedWorld

SHEET_CLIPS = 4
WORLD, TRUTH = "world", "simulator"
CAMERA_PREFIX = "observation.images."

type Rows = dict[str, list[ClipFigures]]
"""Figures by row (simulator, world, baselines), one entry per clip."""
type Found = dict[Kind, list[Clip]]


def bench_world(
    task: SimTask,
    world_folder: Path,
    estimator_folder: Path,
    plan: Plan,
    sheets: Path | None = None,
    show: bool = True,
    keep: Callable[[dict[str, Any]], None] | None = None,
) -> dict[str, Any]:
    """Measures what the plan asks for: scripts' actions of held-out episodes in the simulator, the world and baselines.

    In every clip the object is displaced by at least 10 % of the workspace (see WORKSPACE) at the end. sheets: folder
    for a contact sheet of each kind and of the long run, and a reliability plot. show: progress bars. keep: gets all
    figures so far, at the start and after each group, as a group can take half an hour.

    Errors are read from pictures by the estimator, so the row of the simulator's own pictures is the estimator's error.
    An object that is not seen whole counts as not having moved (see ClipFigures); a turn counts as the displacement of
    tips that are 15 % of the workspace away. Raises SpecMismatch where the parts do not fit together.
    """
    plan.check()
    world, estimator = LearnedWorld(load_world(world_folder), {}), load_estimator(estimator_folder)
    dynamics = task.open()
    try:
        require_fit(task, dynamics.spec, world.spec, estimator)
        ruler = ruler_of(dynamics.spec, estimator)
        figures: dict[str, Any] = {
            "task": task.name,
            "world": {"folder": world_folder.name, "about": world.world.about},
            "estimator": {"folder": estimator_folder.name, "about": estimator.about},
            "steps": plan.steps,
            "seed": plan.seed,
            "workspace": {"width": ruler.workspace, "unit": ruler.unit, "lever": LEVER * ruler.workspace},
        }
        bench = Bench(task, dynamics, world, estimator, ruler, plan, show)
        for group in chain([{}], _measure_groups(bench, sheets)):
            figures |= group
            if keep is not None:
                keep(figures)
    finally:
        dynamics.close()
    return figures


def setting_of(world: World) -> Setting:
    """How a simulated task is to be shown to look as this world does; raises BadInput where none can.

    A camera that is not named as LeRobot names several is the only one that its task has.
    """
    sizes = {size for camera in world.spec.cameras for size in (camera.height, camera.width)}
    if len(sizes) != 1:
        raise BadInput(f"expected a world of square pictures of one size, got {sorted(sizes)}; train it without --size")
    names = [camera.name for camera in world.spec.cameras]
    if not all(name.startswith(CAMERA_PREFIX) for name in names):
        return Setting(size=sizes.pop())
    return Setting(cameras=tuple(name.removeprefix(CAMERA_PREFIX) for name in names), size=sizes.pop())


def speed_figures(world: LearnedWorld, clip: Clip, batch: int = BATCH, steps: int = 24) -> dict[str, Any]:
    """Frames a second of one session and of `batch` in one batch, on the threads that torch uses now."""
    frames: dict[str, Any] = {"threads": torch.get_num_threads()}
    for name, count in (("one_session", 1), ("batched_sum", batch)):
        states = [world_state(world, clip, seed) for seed in range(count)]
        states, _, _ = world.step(states, clip.actions[:1] * count)
        began = time.perf_counter()
        for k in range(steps):
            states, _, _ = world.step(states, [clip.actions[k % len(clip.actions)]] * count)
        frames[name] = count * steps / (time.perf_counter() - began)
    return frames | {"batch": batch}


def clip_figures(bench: Bench, found: Found, sheets: Path | None) -> dict[str, Any]:
    """The rows of all kinds of clips and of all together, and the trust at their steps."""
    rows = {kind: _measure(bench, kind, some, sheets) for kind, some in found.items()}
    trust = trust_figures({kind: measured[WORLD] for kind, measured in rows.items()}, bench.ruler)
    if sheets is not None and "bins" in trust:
        write_reliability(sheets / f"{bench.task.name}_trust.png", bench.task.name, trust)
    return {
        "clips": {str(kind): [_clip_row(clip) for clip in some] for kind, some in found.items()},
        "kinds": {str(kind): _rows(bench, measured) for kind, measured in rows.items()},
        "all": _rows(bench, _joined(list(rows.values()))),
        "left_out": None if FROZEN in next(iter(rows.values())) else LEFT_OUT,
        "trust": trust,
    }


def _measure_groups(bench: Bench, sheets: Path | None) -> Iterator[dict[str, Any]]:
    """The groups of the plan, those that need clips first; a long run of 0 steps is none."""
    wanted = bench.plan.groups
    if {"clips", "actions", "speed"} & set(wanted):
        found = _find(bench)
        clips = [clip for some in found.values() for clip in some]
        if "clips" in wanted:
            yield clip_figures(bench, found, sheets)
        if "speed" in wanted:
            yield {"speed": speed_figures(bench.world, clips[0])}
        if "actions" in wanted:
            yield {"actions": action_figures(bench, clips)}
    if "success" in wanted:
        yield {"success": success_figures(bench)}
    if "long" in wanted and bench.plan.long_steps:
        yield {"long": long_figures(bench, sheets)}


def _find(bench: Bench) -> Found:
    """The clips of each kind that has any; raises BadInput where none has."""
    plan, past = bench.plan, bench.world.world.network.past
    with bench.bar(f"simulating {bench.task.name}", plan.clips * len(Kind)) as advance:
        found = {
            kind: find_clips(
                bench.task, bench.dynamics, kind, plan.clips, plan.steps, past, bench.ruler,
                np.random.default_rng([plan.seed, k]), advance,
            )
            for k, kind in enumerate(Kind)
        }  # fmt: skip
    if not any(found.values()):
        raise BadInput(
            f"no episode of {bench.task.name} has {plan.steps} steps in which the object moves by {LEAST_MOVED:.0%} "
            "of the workspace; give fewer --steps or more --clips"
        )
    return {kind: some for kind, some in found.items() if some}


def _measure(bench: Bench, kind: Kind, clips: Sequence[Clip], sheets: Path | None) -> Rows:
    """All rows of a kind, in batches of the world; the first clips go onto the kind's sheet."""
    rows: Rows = {}
    strips: list[Strip] = []
    with bench.bar(f"measuring {kind}", len(clips)) as advance:
        for start in range(0, len(clips), BATCH):
            batch = clips[start : start + BATCH]
            for clip, made in zip(batch, world_films(bench.world, batch, bench.plan.seed), strict=True):
                films = {WORLD: made.film} | baseline_films(bench.dynamics, clip)
                measured = _clip_rows(bench, clip, films)
                measured[WORLD] = replace(measured[WORLD], trust_t=made.trust_t)
                for name, figures in measured.items():
                    rows.setdefault(name, []).append(figures)
                if len(strips) < SHEET_CLIPS:
                    strips.append(Strip(clip.scene.id, {TRUTH: clip.film} | _for_sheet(films)))
                advance()
    if sheets is not None:
        write_sheet(sheets / f"{bench.task.name}_{kind}.png", strips, bench.cameras[0], moments_of(bench.plan.steps))
    return rows


def _clip_rows(bench: Bench, clip: Clip, films: dict[str, Film]) -> dict[str, ClipFigures]:
    rows = {TRUTH: reading_figures(clip.film, clip, bench.estimator, bench.ruler)}
    return rows | {name: film_figures(film, clip, bench.estimator, bench.ruler) for name, film in films.items()}


def _for_sheet(films: dict[str, Film]) -> dict[str, Film]:
    return {name: film for name, film in films.items() if name in (WORLD, FROZEN)}


def _clip_row(clip: Clip) -> dict[str, Any]:
    return {"scene": clip.scene.id, "first_step": clip.first.step}


def _rows(bench: Bench, measured: Rows) -> dict[str, Any]:
    return {name: row(clips, bench.ruler) for name, clips in measured.items()}


def _joined(parts: Sequence[Rows]) -> Rows:
    return {name: [clip for part in parts for clip in part[name]] for name in parts[0]}
