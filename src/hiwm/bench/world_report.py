"""The world benchmark for people: tables on the terminal, sheets of pictures beside the simulator's, a plot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw
from rich.table import Table

from hiwm.bench.world_clips import Film
from hiwm.data import drawing

_SIDE, _GAP, _LEFT = 150, 8, 190
_PLOT, _AXIS = 420, 56


@dataclass(frozen=True, eq=False)
class Strip:
    """A clip on a sheet: one line of pictures for each film, by name."""

    title: str
    films: Mapping[str, Film]


def write_sheet(path: Path, strips: Sequence[Strip], camera: str, moments: Sequence[int], every: int = 1) -> None:
    """Writes a PNG: clips below one another, films as lines, moments as columns; one camera.

    moments: numbers of frames, from 1. every: steps from frame to frame.
    """
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
                drawing.text(draw, (left, margin - 20), f"step {k * every}", drawing.MUTED, size=13)
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path)


def world_table(figures: Mapping[str, Any]) -> Table:
    """One block for each kind of clips (and their number), one line for each row; errors in % of the workspace."""
    width, unit = figures["workspace"]["width"], figures["workspace"]["unit"]
    title = f"{figures['task']} after {figures['steps']} steps; errors in % of {width:g} {unit}, with 95 % intervals"
    table = Table(
        title=title, caption=figures["left_out"], box=None, header_style="bold", padding=(0, 1, 0, 0),
        title_justify="left", caption_justify="left",
    )  # fmt: skip
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


def groups_table(figures: Mapping[str, Any]) -> Table:
    """One line for each figure of the groups that are not read from clips step by step."""
    table = Table(box=None, header_style="bold", padding=(0, 1, 0, 0))
    for column in ("figure", "value", "95 %", "n"):
        table.add_column(column, no_wrap=True)
    for name, lines in (
        ("success", _success_lines), ("trust", _trust_lines), ("actions", _action_lines), ("long", _long_lines),
        ("speed", _speed_lines),
    ):  # fmt: skip
        if (group := figures.get(name)) is None:
            continue
        for line in [(group["left_out"], "-", "", "")] if "left_out" in group else lines(group):
            table.add_row(*line)
    return table


def write_reliability(path: Path, title: str, trust: Mapping[str, Any]) -> None:
    """Writes a PNG: the share that was right over trust, by bin, and how many steps are in each, as bars below."""
    side = _PLOT + 2 * _AXIS
    sheet = Image.new("RGB", (side, side), drawing.BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    low = _AXIS + _PLOT
    draw.rectangle((_AXIS, _AXIS, low, low), outline=drawing.LINE)
    draw.line((_AXIS, low, low, _AXIS), fill=drawing.MUTED)
    total = sum(row["n"] for row in trust["bins"])
    places: list[tuple[float, float]] = []
    for row in trust["bins"]:
        left, right = (_AXIS + _PLOT * row[end] for end in ("from", "to"))
        draw.rectangle((left + 2, low - 0.25 * _PLOT * row["n"] / total, right - 2, low), fill=drawing.LINE)
        if row["n"]:
            places.append((_AXIS + _PLOT * row["trust"], low - _PLOT * row["right"]))
    draw.line(places, fill=drawing.GREEN, width=2)
    for x, y in places:
        draw.ellipse((x - 4, y - 4, x + 4, y + 4), fill=drawing.GREEN)
    for end in (0.0, 0.5, 1.0):
        drawing.text(draw, (_AXIS + _PLOT * end - 8, low + 6), f"{end:g}", drawing.MUTED, size=13)
        drawing.text(draw, (_AXIS - 28, low - _PLOT * end - 8), f"{end:g}", drawing.MUTED, size=13)
    said = f"AUROC {_number(trust['auroc'], 3)}, calibration error {trust['expected_calibration_error']:.3f}"
    drawing.text(draw, (_AXIS, 12), f"{title}: right within {trust['tolerance']:.0%} over trust", size=15)
    drawing.text(draw, (_AXIS, 32), f"{said}, {total} steps", drawing.MUTED, size=13)
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path)


type _Line = tuple[str, str, str, str]


def _success_lines(group: Mapping[str, Any]) -> Iterator[_Line]:
    yield _line("success as in the simulator, balanced %", group["balanced_accuracy"], 100)
    yield _line("near misses judged failures, %", group["near_misses_judged_failures"], 100)
    yield _line("displaced objects judged failures, %", group["displaced_judged_failures"], 100)


def _trust_lines(group: Mapping[str, Any]) -> Iterator[_Line]:
    yield _line(f"trust: AUROC of object error < {group['tolerance']:.0%}", group["auroc"], 1, 3)
    yield "trust: expected calibration error", f"{group['expected_calibration_error']:.3f}", "", ""


def _action_lines(group: Mapping[str, Any]) -> Iterator[_Line]:
    yield _line("action sensitivity: Spearman of last pictures", group["spearman"], 1, 3)
    yield _line("action sensitivity: Spearman over the path", group["spearman_over_path"], 1, 3)


def _long_lines(group: Mapping[str, Any]) -> Iterator[_Line]:
    for side in ("world", "simulator"):
        yield _line(f"{group['steps']} steps, {side}: object seen whole, %", group[side]["seen_whole"], 100)
    lost = group["world"]["background_lost_db"]
    yield f"{group['steps']} steps, world: background lost since step 10, dB", _text(lost, 1), "", ""


def _speed_lines(group: Mapping[str, Any]) -> Iterator[_Line]:
    yield f"frames a second, one session, threads {group['threads']}", f"{group['one_session']:.1f}", "", ""
    yield f"frames a second, {group['batch']} in one batch, sum", f"{group['batched_sum']:.1f}", "", ""


def _line(name: str, figure: Mapping[str, Any], factor: float, digits: int = 1) -> _Line:
    ends = figure["interval_95"]
    interval = "" if ends is None else "..".join(f"{factor * end:.{digits}f}" for end in ends)
    return name, _value(figure, factor, digits), interval, str(figure["n"])


def _number(figure: Mapping[str, Any], digits: int) -> str:
    return _text(figure["value"], digits)


def _text(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _cell(figure: Mapping[str, Any] | None, factor: float) -> str:
    """Value and interval."""
    if figure is None or figure["value"] is None:
        return "-"
    low, high = (factor * end for end in figure["interval_95"])
    return f"{_value(figure, factor, 1)} [dim]{low:.1f}..{high:.1f}[/dim]"


def _value(figure: Mapping[str, Any] | None, factor: float, digits: int) -> str:
    return "-" if figure is None or figure["value"] is None else f"{factor * figure['value']:.{digits}f}"
