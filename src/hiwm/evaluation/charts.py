"""Charts of a report as inline SVG; colours come from the page's style, so that they fit its light and dark form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

WIDTH, HEIGHT = 480, 300
LEFT, RIGHT, TOP, BOTTOM = 54, 24, 16, 44

LETTER = 6.2
"""Width of a letter of a label, at most."""

type Box = tuple[float, float, float, float]
"""left, top, right, bottom."""


@dataclass(frozen=True)
class Scale:
    """Maps values low..high to pixels start..end."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Pixels of a value, rounded."""
        span = (self.high - self.low) or 1.0
        return round(self.start + (value - self.low) / span * (self.end - self.start), 1)

    def ticks(self, count: int = 5) -> list[float]:
        """Round values within the scale."""
        step = _round_step((self.high - self.low) / count)
        first = np.ceil(self.low / step - 1e-9) * step
        return [float(v) + 0.0 for v in np.arange(first, self.high + 1e-9 * step, step)]  # + 0.0: no -0


@dataclass(frozen=True)
class Point:
    """A value at x, with the ends of its interval where it has one, and its name."""

    x: float
    y: float
    low: float | None = None
    high: float | None = None
    name: str = ""
    faint: bool = False


@dataclass(frozen=True)
class Line:
    """Points of one colour (`a`, `b`), joined, with a name at the last."""

    name: str
    colour: str
    points: Sequence[Point]


@dataclass(frozen=True)
class Axis:
    """What an axis says: its name, how a value is written, and its range."""

    name: str
    write: Callable[[float], str]
    low: float
    high: float


def percent(value: float) -> str:
    """`40 %`."""
    return f"{100 * value:.0f} %"


def interval_bar(value: float, low: float, high: float, axis: tuple[float, float], kind: str = "") -> str:
    """One value with its interval on a common axis, as wide as its table cell; a line marks zero where it is within.

    kind: a class for its colour (`better`, `worse`, `unclear`, `main`).
    """
    scale = Scale(*axis, 0, 1000)
    zero = f'<line class="zero" x1="{scale(0)}" x2="{scale(0)}" y1="0" y2="24"/>' if axis[0] < 0 < axis[1] else ""
    ends = "".join(f'<line class="end" x1="{scale(x)}" x2="{scale(x)}" y1="7" y2="17"/>' for x in (low, high))
    return (
        f'<svg class="interval {kind}" viewBox="0 0 1000 24" preserveAspectRatio="none" aria-hidden="true">'
        f'<line class="rail" x1="0" x2="1000" y1="12" y2="12"/>{zero}'
        f'<line class="span" x1="{scale(low)}" x2="{scale(high)}" y1="12" y2="12"/>{ends}'
        f'<line class="dot" x1="{scale(value)}" x2="{scale(value)}" y1="12" y2="12"/></svg>'
    )


def line_chart(lines: Sequence[Line], x: Axis, y: Axis, title: str) -> str:
    """Joined points with whiskers, and a legend above."""
    across, up = _scales(x, y)
    body = [_frame(across, up, x, y)]
    for line in lines:
        spots = " ".join(f"{across(p.x)},{up(p.y)}" for p in line.points)
        body.append(f'<polyline class="line {line.colour}" points="{spots}"/>')
        if len(line.points) <= 8:
            body += [_whisker(across, up, p, line.colour) + _dot(across, up, p, line.colour) for p in line.points]
    keys = "".join(f'<span class="key {line.colour}">{escape(line.name)}</span>' for line in lines)
    return f'<div class="keys">{keys}</div>{_svg(body, title)}'


def scatter_chart(points: Sequence[Point], x: Axis, y: Axis, title: str) -> str:
    """Named points around the diagonal on which both sides say the same."""
    across, up = _scales(x, y)
    least, most = max(x.low, y.low), min(x.high, y.high)
    body = [
        _frame(across, up, x, y),
        f'<line class="diagonal" x1="{across(least)}" y1="{up(least)}" x2="{across(most)}" y2="{up(most)}"/>',
    ]
    spots = [(across(p.x), up(p.y)) for p in points]
    for p in points:
        body += [_whisker(across, up, p, "a"), _dot(across, up, p, "faint" if p.faint else "a")]
    return _svg([*body, *_names(spots, [p.name for p in points])], title)


def _names(spots: Sequence[tuple[float, float]], names: Sequence[str]) -> list[str]:
    """A label beside each point, on the first side where it covers neither a point nor another label."""
    boxes = [(x - 6, y - 6, x + 6, y + 6) for x, y in spots]
    labels = []
    for (x, y), name in zip(spots, names, strict=True):
        width = LETTER * len(name)
        sides = [(x + dx if dx > 0 else x + dx - width, y + dy) for dy in (4, 15, -8, 27, -20) for dx in (9, -9)]
        places = [(left, low - 10, left + width, low + 2) for left, low in sides]
        inside = [box for box in places if box[0] > LEFT and box[2] < WIDTH] or places
        box = next((one for one in inside if not any(_overlap(one, other) for other in boxes)), inside[0])
        boxes.append(box)
        labels.append(f'<text class="name" x="{box[0]:.1f}" y="{box[3] - 2:.1f}">{escape(name)}</text>')
    return labels


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _scales(x: Axis, y: Axis) -> tuple[Scale, Scale]:
    return Scale(x.low, x.high, LEFT, WIDTH - RIGHT), Scale(y.low, y.high, HEIGHT - BOTTOM, TOP)


def _frame(across: Scale, up: Scale, x: Axis, y: Axis) -> str:
    parts = []
    for tick in up.ticks():
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{up(tick)}" y2="{up(tick)}"/>')
        parts.append(f'<text class="tick" x="{LEFT - 8}" y="{up(tick) + 4}" text-anchor="end">{y.write(tick)}</text>')
    for tick in across.ticks():
        place = f'x="{across(tick)}" y="{HEIGHT - BOTTOM + 18}"'
        parts.append(f'<text class="tick" {place} text-anchor="middle">{x.write(tick)}</text>')
    parts.append(f'<line class="base" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{up(y.low)}" y2="{up(y.low)}"/>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(f'<text class="axis" x="{middle}" y="{HEIGHT - 6}" text-anchor="middle">{escape(x.name)}</text>')
    turned = f'transform="rotate(-90)" x="{-(TOP + HEIGHT - BOTTOM) / 2}" y="11" text-anchor="middle"'
    parts.append(f'<text class="axis" {turned}>{escape(y.name)}</text>')
    return "".join(parts)


def _whisker(across: Scale, up: Scale, point: Point, colour: str) -> str:
    if point.low is None or point.high is None:
        return ""
    place = f'x1="{across(point.x)}" x2="{across(point.x)}"'
    return f'<line class="whisker {colour}" {place} y1="{up(point.low)}" y2="{up(point.high)}"/>'


def _dot(across: Scale, up: Scale, point: Point, colour: str) -> str:
    title = f"<title>{escape(point.name)}</title>" if point.name else ""
    return f'<circle class="point {colour}" cx="{across(point.x)}" cy="{up(point.y)}" r="4.5">{title}</circle>'


def _svg(body: Sequence[str], title: str) -> str:
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">'
        f"{''.join(body)}</svg>"
    )


def _round_step(rough: float) -> float:
    """1, 2 or 5 times a power of ten, at least `rough`."""
    power = 10 ** np.floor(np.log10(max(rough, 1e-12)))
    return float(next(power * step for step in (1, 2, 5, 10) if power * step >= rough * 0.999))
