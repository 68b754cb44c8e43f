"""Renders a report as one HTML page without anything from outside: style, charts, pictures and films are in it."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from html import escape
from pathlib import Path
from typing import Any

from hiwm.evaluation import page_figures, page_tables
from hiwm.evaluation.html_parts import notes

STYLE = Path(__file__).with_name("page.css")
TYPES = {".jpg": "image/jpeg", ".png": "image/png", ".mp4": "video/mp4"}

type Report = Mapping[str, Any]


def render(report: Report, folder: Path) -> str:
    """The page of a report; its pictures and films are files below `folder`."""

    def media(name: str) -> str:
        data = base64.b64encode((folder / name).read_bytes()).decode()
        return f"data:{TYPES[Path(name).suffix]};base64,{data}"

    sections = [
        page_tables.methods(report),
        page_tables.differences(report),
        page_tables.failures(report),
        page_figures.volume(report),
        page_tables.looks(report),
        page_figures.agreement(report),
        page_tables.effort(report),
        page_figures.cost(report),
        _sheets(report, media),
        _films(report, media),
        page_tables.provenance(report),
    ]
    title = f"{report['task']}: {report['headline']['sentence']}"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE.read_text()}</style></head>\n"
        f"<body><main>{_header(report)}\n{''.join(sections)}\n{_footer(report)}</main></body></html>\n"
    )


def _header(report: Report) -> str:
    head = report["headline"]
    tiles = "".join(
        f'<div class="tile"><span class="what">{escape(tile["what"])}</span><b class="{escape(tile["kind"])}">'
        f"{escape(tile['value'])}</b><span>{escape(tile['note'])}</span></div>"
        for tile in report["tiles"]
    )
    return (
        f'<header><p class="over">{escape(report["task"])} · {escape(report["recipe"])} · '
        f"{escape(report['created'])}</p>"
        f'<h1><span class="verdict {head["verdict"]}"></span>{escape(head["sentence"])}</h1>'
        f'<p class="lead">{escape(head["about"])}</p><div class="tiles">{tiles}</div>'
        f"{notes(report['notes'])}</header>"
    )


def _sheets(report: Report, media: Callable[[str], str]) -> str:
    if not report["sheets"]:
        return ""
    blocks = []
    for sheet in report["sheets"]:
        strips = "".join(
            f'<div class="strip"><span class="muted">{name}</span>'
            + "".join(
                f'<figure class="{escape(shot["kind"])}"><img src="{media(shot["file"])}" alt="step {shot["step"]}">'
                f"<figcaption>{shot['seconds']:.1f} s</figcaption></figure>"
                for shot in sheet[row]
            )
            + "</div>"
            for name, row in (("left alone", "failed"), ("corrected", "corrected"))
            if sheet[row]
        )
        blocks.append(
            f'<div class="sheet"><div class="titles"><b>{escape(sheet["scene"])}</b>'
            f"<span>{escape(sheet['about'])}</span></div>{strips}</div>"
        )
    keys = '<div class="keys"><span class="key">steered</span><span class="key good">ended in success</span>'
    return (
        "<section><h2>Failures and their corrections</h2><p>Every pair starts in the same state of the learned world. "
        "Above, the policy goes on alone; below, an operator takes over. All pictures are the world's.</p>"
        f'<div class="card">{keys}<span class="key bad">ended in failure</span></div>{"".join(blocks)}</div></section>'
    )


def _films(report: Report, media: Callable[[str], str]) -> str:
    if not report["films"]:
        return ""
    films = "".join(
        f'<figure><video src="{media(film["file"])}" poster="{media(film["poster"])}" controls muted loop playsinline>'
        "</video>"
        f"<figcaption>{escape(film['caption'])}</figcaption></figure>"
        for film in report["films"]
    )
    return (
        "<section><h2>Films</h2><p>Left alone and corrected, from the same state, side by side.</p>"
        f'<div class="films">{films}</div></section>'
    )


def _footer(report: Report) -> str:
    return (
        f"<footer>hiwm {escape(report['version'])}. Rates have Wilson's 95 % intervals, differences a paired bootstrap "
        "over scenes and McNemar's exact test, agreement a cluster bootstrap over scenes and policies. "
        "Every number here is in report.json.</footer>"
    )
