"""The charts of a report page: gain against correction volume, agreement, cost."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from hiwm.evaluation.charts import Axis, Line, Point, line_chart, percent, scatter_chart
from hiwm.evaluation.html_parts import card, name, notes, number, row, section, table, text

AGREEMENTS = (("counted", "chosen"), ("by progress inside", "progress"), ("all policies", "all"))


def volume(report: Mapping[str, Any]) -> str:
    """Success over the volume of corrections; left out with fewer than two policies."""
    found = report["volume"]
    if len(found) < 2:
        return ""
    ends = [one["interval_95"] for one in found]
    dots = [
        Point(one["share"], one["rate"], low, high, one["title"]) for one, (low, high) in zip(found, ends, strict=True)
    ]
    most = max(0.4, max(point.x for point in dots) * 1.1)
    across = Axis("corrections, share of the base data", percent, 0, most)
    chart = line_chart(
        [Line("success outside, 95 %", "a", dots)], across, Axis("success", percent, 0, 1), "gain by volume"
    )
    rows = [row(name(one["title"]), number(percent(one["share"])), number(percent(one["rate"]))) for one in found]
    return section(
        "More corrections, more success?",
        "Corrections count in steered frames, as a share of the base data.",
        card(chart),
        card(table(("policy", "#corrections", "#success"), rows)),
    )


def agreement(report: Mapping[str, Any]) -> str:
    """Success inside against outside, and what is wanting."""
    found = report["agreement"]
    if found is None:
        return ""
    dots = [
        Point(one["outside"], one["inside"], name=one["policy"], faint=not one["chosen"]) for one in found["policies"]
    ]
    axes = Axis("success outside", percent, 0, 1), Axis("success in the world", percent, 0, 1)
    rows = [_agreement_row(title, found[key]) for title, key in AGREEMENTS if found[key] is not None]
    told = (
        f'{_episodes(found["episodes"])}<p class="muted">Counted: {escape(found["rule"])}. '
        "MMRV: mean maximum rank violation, 0 is best (SIMPLER).</p>"
    )
    return section(
        "Does the world say what the outside says?",
        "One dot for each policy; on the dashed line both agree. Grey ones do not count.",
        card(scatter_chart(dots, *axes, "success inside against outside")),
        card(table(("", "#Pearson", "#Spearman", "#MMRV"), rows) + told + notes(found["warnings"])),
    )


def cost(report: Mapping[str, Any]) -> str:
    """Correcting on hardware against correcting in the world, over the number of scenes."""
    found = report["cost"]
    curve = found["curve"]
    most = max(max(one["hardware_usd"], one["world_usd"]) for one in curve)
    lines = [
        Line("on hardware", "b", [Point(one["scenes"], one["hardware_usd"]) for one in curve]),
        Line("in the world", "a", [Point(one["scenes"], one["world_usd"]) for one in curve]),
    ]
    scenes = Axis("scenes", _whole, 0, curve[-1]["scenes"])
    chart = line_chart(lines, scenes, Axis("USD", _whole, 0, most), "cost by scenes")
    measured = report["cost_measured"]
    rows = [
        row(text(key.replace("_", " ")), number(f"{value:,.4g}"), text("this run" if key in measured else "", "muted"))
        for key, value in found["inputs"].items()
    ]
    return section("What it costs", _cost_told(found), card(chart), card(table(("input", "#value", ""), rows)))


def _cost_told(found: Mapping[str, Any]) -> str:
    even = found["break_even_scenes"]
    told = "never pays off with these inputs" if even is None else f"pays off from {even:,.0f} scenes on"
    return (
        f"The world {told}: a scene costs {found['hardware_usd_per_scene']:,.2f} USD on hardware and "
        f"{found['world_usd_per_scene']:,.2f} USD in the world, which costs {found['world_fixed_usd']:,.0f} USD once. "
        "A model, not an account: every input is an assumption but for those that this run has measured."
    )


def _agreement_row(title: str, figures: Mapping[str, Any]) -> str:
    cells = (figures[key] for key in ("pearson", "spearman", "mmrv"))
    return row(name(title, f"{figures['n']} policies"), *(_figure(figure) for figure in cells))


def _figure(figure: Mapping[str, Any]) -> str:
    if figure["value"] is None:
        return number("–")
    interval = figure["interval_95"]
    return number(f"{figure['value']:.3f}", below=f"{interval[0]:.2f} to {interval[1]:.2f}" if interval else "")


def _episodes(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return '<p class="muted">No trial is in both, so single episodes are not compared.</p>'
    parts = []
    for title, key in (("all", "agree"), ("successes outside", "of_successes"), ("failures outside", "of_failures")):
        figure = found[key]
        if figure["value"] is not None:
            low, high = figure["interval_95"]
            parts.append(f"{title} {percent(figure['value'])} ({percent(low)} – {percent(high)})")
    return f"<p>The same verdict on single episodes: {'; '.join(parts)}.</p>"


def _whole(value: float) -> str:
    return f"{value:,.0f}"
