"""`hiwm tour`: each task in a success, a failure and an edge case, and the success's actions once more in the task's
learned world; as films and one contact sheet, with figures.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from hiwm.data import drawing
from hiwm.errors import BadInput
from hiwm.interfaces import Dynamics
from hiwm.pipeline.film import side_by_side, write_film
from hiwm.rollout import Path as Rollout
from hiwm.rollout import run
from hiwm.runfolder import hiwm_home
from hiwm.sims.task import Setting, SimTask
from hiwm.sims.tasks import load_task
from hiwm.types import Floats, Kind, Picture, Scene
from hiwm.worldmodel.shipped import WORLDS, shipped_world

if TYPE_CHECKING:
    from hiwm.pipeline.tour_world import SameActions

TASKS = ("push_t", "route_rope", "fold_towel", "gym_pusht")
SIZE = 256
SIDE = 384
"""Of each of the two pictures that stand side by side, in pixels."""
MOMENTS = 9
TRIES = 20
"""Scenes that are tried until a failure really ends failed."""


@dataclass(frozen=True, eq=False)
class Episode:
    """One shown episode: what it is, its pictures, the actions between them, and how it went."""

    task: str
    kind: Kind
    scene: Scene
    pictures: list[Picture]
    actions: list[Floats]
    fps: int
    lapses: tuple[str, ...]
    success: bool
    progress: float
    wall_s: float


@dataclass(frozen=True, eq=False)
class Row:
    """A line of the contact sheet: a title, what is shown in a colour, and notes; pictures from first to last."""

    title: str
    label: str
    colour: drawing.Colour
    notes: tuple[str, ...]
    pictures: list[Picture]


def tour(out: Path | None = None, tasks: Sequence[str] = TASKS, worlds: Path = WORLDS) -> Path:
    """Rolls the episodes out in unseen scenes, writes films and `tasks.png`, prints the figures, returns the folder.

    worlds: where the learned worlds are, in folders named after their tasks; a task without one is shown without.
    """
    folder = out or hiwm_home() / "tour"
    folder.mkdir(parents=True, exist_ok=True)
    episodes: list[Episode] = []
    same: dict[str, SameActions | None] = {}
    lines: list[str] = []
    console = Console(stderr=True)
    with Progress(console=console, transient=True) as progress:
        bar = progress.add_task("simulating", total=len(tasks) * (len(Kind) + 1))
        for name in tasks:
            for episode in _episodes(load_task(name, Setting(size=SIZE))):
                write_film(folder / f"{name}_{episode.kind}.mp4", episode.pictures, episode.fps)
                episodes.append(episode)
                progress.advance(bar)
            shown = next(e for e in episodes if e.task == name and e.kind is Kind.DEMO)
            same[name], line = _in_world(shown, worlds, folder / f"{name}_world.mp4")
            lines.append(line)
            progress.advance(bar)
    sheet = folder / "tasks.png"
    _sheet(list(_rows(episodes, same))).save(sheet)
    _print(episodes)
    print("\n".join([*lines, f"films:         {folder}/*.mp4", f"contact sheet: {sheet}"]))
    return folder


def _episodes(task: SimTask) -> Iterator[Episode]:
    dynamics = task.open()
    try:
        for kind in Kind:
            yield _episode(task, dynamics, kind)
    finally:
        dynamics.close()


def _episode(task: SimTask, dynamics: Dynamics, kind: Kind) -> Episode:
    """The first evaluation scene whose episode ends as its kind says."""
    script = task.script(kind)
    for number in range(TRIES):
        scene = Scene(task.name, "eval", number)
        began = time.perf_counter()
        path = run(script, dynamics, [scene], task.max_steps, lambda path: script.finished(path[-1].memory))[0]
        success = bool(path[-1].reading.success)
        if kind is Kind.EDGE or success == (kind is Kind.DEMO):
            break
    return _shown(task, kind, scene, path, dynamics.spec.fps, time.perf_counter() - began)


def _shown(task: SimTask, kind: Kind, scene: Scene, path: Rollout, fps: int, wall_s: float) -> Episode:
    lapses = dict.fromkeys(node.memory.lapse for node in path if node.memory.lapse)
    last = path[-1].reading
    pictures = [next(iter(node.observation.images.values())) for node in path]
    actions = [node.action for node in path if node.action is not None]
    return Episode(
        task.name, kind, scene, pictures, actions, fps,
        tuple(lapses), bool(last.success), float(last.progress or 0), wall_s,
    )  # fmt: skip


def _in_world(episode: Episode, worlds: Path, film: Path) -> tuple[SameActions | None, str]:
    """Plays an episode's actions in its task's world, films both side by side, and says how it went.

    None where there is no such world.
    """
    try:
        world = shipped_world(episode.task, worlds)
    except BadInput as missing:
        return None, str(missing)
    from hiwm.pipeline.tour_world import same_actions  # torch takes seconds, and mujoco wants its renderer chosen first

    same = same_actions(episode.task, episode.scene, episode.actions, world)
    names = (f"{episode.task} in the simulator", "the same actions in the learned world")
    pairs = zip(same.simulator, same.world, strict=True)
    write_film(film, [side_by_side(dict(zip(names, pair, strict=True)), SIDE) for pair in pairs], episode.fps)
    speed = f"{len(episode.actions)} steps, {same.frames_per_second:.1f} frames a second"
    return same, f"{episode.task} in its learned world: {speed}"


def _print(episodes: list[Episode]) -> None:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("task", "kind", "scene", "steps", "progress", "success", "steps/s", "mistakes"):
        table.add_column(column)
    for e in episodes:
        steps = len(e.pictures) - 1
        table.add_row(
            e.task, e.kind, f"{e.scene.split}/{e.scene.number}", str(steps), f"{e.progress:.2f}",
            "yes" if e.success else "no", f"{steps / e.wall_s:.0f}", ", ".join(e.lapses) or "-",
        )  # fmt: skip
    Console().print(table)


def _rows(episodes: Sequence[Episode], same: Mapping[str, SameActions | None]) -> Iterator[Row]:
    """A row for each episode; below a demonstration, what the world makes of its actions."""
    colours = {Kind.DEMO: drawing.GREEN, Kind.FAILURE: drawing.RED, Kind.EDGE: drawing.AMBER}
    for e in episodes:
        lapses = (lapse.replace("_", " ") for lapse in e.lapses[:3])
        notes = (f"{(len(e.pictures) - 1) / e.fps:.1f} s", *lapses)
        yield Row(e.task, str(e.kind), colours[e.kind], notes, e.pictures)
        if e.kind is Kind.DEMO and (made := same[e.task]) is not None:
            yield Row(e.task, "learned world", drawing.TEXT, ("same actions",), made.world)


def _sheet(rows: Sequence[Row]) -> Image.Image:
    """Rows of pictures, first to last moment."""
    side, gap, left, margin = 150, 8, 150, drawing.MARGIN
    width = 2 * margin + left + MOMENTS * (side + gap) - gap
    height = 2 * margin + len(rows) * (side + gap) - gap
    sheet = Image.new("RGB", (width, height), drawing.BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    for k, row in enumerate(rows):
        top = margin + k * (side + gap)
        drawing.text(draw, (margin, top + 8), row.title, size=18)
        drawing.text(draw, (margin, top + 36), row.label, row.colour, size=15)
        for line, note in enumerate(row.notes):
            drawing.text(draw, (margin, top + 60 + 22 * line), note, drawing.MUTED, size=14)
        for column, at in enumerate(np.linspace(0, len(row.pictures) - 1, MOMENTS).round().astype(int)):
            drawing.paste(sheet, row.pictures[at], (margin + left + column * (side + gap), top, side, side))
    return sheet
