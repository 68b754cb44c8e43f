"""`hiwm agree`: does success inside a world say what success outside is? Figures as JSON, and a scatter plot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hiwm.errors import BadInput
from hiwm.evaluation.agreement import STATISTICS, agreement
from hiwm.evaluation.trials import Trial, read_trials
from hiwm.runfolder import read_json, write_json

FIGURES, PLOT = "agreement.json", "agreement.png"


def agree(inside: Sequence[Path], outside: Sequence[Path], lineage: Path | None, out: Path) -> dict[str, Any]:
    """Compares trials inside with trials outside; writes agreement.json and agreement.png, returns the figures.

    inside, outside: CSVs of trials, several are put together. lineage: a JSON object, policy -> what it descends from.
    """
    found = agreement(read_all(inside), read_all(outside), read_lineage(lineage))
    if lineage is None:
        found["warnings"].insert(
            0, "without --lineage every policy counts as its own: a correlation over relatives lies"
        )
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / FIGURES, found)
    scatter(found, out / PLOT)
    return found


def read_all(files: Sequence[Path], known: Sequence[str] | None = None) -> list[Trial]:
    """The trials of several CSVs; raises BadInput where one is in two of them, or of a policy that is not known."""
    trials: list[Trial] = []
    seen: dict[tuple[str, str, int], Path] = {}
    for file in files:
        for trial in read_trials(file, known):
            key = (trial.policy, *trial.start)
            if key in seen:
                raise BadInput(
                    f"trial {trial.trial} of {trial.policy} in {trial.scene} is in {seen[key]} and in {file}"
                )
            seen[key] = file
            trials.append(trial)
    return trials


def read_lineage(file: Path | None) -> dict[str, str]:
    """Policy -> lineage; raises BadInput."""
    if file is None:
        return {}
    try:
        lineage = read_json(file)
    except (OSError, ValueError) as error:
        raise BadInput(f'expected {file} as JSON, {{"policy": "lineage", ...}}; {type(error).__name__}') from error
    if not isinstance(lineage, dict) or not all(isinstance(name, str) for name in lineage.values()):
        raise BadInput(f'expected {file} to map each policy to a name, {{"policy": "lineage", ...}}')
    return lineage


def in_words(found: Mapping[str, Any]) -> list[str]:
    """What was found, a line for each figure, what is wanting first."""
    lines = [f"note: {warning}" for warning in found["warnings"]]
    for name in ("chosen", "progress", "all"):
        if figures := found[name]:
            told = ", ".join(said(figures, statistic) for statistic in STATISTICS)
            lines.append(f"{name:<9} {figures['n']} policies: {told}")
    if episodes := found["episodes"]:
        names = ("agree", "of_successes", "of_failures")
        parts = [f"{name.replace('_', ' ')} {_share(episodes[name])}" for name in names]
        lines.append(f"episodes  {episodes['n']}: {', '.join(parts)}")
    return lines


def _share(figure: Mapping[str, Any]) -> str:
    if figure["value"] is None:
        return "unknown"
    low, high = figure["interval_95"]
    return f"{figure['value']:.1%} ({low:.0%} .. {high:.0%})"


def scatter(found: Mapping[str, Any], file: Path) -> None:
    """A dot for each policy: inside against outside success."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 5), layout="constrained")
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color="0.8", linewidth=1)
    for row in found["policies"]:
        colour = "#2563eb" if row["chosen"] else "0.6"
        axes.plot(row["outside"], row["inside"], "o", color=colour, markersize=7)
        place, (offset, align) = (row["outside"], row["inside"]), _beside(row, found["policies"])
        axes.annotate(row["policy"], place, offset, textcoords="offset points", fontsize=8, ha=align)
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="success outside", ylabel="success inside the world")
    axes.set_title(_title(found), fontsize=9)
    axes.set_aspect("equal")
    figure.savefig(file, dpi=150)


def _beside(row: Mapping[str, Any], others: Sequence[Mapping[str, Any]]) -> tuple[tuple[int, int], str]:
    """Where a name goes, in points from its dot: on its right, else on its left, else above, where there is room."""
    level = [o["outside"] - row["outside"] for o in others if abs(o["inside"] - row["inside"]) < 0.04]
    if not any(0 < apart < 0.2 for apart in level):
        return (6, 4), "left"
    if not any(-0.2 < apart < 0 for apart in level):
        return (-6, -5), "right"
    return (0, 8), "center"


def _title(found: Mapping[str, Any]) -> str:
    figures = found["chosen"] or found["all"]
    return f"{figures['n']} policies: {said(figures, 'pearson')},\n{said(figures, 'mmrv')}"


def said(figures: Mapping[str, Any], name: str) -> str:
    """`pearson 0.95 (0.81 .. 0.99)`."""
    value, interval = figures[name]["value"], figures[name]["interval_95"]
    if value is None:
        return f"{name} unknown"
    return f"{name} {value:.3f}" + (f" ({interval[0]:.2f} .. {interval[1]:.2f})" if interval else "")
