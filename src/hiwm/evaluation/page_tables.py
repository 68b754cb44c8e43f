"""The tables of a report page: methods, differences, looks, failures, effort, and where everything comes from."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from hiwm.evaluation.charts import interval_bar
from hiwm.evaluation.headline import percent, points
from hiwm.evaluation.html_parts import bar, card, name, number, row, section, table, text


def methods(report: Mapping[str, Any]) -> str:
    """Success of each method, with its interval on a common axis."""
    rows = []
    for one in report["methods"]:
        low, high = one["interval_95"]
        kind = "main" if one["main"] else ""
        rows.append(
            row(
                name(one["title"], one["about"]),
                number(percent(one["rate"])),
                bar(interval_bar(one["rate"], low, high, (0, 1), kind)),
                number(f"{percent(low)} – {percent(high)}", "muted"),
                number(str(one["n"])),
                number(_or_dash(one["steps"])),
                kind=kind,
            )
        )
    return section(
        "Success outside the world",
        f"{report['scenes']} scenes that no stage has seen, the same for all; measured in {report['outside']}. "
        "Steps: median of the successes.",
        card(table(("method", "#success", "0 – 100 %", "#95 %", "#n", "#steps"), rows)),
    )


def differences(report: Mapping[str, Any]) -> str:
    """Paired differences around zero."""
    found = report["differences"]
    if not found:
        return ""
    reach = max(0.05, *(abs(end) for one in found for end in one["interval_95"]))
    rows = []
    for one in found:
        low, high = one["interval_95"]
        rows.append(
            row(
                name(one["title"]),
                number(points(one["value"]), one["verdict"]),
                bar(interval_bar(one["value"], low, high, (-reach, reach), one["verdict"])),
                number(f"{points(low)} to {points(high)}", "muted"),
                number(_p_value(one["p"])),
                number(f"{one['only_policy']} : {one['only_against']}"),
                number(str(one["n"])),
            )
        )
    return section(
        "Differences in the same scenes",
        "An interval that reaches zero shows no difference. Won alone: scenes that only the first, and only the "
        "second, has won.",
        card(table(("difference", "#points", "around zero", "#95 %", "#p", "#won alone", "#pairs"), rows)),
    )


def failures(report: Mapping[str, Any]) -> str:
    """How many attempts of each method fail in which way."""
    kinds = list(dict.fromkeys(kind for one in report["methods"] for kind in one["failures"]))
    if not kinds:
        return ""
    rows = [
        row(
            name(one["title"]),
            *(number(str(one["failures"].get(kind, 0) or "–")) for kind in kinds),
            number(str(one["n"]), "muted"),
        )
        for one in report["methods"]
    ]
    return section(
        "How attempts fail",
        "Read from progress alone: never touched (progress did not move), lost near the goal (had come to 80 %), "
        "ended worse, stalled (no progress in the last third), out of time (still moving).",
        card(table(("method", *(f"#{kind}" for kind in kinds), "#attempts"), rows)),
    )


def looks(report: Mapping[str, Any]) -> str:
    """Base and post-trained policy where objects, table or surroundings look otherwise."""
    if not report["looks"]:
        return ""
    rows = [_look_row(look, k) for look in report["looks"] for k in range(len(look["rates"]))]
    return section(
        "Under other looks",
        "The same policies where objects, table or surroundings look otherwise than in the data they learned from.",
        card(table(("look", "method", "#success", "0 – 100 %", "#n", "#points", "#95 %"), rows)),
    )


def effort(report: Mapping[str, Any]) -> str:
    """What operators had to do, round by round."""
    if not report["effort"]:
        return ""
    rows = [
        row(
            name(one["title"]),
            *(number(f"{one[key]:,}") for key in ("sessions", "takeovers", "successes", "steered_steps")),
            number(f"{one['steered_minutes']:.1f}"),
            number(_or_dash(one["frames"])),
            number(_or_dash(one["steered_kept"])),
            number("–" if one["share"] is None else percent(one["share"])),
        )
        for one in report["effort"]
    ]
    head = ("#sessions", "#takeovers", "#led to success", "#steered steps", "#minutes", "#frames kept", "#steered kept")
    return section(
        "Operator effort",
        f"Operators: {report['operators'] or 'none'}. Frames kept have passed the quality gates; the share of the base "
        "data counts those that were steered.",
        card(table(("corrections", *head, "#of base data"), rows)),
    )


def provenance(report: Mapping[str, Any]) -> str:
    """Commands, durations and inputs of all stages."""
    if not report["stages"]:
        return ""
    blocks = [_stage(stage) for stage in report["stages"]]
    return section(
        "Where it comes from",
        "The commands that made this run, in order, and the inputs they read, by hash.",
        card("".join(blocks)),
    )


def _stage(stage: Mapping[str, Any]) -> str:
    inputs = [f"{role}: {one['path']}  sha256 {one['hash'][:16]}" for role, one in stage["inputs"].items()]
    took = "not finished" if stage["seconds"] is None else _duration(stage["seconds"])
    said = "\n".join([stage["command"], *inputs])
    return (
        f'<details><summary>{escape(stage["title"])} <span class="muted">· {took}</span></summary>'
        f"<pre>{escape(said)}</pre></details>"
    )


def _look_row(look: Mapping[str, Any], place: int) -> str:
    """One policy under one look; the difference stands in the last line."""
    rate, gap = look["rates"][place], look["difference"]
    low, high = gap["interval_95"]
    least, most = rate["interval_95"]
    last = place == len(look["rates"]) - 1
    return row(
        name(look["look"] if place == 0 else ""),
        text(rate["title"]),
        number(percent(rate["rate"])),
        bar(interval_bar(rate["rate"], least, most, (0, 1), "main" if rate["main"] else "")),
        number(str(rate["n"])),
        number(points(gap["value"]) if last else "", gap["verdict"]),
        number(f"{points(low)} to {points(high)}" if last else "", "muted"),
        kind="" if last else "joined",
    )


def _or_dash(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}"


def _p_value(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.1f} min"
