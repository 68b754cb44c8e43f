"""Pictures of a report: strips and films of failures beside their corrections, read from session files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from hiwm.data.drawing import BACKGROUND
from hiwm.pipeline.film import side_by_side, write_film
from hiwm.session.corrections import Correction, find_corrections
from hiwm.session.file import SessionFile
from hiwm.session.phases import Label
from hiwm.session.standing import labels_of
from hiwm.session.tree import Tree
from hiwm.types import Picture

MOMENTS = 8
STRIP_SIDE = 128
FILM_SIDE = 256
HOLD = 8
"""Pictures for which a film that is shorter than its neighbour shows its end, and both at the end."""


@dataclass(frozen=True)
class Shown:
    """A correction in its session file, and the nodes of both branches from a few steps before the takeover on.

    failed: the branch left alone. doubted: it was read a success, only in doubtful pictures.
    """

    path: Path
    correction: Correction
    failed: tuple[int, ...]
    corrected: tuple[int, ...]
    doubted: bool = False


def corrections_in(sessions: Sequence[Path]) -> Iterator[Shown]:
    """All corrections of these files, with both branches."""
    for path in sessions:
        file = SessionFile.open(path, read_only=True, sealed=True)
        try:
            tree = Tree(file.rows())
            found = find_corrections(file.about.id, tree, file.events(), labels_of(file.events()))
        finally:
            file.close()
        for correction in found:
            lead, alone = correction.lead_in[-4:], correction.replaces
            failed = () if alone is None else _from(tree, lead[0], alone)
            doubted = alone is not None and bool(tree.row(alone).reading.success)
            yield Shown(path, correction, failed, _from(tree, lead[0], correction.end), doubted)


def chosen_shown(found: Sequence[Shown], most: int) -> list[Shown]:
    """What is worth showing: those that made a failure good first, one of each session, spread over the sessions."""
    good = [one for one in found if one.failed and not one.doubted and one.correction.outcome is Label.SUCCESS]
    order = [*good, *(one for one in found if one.failed and one not in good)]
    firsts = list({one.path: one for one in reversed(order)}.values())[::-1]
    firsts.sort(key=lambda one: one not in good)
    keep = [one for one in firsts if one in good] or firsts
    if len(keep) > most:
        keep = [keep[k] for k in np.linspace(0, len(keep) - 1, most).round().astype(int)]
    return keep


def sheet(shown: Shown, media: Path, name: str) -> dict[str, Any]:
    """Writes the pictures of both branches as JPEG files; returns what the page needs to know."""
    file = SessionFile.open(shown.path, read_only=True, sealed=True)
    try:
        fps, correction = file.about.spec.fps, shown.correction
        rows = {
            part: [_shot(file, node, nodes, fps, media, f"{name}-{part}-{k}") for k, node in enumerate(_spread(nodes))]
            for part, nodes in (("failed", shown.failed), ("corrected", shown.corrected))
        }
        steps = len(correction.nodes)
        outcome = "no verdict" if correction.outcome is None else f"ended in {correction.outcome.value}"
        who = correction.operator or correction.device or "an operator"
        why = f" ({correction.reason})" if correction.reason else ""
        about = f"{who} took over{why}, steered {steps} steps ({steps / fps:.1f} s), {outcome}"
        return {"scene": file.about.scene, "about": about, **rows}
    finally:
        file.close()


def film(shown: Shown, media: Path, name: str) -> dict[str, Any]:
    """Writes a film of both branches side by side."""
    file = SessionFile.open(shown.path, read_only=True, sealed=True)
    try:
        pairs = zip(*(_pictures(file, nodes, shown) for nodes in (shown.failed, shown.corrected)), strict=True)
        frames = [side_by_side({"left alone": left, "corrected": right}, FILM_SIDE) for left, right in pairs]
        write_film(media / f"{name}.mp4", frames, file.about.spec.fps)
        Image.fromarray(frames[len(frames) // 2]).save(media / f"{name}.jpg", quality=85)
        return {"file": f"media/{name}.mp4", "poster": f"media/{name}.jpg", "caption": file.about.scene}
    finally:
        file.close()


def _from(tree: Tree, first: int, end: int) -> tuple[int, ...]:
    path = tree.path(end)
    return tuple(path[path.index(first) :]) if first in path else tuple(path)


def _spread(nodes: Sequence[int]) -> list[int]:
    if len(nodes) <= MOMENTS:
        return list(nodes)
    return [nodes[k] for k in np.linspace(0, len(nodes) - 1, MOMENTS).round().astype(int)]


def _shot(file: SessionFile, node: int, nodes: Sequence[int], fps: int, media: Path, name: str) -> dict[str, Any]:
    row = file.rows()[node]
    Image.fromarray(_picture(file, node)).resize((STRIP_SIDE, STRIP_SIDE)).save(media / f"{name}.jpg", quality=82)
    kind = "steered person" if row.takeover is not None else "policy"
    if node == nodes[-1]:
        kind = "end-good" if row.reading.success else "end-bad"
    return {"file": f"media/{name}.jpg", "step": row.step, "seconds": row.step / fps, "kind": kind}


def _picture(file: SessionFile, node: int) -> Picture:
    return next(iter(file.observation(node).images.values()))


def _pictures(file: SessionFile, nodes: Sequence[int], shown: Shown) -> list[Picture]:
    """One picture a step, the last held until the longer branch has ended; steered steps have a blue frame."""
    steered = set(shown.correction.nodes)
    pictures = [_framed(_picture(file, node), node in steered) for node in nodes]
    longest = max(len(shown.failed), len(shown.corrected)) + HOLD
    return pictures + [pictures[-1]] * (longest - len(pictures))


def _framed(picture: Picture, steered: bool) -> Picture:
    edge = max(1, picture.shape[0] // 64)
    framed = np.empty((picture.shape[0] + 2 * edge, picture.shape[1] + 2 * edge, 3), np.uint8)
    framed[:] = (110, 162, 255) if steered else BACKGROUND
    framed[edge:-edge, edge:-edge] = picture
    return framed
