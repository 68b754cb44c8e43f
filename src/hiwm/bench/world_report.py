"""The world benchmark for people: a table on the terminal, and sheets of pictures beside the simulator's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw
from rich.table import Table

from hiwm.bench.world_clips import Film
from hiwm.bench.world_figures import moments_of
from hiwm.data import drawing

_SIDE, _GAP, _LEFT = 150, 8, 190


@dataclass(frozen=True, eq=False)
class Strip:
    """A clip on a sheet: one line of pictures for each film, by name."""

    title: str
    films: Mapping[str, Film]


def write_sheet(path: Path, strips: Sequence[Strip], camera: str) -> None:
    """Writes a PNG: clips below one another, films as lines, moments as columns; one camera."""
    moments = moments_of(len(next(iter(strips[0].films.values()))))
    lines = [(strip, name, film) for strip in strips for name, film in strip.films.items()]
    margin = drawing.MARGIN
    width = 2 * margin + _LEFT + len(moments) * (_SIDE + _GAP) - _GAP
    sheet = Image.new("RGB", (width, 2 * margin + len(lines) * (_SIDE + _GAP) - _GAP), drawing.BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    for row, (strip, name, film) in enumerate(lines):
        top = margin + row * (_SIDE + _GAP)
        drawing.text(draw, (margin, top + 8), name.replace("_", " "), size=18)
        drawing.text(draw, (margin, top + 34), strip.title, drawing.MUTED, size=13)
        for column, k in enumerate(moments):
            left = margin + _LEFT + column * (_SIDE + _GAP)
            drawing.paste(sheet, film[k - 1][camera], (left, top, _SIDE, _SIDE))
            if row == 0:
                drawing.text(draw, (left, margin - 20), f"step {k}", drawing.MUTED, size=13)
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path)


def world_table(figures: Mapping[str, Any]) -> Table:
    """One block for each kind of clips (and their number), one line for each row; errors in % of the workspace."""
    width, unit = figures["workspace"]["width"], figures["workspace"]["unit"]
    title = f"{figures['task']} after {figures['steps']} steps; errors in % of {width:g} {unit}, with 95 % intervals"
    table = Table(title=title, box=None, header_style="bold", padding=(0, 1, 0, 0), title_justify="left")
    for column in ("shown by", "object", "hands", "whole", "PSNR changed", "PSNR", "SSIM"):
        table.add_column(column, no_wrap=True)
    for kind, rows in (*figures["kinds"].items(), ("all", figures["all"])):
        table.add_row(f"[bold]{kind}[/bold] ({rows['world']['object_error']['n']})")
        for name, row in rows.items():
            table.add_row(
                name.replace("_", " "), _cell(row["object_error"], 100 / width), _cell(row["hand_error"], 100 / width),
                _value(row["seen_whole"], 100, 0), _cell(row.get("psnr_changed_db"), 1),
                _value(row.get("psnr_db"), 1, 1), _value(row.get("ssim"), 1, 3),
            )  # fmt: skip
    return table


def _cell(figure: Mapping[str, Any] | None, factor: float) -> str:
    """Value and interval."""
    if figure is None or figure["value"] is None:
        return "-"
    low, high = (factor * end for end in figure["interval_95"])
    return f"{_value(figure, factor, 1)} [dim]{low:.1f}..{high:.1f}[/dim]"


def _value(figure: Mapping[str, Any] | None, factor: float, digits: int) -> str:
    return "-" if figure is None or figure["value"] is None else f"{factor * figure['value']:.{digits}f}"
