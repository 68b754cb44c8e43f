"""`hiwm demo`: each task in a success, a failure and an edge case, as films and one contact sheet, with figures."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from hiwm.data import drawing
from hiwm.interfaces import Dynamics
from hiwm.pipeline.film import write_film
from hiwm.rollout import Path as Rollout
from hiwm.rollout import run
from hiwm.runfolder import hiwm_home
from hiwm.sims.task import Setting, SimTask
from hiwm.sims.tasks import load_task
from hiwm.types import Kind, Picture, Scene

TASKS = ("push_t", "route_rope", "fold_towel", "gym_pusht")
SIZE = 256
MOMENTS = 9
TRIES = 20
"""Scenes that are tried until a failure really ends failed."""


@dataclass(frozen=True, eq=False)
class Episode:
    """One shown episode: what it is, its pictures, and how it went."""

    task: str
    kind: Kind
    scene: Scene
    pictures: list[Picture]
    fps: int
    lapses: tuple[str, ...]
    success: bool
    progress: float
    wall_s: float


def demo(out: Path | None = None, tasks: Sequence[str] = TASKS) -> Path:
    """Rolls the episodes out in unseen scenes, writes films and `tasks.png`, prints the figures, returns the folder."""
    folder = out or hiwm_home() / "demo"
    folder.mkdir(parents=True, exist_ok=True)
    episodes: list[Episode] = []
    console = Console(stderr=True)
    with Progress(console=console, transient=True) as progress:
        bar = progress.add_task("simulating", total=len(tasks) * len(Kind))
        for name in tasks:
            for episode in _episodes(load_task(name, Setting(size=SIZE))):
                write_film(folder / f"{name}_{episode.kind}.mp4", episode.pictures, episode.fps)
                episodes.append(episode)
                progress.advance(bar)
    sheet = folder / "tasks.png"
    _sheet(episodes).save(sheet)
    _print(episodes)
    print(f"films:         {folder}/*.mp4\ncontact sheet: {sheet}")
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
    return Episode(
        task.name, kind, scene, pictures, fps, tuple(lapses), bool(last.success), float(last.progress or 0), wall_s
    )


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


def _sheet(episodes: list[Episode]) -> Image.Image:
    """All episodes as rows of pictures, first to last moment."""
    side, gap, left, margin = 150, 8, 150, drawing.MARGIN
    width = 2 * margin + left + MOMENTS * (side + gap) - gap
    height = 2 * margin + len(episodes) * (side + gap) - gap
    sheet = Image.new("RGB", (width, height), drawing.BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    colours = {Kind.DEMO: drawing.GREEN, Kind.FAILURE: drawing.RED, Kind.EDGE: drawing.AMBER}
    for row, e in enumerate(episodes):
        top = margin + row * (side + gap)
        drawing.text(draw, (margin, top + 8), e.task, size=18)
        drawing.text(draw, (margin, top + 36), str(e.kind), colours[e.kind], size=15)
        drawing.text(draw, (margin, top + 60), f"{(len(e.pictures) - 1) / e.fps:.1f} s", drawing.MUTED, size=14)
        for k, lapse in enumerate(e.lapses[:3]):
            drawing.text(draw, (margin, top + 84 + 20 * k), lapse.replace("_", " "), drawing.MUTED, size=14)
        for column, at in enumerate(np.linspace(0, len(e.pictures) - 1, MOMENTS).round().astype(int)):
            drawing.paste(sheet, e.pictures[at], (margin + left + column * (side + gap), top, side, side))
    return sheet
