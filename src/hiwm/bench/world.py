"""How faithful a learned world is on held-out scenes, beside baselines that a picture figure alone cannot tell from it.

Each group of figures is a function of its own, and a key of the result.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import Progress

from hiwm.bench.world_clips import LEAST_MOVED, LEVER, WORKSPACE, Clip, Film, Ruler, find_clips
from hiwm.bench.world_figures import ClipFigures, film_figures, reading_figures, row
from hiwm.bench.world_films import FROZEN, LEFT_OUT, baseline_films, world_films, world_state
from hiwm.bench.world_report import Strip, write_sheet
from hiwm.errors import BadInput, SpecMismatch
from hiwm.interfaces import Dynamics
from hiwm.perception.estimator import Estimator, load_estimator
from hiwm.sims.task import Setting, SimTask
from hiwm.spec import RobotSpec
from hiwm.types import Kind
from hiwm.worldmodel.checkpoint import World, load_world
from hiwm.worldmodel.learned import LearnedWorld

BATCH = 8
SHEET_CLIPS = 4
WORLD, TRUTH = "world", "simulator"


@dataclass(frozen=True, eq=False)
class Bench:
    """What is measured with: the simulator, the world, and what reads their pictures."""

    task: SimTask
    dynamics: Dynamics
    world: LearnedWorld
    estimator: Estimator
    ruler: Ruler
    steps: int
    seed: int


type Rows = dict[str, list[ClipFigures]]
"""Figures by row (simulator, world, baselines), one entry per clip."""


def bench_world(
    task: SimTask,
    world_folder: Path,
    estimator_folder: Path,
    clips: int,
    steps: int = 64,
    seed: int = 0,
    sheets: Path | None = None,
    show: bool = True,
) -> dict[str, Any]:
    """Shows the scripts' actions of held-out episodes in the simulator, in the world and in baselines.

    clips: how many of each kind of episodes, each with the object displaced by at least 10 % of the workspace (see
    WORKSPACE) after `steps` steps. seed: of the clips' moments and of the world's noise. sheets: folder for a contact
    sheet of each kind. show: progress bars.

    Errors are read from pictures by the estimator, so the row of the simulator's own pictures is the estimator's error.
    An object that is not seen whole counts as not having moved (see ClipFigures); a turn counts as the displacement of
    tips that are 15 % of the workspace away. Raises SpecMismatch where the parts do not fit together.
    """
    if clips < 1 or steps < 2:
        raise BadInput(f"expected at least 1 clip of at least 2 steps, got {clips} of {steps}")
    world, estimator = LearnedWorld(load_world(world_folder), {}), load_estimator(estimator_folder)
    dynamics = task.open()
    try:
        _require_fit(task, dynamics.spec, world.spec, estimator)
        bench = Bench(task, dynamics, world, estimator, _ruler(dynamics.spec, estimator), steps, seed)
        found = _find(bench, clips, show)
        if not any(found.values()):
            raise BadInput(
                f"no episode of {task.name} has {steps} steps in which the object moves by {LEAST_MOVED:.0%} of the "
                "workspace; give fewer --steps or more --clips"
            )
        rows = {kind: _measure(bench, kind, some, sheets, show) for kind, some in found.items() if some}
    finally:
        dynamics.close()
    every = next(some for some in found.values() if some)
    return {
        "task": task.name,
        "world": {"folder": world_folder.name, "about": world.world.about},
        "estimator": {"folder": estimator_folder.name, "about": estimator.about},
        "steps": steps,
        "seed": seed,
        "workspace": {"width": bench.ruler.workspace, "unit": bench.ruler.unit, "lever": LEVER * bench.ruler.workspace},
        "clips": {str(kind): [clip.scene.id for clip in some] for kind, some in found.items()},
        "kinds": {str(kind): _rows(bench, measured) for kind, measured in rows.items()},
        "all": _rows(bench, _joined(list(rows.values()))),
        "left_out": None if FROZEN in next(iter(rows.values())) else LEFT_OUT,
        "speed": speed_figures(world, every[0]),
    }


def setting_of(world: World) -> Setting:
    """How a simulated task is to be shown to look as this world does; raises BadInput where none can."""
    sizes = {size for camera in world.spec.cameras for size in (camera.height, camera.width)}
    if len(sizes) != 1:
        raise BadInput(f"expected a world of square pictures of one size, got {sorted(sizes)}; train it without --size")
    names = tuple(camera.name.removeprefix("observation.images.") for camera in world.spec.cameras)
    return Setting(cameras=names, size=sizes.pop())


def speed_figures(world: LearnedWorld, clip: Clip, batch: int = 8, steps: int = 24) -> dict[str, Any]:
    """Frames a second of one session and of `batch` in one batch, on the threads that torch uses now."""
    frames: dict[str, Any] = {"threads": torch.get_num_threads()}
    for name, count in (("one_session", 1), ("batched_sum", batch)):
        states = [world_state(world, clip, seed) for seed in range(count)]
        actions = [node.action for node in clip.after if node.action is not None]
        states, _, _ = world.step(states, actions[:1] * count)
        began = time.perf_counter()
        for k in range(steps):
            states, _, _ = world.step(states, [actions[k % len(actions)]] * count)
        frames[name] = count * steps / (time.perf_counter() - began)
    return frames | {"batch": batch}


def _ruler(spec: RobotSpec, estimator: Estimator) -> Ruler:
    unit = spec.state[0].unit if spec.state else ""
    if unit not in WORKSPACE or not estimator.object_points or not estimator.hand_points:
        raise BadInput(
            f"expected hands and a moving object in {' or '.join(WORKSPACE)}, the robot's numbers are in {unit!r} and "
            f"the estimator reads {len(estimator.object_points)} moving points; train it on a simulated task's dataset"
        )
    return Ruler(estimator.object_points, WORKSPACE[unit], unit)


def _require_fit(task: SimTask, shown: RobotSpec, world: RobotSpec, estimator: Estimator) -> None:
    parts = {
        "cameras": (shown.cameras, world.cameras, estimator.cameras),
        "state": tuple(tuple(n.name for n in spec.state) for spec in (shown, world)) + (estimator.targets.state,),
        "truth": (task.truth_names, task.truth_names, estimator.targets.truth),
        "rate": (shown.fps, world.fps, world.fps),
    }
    for name, (of_task, of_world, of_estimator) in parts.items():
        if not of_task == of_world == of_estimator:
            raise SpecMismatch(
                f"{name} of {task.name} {_brief(of_task)}, of the world {_brief(of_world)}, of the estimator "
                f"{_brief(of_estimator)} differ; train both on a dataset of this task"
            )


def _brief(part: Any) -> str:
    text = str(part)
    return text if len(text) < 120 else text[:117] + "..."


def _find(bench: Bench, clips: int, show: bool) -> dict[Kind, list[Clip]]:
    past = bench.world.world.network.past
    with _bar(f"simulating {bench.task.name}", clips * len(Kind), show) as advance:
        return {
            kind: find_clips(
                bench.task, bench.dynamics, kind, clips, bench.steps, past, bench.ruler,
                np.random.default_rng([bench.seed, k]), advance,
            )
            for k, kind in enumerate(Kind)
        }  # fmt: skip


def _measure(bench: Bench, kind: Kind, clips: Sequence[Clip], sheets: Path | None, show: bool) -> Rows:
    """All rows of a kind, in batches of the world; the first clips go onto the kind's sheet."""
    rows: Rows = {}
    strips: list[Strip] = []
    with _bar(f"measuring {kind}", len(clips), show) as advance:
        for start in range(0, len(clips), BATCH):
            batch = clips[start : start + BATCH]
            for clip, made in zip(batch, world_films(bench.world, batch, bench.seed), strict=True):
                films = {WORLD: made} | baseline_films(bench.dynamics, clip)
                for name, measured in _clip_rows(bench, clip, films).items():
                    rows.setdefault(name, []).append(measured)
                if len(strips) < SHEET_CLIPS:
                    strips.append(Strip(clip.scene.id, {TRUTH: clip.film} | _for_sheet(films)))
                advance()
    if sheets is not None:
        write_sheet(sheets / f"{bench.task.name}_{kind}.png", strips, bench.estimator.cameras[0].name)
    return rows


def _clip_rows(bench: Bench, clip: Clip, films: dict[str, Film]) -> dict[str, ClipFigures]:
    rows = {TRUTH: reading_figures(clip.film, clip, bench.estimator, bench.ruler)}
    return rows | {name: film_figures(film, clip, bench.estimator, bench.ruler) for name, film in films.items()}


def _for_sheet(films: dict[str, Film]) -> dict[str, Film]:
    return {name: film for name, film in films.items() if name in (WORLD, FROZEN)}


def _rows(bench: Bench, measured: Rows) -> dict[str, Any]:
    return {name: row(clips, bench.ruler) for name, clips in measured.items()}


def _joined(parts: Sequence[Rows]) -> Rows:
    return {name: [clip for part in parts for clip in part[name]] for name in parts[0]}


@contextmanager
def _bar(what: str, total: int, show: bool) -> Iterator[Callable[[], object]]:
    with Progress(console=Console(stderr=True), transient=True, disable=not show) as progress:
        bar = progress.add_task(what, total=total)
        yield lambda: progress.advance(bar)
