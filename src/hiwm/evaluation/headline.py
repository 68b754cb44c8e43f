"""Says in one sentence whether it worked; an interval that reaches zero is said first."""

from __future__ import annotations

from hiwm.evaluation.paired import Difference
from hiwm.evaluation.success import Rate


def headline(title: str, against_title: str, rate: Rate, against: Rate, difference: Difference) -> str:
    """The difference between two policies with its interval, in plain words."""
    rates = (
        f"{title} succeeds in {percent(rate.rate)} of {difference.n} unseen scenes, "
        f"{lowered(against_title)} in {percent(against.rate)}: {gap(difference)}."
    )
    first = {
        "better": "",
        "worse": "It got worse. ",
        "unclear": "No difference is shown: the interval reaches zero. ",
    }[difference.verdict]
    return first + rates


def gap(difference: Difference) -> str:
    """`+18.5 points (95 %: +10.0 to +27.0)`."""
    low, high = difference.interval_95
    return f"{points(difference.value)} points (95 %: {points(low)} to {points(high)})"


def points(share: float) -> str:
    """Percentage points with a sign; zero has none."""
    value = round(100 * share, 1)
    return "0.0" if value == 0 else f"{value:+.1f}".replace("-", "−")


def percent(share: float) -> str:
    """`71.0 %`."""
    return f"{100 * share:.1f} %"


def lowered(title: str) -> str:
    """A title within a sentence; abbreviations stay."""
    return title if title[:2].isupper() else title[:1].lower() + title[1:]
