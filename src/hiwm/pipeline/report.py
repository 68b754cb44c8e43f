"""`hiwm report`: gathers a run's figures in report.json, and makes one self-contained page of it."""

from __future__ import annotations

import shutil
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hiwm import __version__
from hiwm.evaluation.agreement import agreement
from hiwm.evaluation.cost import CostInputs, cost_figures
from hiwm.evaluation.headline import gap, headline, percent, points
from hiwm.evaluation.page import render
from hiwm.evaluation.paired import Difference, paired_difference
from hiwm.evaluation.success import success_rate
from hiwm.evaluation.trials import Trial, policies_of
from hiwm.pipeline.agree import FIGURES, read_all, read_lineage
from hiwm.pipeline.evaluate import TRIALS
from hiwm.pipeline.report_effort import base_frames, effort_row, share_of
from hiwm.pipeline.report_pictures import Shown, chosen_shown, corrections_in, film, sheet
from hiwm.pipeline.run_about import LINEAGE, RunAbout, read_about
from hiwm.pipeline.run_stages import told_stages
from hiwm.runfolder import read_json, recover_folder, replace_folder, write_bytes, write_json

SHEETS, FILMS = 8, 4
DATA, PAGE = "report.json", "index.html"


def report(run: Path, trials: Sequence[Path] = ()) -> Path:
    """Writes RUN/report with report.json and index.html; returns the page. Raises BadInput for another folder.

    trials: CSVs of trials of the run's policies, on a robot for example, that stand in for the run's own outside.
    """
    about = read_about(run)
    if trials:
        read_all(trials, _known(about, run))
        about = replace(
            about, outside=tuple(str(file.resolve()) for file in trials), looks={}, agreement=None,
            outside_is=", ".join(file.name for file in trials),
        )  # fmt: skip
    place, built = run / "report", run / "report.tmp"
    recover_folder(place)
    shutil.rmtree(built, ignore_errors=True)
    (built / "media").mkdir(parents=True)
    found = gathered(about, run, built)
    write_json(built / DATA, found)
    write_bytes(built / PAGE, render(found, built).encode())
    replace_folder(built, place)
    return place / PAGE


def gathered(about: RunAbout, run: Path, folder: Path) -> dict[str, Any]:
    """All that the page says, JSON-ready; pictures and films are written below `folder`."""
    trials = read_all([_csv(run / place) for place in about.outside])
    corrections = {one.label: list(corrections_in(_sessions(run / one.sessions))) for one in about.corrections}
    base = base_frames(about, run)
    effort = [effort_row(one, corrections[one.label], run, base) for one in about.corrections]
    learned_from = about.method(about.main).corrections
    spent = [row for one, row in zip(about.corrections, effort, strict=True) if one.label in learned_from]
    main = paired_difference(trials, about.main, about.against)
    shown = chosen_shown([one for found in corrections.values() for one in found], SHEETS)
    inputs, measured = _cost_inputs(about, effort)
    inside_out = _agreement(about, run, trials)
    return {
        "version": __version__,
        "task": about.task,
        "recipe": about.recipe,
        "created": about.created,
        "outside": about.outside_is,
        "operators": about.operators,
        "scenes": len({trial.scene for trial in trials}),
        "headline": _headline(about, trials, main),
        "tiles": _tiles(main, share_of(learned_from, about, run, base), inside_out, spent),
        "notes": _notes(trials),
        "methods": [_method_row(about, trials, label) for label in _labels(about, trials)],
        "differences": _differences(about, trials),
        "volume": _volume(about, trials, run, base),
        "looks": [_look(about, look, run / place) for look, place in about.looks.items()],
        "agreement": inside_out,
        "effort": effort,
        "cost": cost_figures(inputs),
        "cost_measured": measured,
        **_pictures(shown, folder / "media"),
        "stages": told_stages(run),
    }


def _known(about: RunAbout, run: Path) -> list[str]:
    """The policies that trials may be of: the run's methods, and whoever else the run has tried."""
    tried = [file for place in (*about.outside, *about.inside) if (file := _csv(run / place)).is_file()]
    others = [label for file in tried for label in policies_of(read_all([file]))]
    return list(dict.fromkeys([*(method.label for method in about.methods), *others]))


def _agreement(about: RunAbout, run: Path, outside: Sequence[Trial]) -> dict[str, Any] | None:
    """The run's own figures, or new ones where other trials stand in; None where there is nothing to compare."""
    if about.agreement is not None:
        return read_json(run / about.agreement / FIGURES)
    inside = read_all([_csv(run / place) for place in about.inside])
    if len({trial.policy for trial in inside} & {trial.policy for trial in outside}) < 2:
        return None
    lineage = run / LINEAGE
    return agreement(inside, outside, read_lineage(lineage if lineage.is_file() else None))


def _csv(place: Path) -> Path:
    """Trials of an evaluation's folder, or that file itself."""
    return place if place.suffix == ".csv" else place / TRIALS


def _sessions(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.hiwm"))


def _labels(about: RunAbout, trials: Sequence[Trial]) -> list[str]:
    """The run's methods that were tried, then whoever else was."""
    tried = policies_of(trials)
    first = [method.label for method in about.methods if method.label in tried]
    return [*first, *(label for label in tried if label not in first)]


def _title(about: RunAbout, label: str) -> tuple[str, str]:
    found = next((method for method in about.methods if method.label == label), None)
    return (found.title, found.about) if found else (label, "")


def _headline(about: RunAbout, trials: Sequence[Trial], main: Difference) -> dict[str, Any]:
    rate, against = (success_rate(trials, label) for label in (about.main, about.against))
    titles = [_title(about, label)[0] for label in (about.main, about.against)]
    return {
        "sentence": headline(titles[0], titles[1], rate, against, main),
        "verdict": main.verdict,
        "about": f"Measured outside the world model, in {about.outside_is}, in the same {main.scenes} scenes for all "
        f"methods. Scenes that only {titles[0].lower()} won: {main.only_policy}; only {titles[1].lower()}: "
        f"{main.only_against}; exact McNemar test, p {'< 0.001' if main.p < 0.001 else f'= {main.p:.3f}'}.",
    }


def _tiles(
    main: Difference, share: float | None, found: Mapping[str, Any] | None, spent: Sequence[Mapping[str, Any]]
) -> list[dict[str, str]]:
    """What is to be seen first. spent: what operators did for the main policy, controls apart."""
    low, high = main.interval_95
    tiles = [
        _tile("gain over the base policy", f"{points(main.value)} pts", f"95 %: {points(low)} to {points(high)}",
              main.verdict)
    ]  # fmt: skip
    if spent:
        takeovers = sum(row["takeovers"] for row in spent)
        minutes = sum(row["steered_minutes"] for row in spent)
        count = f"{takeovers} takeover" + "s" * (takeovers != 1)
        tiles.append(_tile("operator effort", count, f"{minutes:.1f} minutes steered"))
    if share:
        tiles.append(_tile("corrections learned from", percent(share), "steered frames, of the base data"))
    figures = found and (found["chosen"] or found["all"])
    if figures and figures["pearson"]["value"] is not None:
        interval = figures["pearson"]["interval_95"]
        told = f"{figures['n']} policies, 95 %: {interval[0]:.2f} to {interval[1]:.2f}" if interval else ""
        tiles.append(_tile("world against outside, Pearson", f"{figures['pearson']['value']:.2f}", told))
    return tiles


def _tile(what: str, value: str, note: str, kind: str = "") -> dict[str, str]:
    return {"what": what, "value": value, "note": note, "kind": kind}


def _notes(trials: Sequence[Trial]) -> list[str]:
    """What a reader has to know before believing the rest."""
    counts = {label: sum(trial.policy == label for trial in trials) for label in policies_of(trials)}
    notes = []
    if min(counts.values()) < 100:
        notes.append(f"Few trials ({min(counts.values())} a method): intervals are wide, small gains cannot be seen.")
    if len(set(counts.values())) > 1:
        notes.append("Methods have different numbers of trials; differences are over the common ones.")
    return notes


def _method_row(about: RunAbout, trials: Sequence[Trial], label: str) -> dict[str, Any]:
    title, told = _title(about, label)
    return success_rate(trials, label).to_json() | {"title": title, "about": told, "main": label == about.main}


def _differences(about: RunAbout, trials: Sequence[Trial]) -> list[dict[str, Any]]:
    tried = set(policies_of(trials))
    pairs = [(about.main, about.against), *about.compared]
    found = []
    for first, second in dict.fromkeys(pairs):
        if {first, second} <= tried:
            difference = paired_difference(trials, first, second)
            title = f"{_title(about, first)[0]} over {_title(about, second)[0].lower()}"
            found.append(difference.to_json() | {"title": title, "told": gap(difference)})
    return found


def _volume(about: RunAbout, trials: Sequence[Trial], run: Path, base: int | None) -> list[dict[str, Any]]:
    rows = []
    for label in about.volume:
        share = share_of(about.method(label).corrections, about, run, base)
        if share is not None and label in policies_of(trials):
            rate = success_rate(trials, label)
            rows.append(rate.to_json() | {"share": share, "title": _title(about, label)[0]})
    return rows


def _look(about: RunAbout, look: str, place: Path) -> dict[str, Any]:
    trials = read_all([_csv(place)])
    rates = [
        success_rate(trials, label).to_json() | {"title": _title(about, label)[0], "main": label == about.main}
        for label in policies_of(trials)
    ]
    difference = paired_difference(trials, about.main, about.against)
    return {"look": look, "rates": rates, "difference": difference.to_json()}


def _cost_inputs(about: RunAbout, effort: Sequence[Mapping[str, Any]]) -> tuple[CostInputs, list[str]]:
    """The defaults, with what this run measured or states in their place, and the names of those."""
    known = dict(about.cost)
    steered = [row["steered_s_each"] for row in effort if row["steered_s_each"] is not None]
    if steered:
        known.setdefault("correction_s", statistics.fmean(steered))
    return replace(CostInputs(), **known), list(known)


def _pictures(shown: Sequence[Shown], media: Path) -> dict[str, Any]:
    return {
        "sheets": [sheet(one, media, f"sheet-{k}") for k, one in enumerate(shown)],
        "films": [film(one, media, f"film-{k}") for k, one in enumerate(shown[:FILMS])],
    }
