"""Pieces of HTML that the sections of a report page are put together from."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape


def section(title: str, about: str, *cards: str) -> str:
    """A heading, a sentence about it, and one card, or several side by side."""
    body = f'<div class="two">{"".join(cards)}</div>' if len(cards) > 1 else "".join(cards)
    return f"<section><h2>{escape(title)}</h2><p>{escape(about)}</p>{body}</section>"


def card(body: str) -> str:
    """A framed area that scrolls sideways where it is too narrow."""
    return f'<div class="card scroll">{body}</div>'


def table(head: Sequence[str], rows: Sequence[str]) -> str:
    """A table; names of columns that begin with `#` stand above numbers."""
    cells = "".join(
        f'<th class="num">{escape(name[1:])}</th>' if name.startswith("#") else f"<th>{escape(name)}</th>"
        for name in head
    )
    return f"<table><thead><tr>{cells}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def row(*cells: str, kind: str = "") -> str:
    """A line of a table."""
    return f'<tr class="{kind}">{"".join(cells)}</tr>'


def name(title: str, about: str = "") -> str:
    """The first cell of a line: what it is about."""
    told = f'<span class="about">{escape(about)}</span>' if about else ""
    return f"<td><b>{escape(title)}</b>{told}</td>"


def text(words: str, kind: str = "") -> str:
    """A cell of words."""
    return f'<td class="{kind}">{escape(words)}</td>'


def number(words: str, kind: str = "", below: str = "") -> str:
    """A cell of a number, with a fainter one below."""
    told = f'<br><span class="muted">{escape(below)}</span>' if below else ""
    return f'<td class="num {kind}">{escape(words)}{told}</td>'


def bar(svg: str) -> str:
    """A cell with an interval."""
    return f'<td class="bar">{svg}</td>'


def notes(lines: Sequence[str]) -> str:
    """Warnings as a list; nothing without any."""
    return f'<ul class="notes">{"".join(f"<li>{escape(line)}</li>" for line in lines)}</ul>' if lines else ""
