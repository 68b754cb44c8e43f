"""`hiwm data show`: contact sheets of a dataset, and its episodes in rerun where that is installed."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from hiwm.data import drawing
from hiwm.data.columns import Columns, read_columns
from hiwm.data.decode import CameraReader
from hiwm.data.source import CAMERA_PREFIX, Source
from hiwm.errors import BadInput
from hiwm.types import Picture

CELL_HEIGHT = 128
CAPTION_WIDTH = 168
GAP = 10
TIME_HEIGHT = 20
HEAD_HEIGHT = 74
ENDS = {"success": drawing.GREEN, "failure": drawing.RED, "not labelled": drawing.MUTED}


@dataclass(frozen=True, eq=False)
class _Row:
    """One episode on a sheet: its pictures at some moments, and what is said of it."""

    episode: int
    pictures: Sequence[Picture]
    times_s: Sequence[float]
    lapses: Sequence[str]
    duration_s: float
    end: str
    note: str


def write_contact_sheets(
    source: Source, out: Path, rows: int = 8, columns: int = 8, camera: str | None = None
) -> list[Path]:
    """Writes a PNG per kind of episode to the folder `out` and returns their paths.

    Each shows up to `rows` episodes, spread evenly over the dataset, at `columns` moments from first to last frame.
    camera: which one, by default the first. Raises UnknownName, and BadPictures where a shown episode cannot be read.
    """
    out.mkdir(parents=True, exist_ok=True)
    name = source.camera(camera).name if camera is not None else source.spec.cameras[0].name
    data = read_columns(source)
    reader = CameraReader(source, name, data.time_n)
    paths = []
    for kind, episodes in _by_kind(source, data).items():
        few = [episodes[i] for i in _spread(len(episodes), rows)]
        sheet = _draw_sheet(
            f"{source.folder.resolve().name}   {kind}",
            f"{len(episodes)} episodes, {name.removeprefix(CAMERA_PREFIX)}, {source.episodes.prompts[episodes[0]]}",
            [_row(source, data, reader, episode, columns) for episode in few],
        )
        paths.append(out / f"{kind}.png")
        sheet.save(paths[-1])
    return paths


def _by_kind(source: Source, data: Columns) -> Mapping[str, list[int]]:
    kinds: dict[str, list[int]] = {}
    for episode, start in enumerate(source.episodes.start_e.tolist()):
        kinds.setdefault(data.kind.at(start) if data.kind else "episodes", []).append(episode)
    return kinds


def _spread(count: int, wanted: int) -> list[int]:
    """At most `wanted` of `count` positions, first and last among them, evenly spread."""
    return [int(i) for i in np.unique(np.linspace(0, count - 1, min(count, wanted)).round().astype(int))]


def _row(source: Source, data: Columns, reader: CameraReader, episode: int, columns: int) -> _Row:
    span = source.episodes.rows(episode)
    moments = _spread(span.stop - span.start, columns)
    lapses = [data.lapse.at(i) if data.lapse else "" for i in range(span.start, span.stop)]
    success = float(data.success_n[span.stop - 1])
    names = list(dict.fromkeys(lapse for lapse in lapses if lapse))
    return _Row(
        episode=episode,
        pictures=list(reader.pictures(episode, moments)),
        times_s=[float(data.time_n[span.start + moment]) for moment in moments],
        lapses=[lapses[moment] for moment in moments],
        duration_s=(span.stop - span.start) / source.spec.fps,
        end="not labelled" if np.isnan(success) else "success" if success else "failure",
        note=", ".join(names).replace("_", " "),
    )


def _draw_sheet(title: str, subtitle: str, rows: Sequence[_Row]) -> Image.Image:
    height, width = rows[0].pictures[0].shape[:2]
    cell = (round(CELL_HEIGHT * width / height), CELL_HEIGHT)
    across = max(len(row.pictures) for row in rows)
    margin, pitch = drawing.MARGIN, CELL_HEIGHT + TIME_HEIGHT + GAP
    size = (2 * margin + CAPTION_WIDTH + across * (cell[0] + GAP) - GAP, margin + HEAD_HEIGHT + len(rows) * pitch + GAP)
    sheet = Image.new("RGB", size, drawing.BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    drawing.text(draw, (margin, margin - 6), title, size=22)
    drawing.text(draw, (margin, margin + 26), drawing.shorten(subtitle, size[0] - 2 * margin), drawing.MUTED)
    for number, row in enumerate(rows):
        top = margin + HEAD_HEIGHT - 10 + number * pitch
        _draw_caption(draw, row, (margin, top))
        for column, picture in enumerate(row.pictures):
            left = margin + CAPTION_WIDTH + column * (cell[0] + GAP)
            drawing.paste(sheet, picture, (left, top, *cell))
            lapse = row.lapses[column].replace("_", " ")
            words = f"{row.times_s[column]:.1f} s  {lapse}".rstrip()
            colour = drawing.AMBER if lapse else drawing.MUTED
            drawing.text(draw, (left, top + CELL_HEIGHT + 4), drawing.shorten(words, cell[0], 12), colour, 12)
    return sheet


def _draw_caption(draw: ImageDraw.ImageDraw, row: _Row, place: tuple[int, int]) -> None:
    left, top = place
    room = CAPTION_WIDTH - 2 * GAP
    drawing.text(draw, (left, top), f"episode {row.episode}", size=16)
    drawing.text(draw, (left, top + 24), row.end, ENDS[row.end])
    drawing.text(draw, (left, top + 46), f"{row.duration_s:.1f} s", drawing.MUTED)
    drawing.text(draw, (left, top + 68), drawing.shorten(row.note, room, 13), drawing.AMBER, 13)


def open_in_rerun(source: Source, episode: int = 0) -> None:
    """Opens the rerun viewer on one episode: all cameras, states, actions and readings over time.

    Raises BadInput where rerun is not installed or there is no such episode.
    """
    if importlib.util.find_spec("rerun") is None:
        raise BadInput("the rerun viewer is not installed; get it with: uv pip install rerun-sdk")
    if not 0 <= episode < source.episodes.count:
        raise BadInput(f"no episode {episode}; {source.folder} has episodes 0 to {source.episodes.count - 1}")
    rr: Any = importlib.import_module("rerun")
    data, rows = read_columns(source), source.episodes.rows(episode)
    curves = {f"action/{n.name}": data.action_na[rows, k] for k, n in enumerate(source.spec.action)}
    curves |= {f"state/{n.name}": data.state_ns[rows, k] for k, n in enumerate(source.spec.state)}
    curves |= {"reading/progress": data.progress_n[rows], "reading/success": data.success_n[rows]}
    rr.init(f"hiwm {source.folder.name} episode {episode}", spawn=True)
    for camera in source.spec.cameras:
        for frame, picture in enumerate(CameraReader(source, camera.name, data.time_n).pictures(episode)):
            rr.set_time("time", duration=float(data.time_n[rows.start + frame]))
            rr.log(camera.name, rr.Image(picture).compress())
    for name, values in curves.items():
        for frame, value in enumerate(values.tolist()):
            rr.set_time("time", duration=float(data.time_n[rows.start + frame]))
            rr.log(name, rr.Scalars(value))
