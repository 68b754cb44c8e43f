"""`hiwm world-card`: writes down beside a world what it was made from, by which commands, and how good it is."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text
from torch import nn

from hiwm.bench.world_report import groups_table, world_table
from hiwm.errors import BadInput
from hiwm.runfolder import read_json, write_bytes
from hiwm.worldmodel.checkpoint import World, load_world
from hiwm.worldmodel.shipped import CARD

MEASURED = """\
Measured in the simulator on scenes of the `eval` split, which no dataset for training holds. In brackets: beside a \
kind of clips how many, beside a figure its 95 % interval. Errors are read from pictures by an estimator: the row \
`simulator` is its own error, the other rows but `world` are baselines that know no physics."""
NO_JUDGE = "None: this world says nothing of progress and success."
NO_TRUST = "None: this world does not say how far it is right."
LIMITS = "It knows this task, robot and camera in this look alone, and nothing of what its dataset does not show."
TAUGHT = "An estimator reads its pictures; it learned from frames of the same dataset that say where the object is."


def write_world_card(folder: Path, bench: Sequence[Path], commands: Sequence[str]) -> Path:
    """Writes MODEL_CARD.md into a world's folder and returns its path.

    bench: files that `hiwm bench world --json` wrote for this world; groups of a later one replace those of an earlier.
    commands: what made the world, in order. Raises BadInput where a file holds something else.
    """
    world = load_world(folder)
    figures: dict[str, Any] = {}
    for path in bench:
        figures |= _read_figures(path, world, figures.get("task"))
    lines = [
        f"# A learned world of {figures.get('task', folder.resolve().name)}",
        *("", _summary(world, folder), "", LIMITS, *([] if world.eye is None else [TAUGHT])),
        *("", "## Made by", "```", *commands, "```"),
        *("", "## Training", *_trainings(world.about)),
        *("", "## Judge", *([NO_JUDGE] if world.judge is None else _about_table(world.judge.about))),
        *("", "## Trust", *([NO_TRUST] if world.trust is None else _about_table(world.trust.about))),
    ]
    if figures:
        lines += ["", "## Figures", MEASURED, *_figure_tables(figures)]
    card = folder / CARD
    write_bytes(card, ("\n".join(lines) + "\n").encode())
    return card


def _read_figures(path: Path, world: World, task: str | None) -> dict[str, Any]:
    """The figures in a file; raises BadInput where they are of another world or task, or none at all."""
    try:
        figures = read_json(path)
        of_task, about = figures["task"], figures["world"]["about"]
    except (OSError, json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise BadInput(f"expected figures of hiwm bench world --json in {path}, found none ({error!r})") from error
    if about != world.about or task not in (None, of_task):
        raise BadInput(f"{path} holds figures of another world or task ({of_task}); measure this one: hiwm bench world")
    return figures


def _summary(world: World, folder: Path) -> str:
    spec = world.spec
    nets = [world.net] if world.judge is None else [world.net, world.judge.net]
    megabytes = sum(path.stat().st_size for path in folder.glob("*.safetensors")) / 1e6
    cameras = ", ".join(f"`{camera.name}` {camera.height} x {camera.width}" for camera in spec.cameras)
    return (
        f"Predicts at {spec.fps} Hz what `{spec.robot_type}` sees and measures after an action. Cameras: {cameras}; "
        f"{len(spec.state)} numbers of state, {len(spec.action)} of action. "
        f"{sum(map(_parameters, nets)) / 1e6:.2f} M parameters, {megabytes:.1f} MB."
    )


def _parameters(net: nn.Module) -> int:
    return sum(parameter.numel() for parameter in net.parameters())


def _trainings(about: Mapping[str, Any]) -> Iterator[str]:
    """The last training, and below it those that it went on from."""
    before = about.get("started_from")
    yield from _about_table({name: value for name, value in about.items() if name != "started_from"})
    if before:
        yield from ("", "### Before that", *_trainings(before))


def _about_table(about: Mapping[str, Any]) -> Iterator[str]:
    yield from ("| what | value |", "| --- | --- |")
    for name, value in sorted(about.items(), key=lambda item: isinstance(item[1], Mapping)):
        yield f"| {_words(name)} | {_value(value)} |"


def _value(value: Any) -> str:
    """A number, or all that a mapping holds, in one line."""
    if isinstance(value, Mapping):
        return ", ".join(
            f"{_words(name)} ({_value(part)})" if isinstance(part, Mapping) else f"{_words(name)} {_value(part)}"
            for name, part in value.items()
        )
    if isinstance(value, float):
        return f"{value:.4g}"
    return ", ".join(map(_value, value)) if isinstance(value, list) else str(value)


def _words(name: str) -> str:
    return name.replace("_", " ")


def _figure_tables(figures: Mapping[str, Any]) -> Iterator[str]:
    """The tables of the terminal, as Markdown; raises BadInput where the figures are not as the benchmark writes them.

    Which groups there are depends on what was measured.
    """
    try:
        tables = [world_table(figures)] if "kinds" in figures else []
        tables.append(groups_table(figures))
    except (KeyError, TypeError) as error:
        raise BadInput(
            f"the figures are not as this hiwm writes them ({error!r}); measure again with hiwm bench world"
        ) from error
    for table in tables:
        if table.row_count:
            yield from ("", *([f"{table.title}:", ""] if table.title else []), *_markdown(table))


def _markdown(table: Table) -> Iterator[str]:
    columns = [[_cell(column.header), *map(_cell, column.cells)] for column in table.columns]
    for k, row in enumerate(zip(*columns, strict=True)):
        yield f"| {' | '.join(row)} |"
        if k == 0:
            yield "|" + " --- |" * len(row)


def _cell(shown: Any) -> str:
    text = str(shown)
    for mark, instead in (("[bold]", "**"), ("[/bold]", "**"), ("[dim]", "("), ("[/dim]", ")")):
        text = text.replace(mark, instead)
    return Text.from_markup(text).plain.replace("|", "\\|")
