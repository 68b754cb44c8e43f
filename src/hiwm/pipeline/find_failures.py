"""`hiwm find-failures`: rollouts in, the inbox out: failure states, ranked, rewound to where they began to go wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from hiwm.data import drawing
from hiwm.errors import BadInput
from hiwm.pipeline.rollout import require_rollout
from hiwm.runfolder import read_json, write_json
from hiwm.session.file import SessionFile
from hiwm.session.inbox import InboxItem, Signs, failures_of, ranked
from hiwm.types import Picture

INBOX = "inbox.json"
SHEET = "inbox.png"
ROWS = 24
_SIDE, _GAP, _LEFT = 104, 8, 190


@dataclass(frozen=True)
class Inbox:
    """The failures among some attempts, those first that are offered first."""

    attempts: int
    items: tuple[InboxItem, ...]

    def to_json(self) -> dict[str, Any]:
        """JSON-ready; `read_inbox` reads it."""
        kinds = sorted({str(item.why) for item in self.items})
        counts = {why: sum(item.why == why for item in self.items) for why in kinds}
        items = [item.to_json() for item in self.items]
        return {"attempts": self.attempts, "failures": len(items), "why": counts, "items": items}


def find_all_failures(folder: Path, signs: Signs | None = None) -> Inbox:
    """Writes `inbox.json` and `inbox.png` beside the sessions of a rollout; the same sessions give the same inbox.

    Raises BadInput where the folder holds no finished rollout.
    """
    sessions = require_rollout(folder)
    inbox = Inbox(len(sessions), tuple(ranked(failures_of(sessions, signs))))
    if inbox.items:
        _sheet(folder, inbox.items[:ROWS]).save(folder / SHEET)
    write_json(folder / INBOX, inbox.to_json())
    return inbox


def read_inbox(folder: Path) -> Inbox:
    """The inbox of a rollout's folder; raises BadInput where there is none."""
    path = folder / INBOX
    if not path.is_file():
        raise BadInput(f"expected an inbox at {path}, found none; make it with hiwm find-failures {folder}")
    try:
        data = read_json(path)
        return Inbox(int(data["attempts"]), tuple(InboxItem.from_json(item) for item in data["items"]))
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{path} is damaged ({error}); make it again with hiwm find-failures {folder}") from error


def _sheet(folder: Path, items: Sequence[InboxItem]) -> Image.Image:
    """A strip of pictures for each item, from where an operator begins to the end of the attempt."""
    columns, margin = max(len(item.thumbnails) for item in items), drawing.MARGIN
    width = 2 * margin + _LEFT + columns * (_SIDE + _GAP) - _GAP
    sheet = Image.new("RGB", (width, 2 * margin + len(items) * (_SIDE + _GAP) - _GAP), drawing.BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    for row, item in enumerate(items):
        top = margin + row * (_SIDE + _GAP)
        steps, pictures = _strip(folder / "sessions" / item.session, item)
        drawing.text(draw, (margin, top + 6), item.session.removesuffix(".hiwm"), size=15)
        drawing.text(draw, (margin, top + 30), str(item.why).replace("_", " "), drawing.RED, size=14)
        drawing.text(draw, (margin, top + 52), f"steps {steps[0]} to {steps[-1]}", drawing.MUTED, size=14)
        drawing.text(draw, (margin, top + 74), f"score {item.score:.2f}", drawing.MUTED, size=14)
        for column, picture in enumerate(pictures):
            drawing.paste(sheet, picture, (margin + _LEFT + column * (_SIDE + _GAP), top, _SIDE, _SIDE))
    return sheet


def _strip(path: Path, item: InboxItem) -> tuple[list[int], list[Picture]]:
    file = SessionFile.open(path, read_only=True, sealed=True)
    try:
        steps = [file.rows()[node].step for node in item.thumbnails]
        return steps, [next(iter(file.observation(node).images.values())) for node in item.thumbnails]
    finally:
        file.close()
