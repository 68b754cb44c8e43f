"""What operators did in a run, and how large it is beside the data of the base policy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hiwm.data.columns import read_columns
from hiwm.data.source import open_source
from hiwm.pipeline.report_pictures import Shown
from hiwm.pipeline.run_about import CorrectionSet, RunAbout
from hiwm.session.file import SessionFile
from hiwm.session.phases import Label
from hiwm.types import Driver, Kind


def base_frames(about: RunAbout, run: Path) -> int | None:
    """Frames of the demonstrations that the base policy has learned from; None where the run does not say."""
    return None if about.base_dataset is None else demo_frames(run / about.base_dataset)


def demo_frames(dataset: Path) -> int:
    """Frames of the demonstrations in a dataset; of all, where it does not tell kinds apart."""
    source = open_source(dataset)
    kind = read_columns(source).kind
    if kind is None or str(Kind.DEMO) not in kind.vocabulary:
        return source.episodes.frames
    return int(np.sum(kind.codes_n == kind.vocabulary.index(str(Kind.DEMO))))


@dataclass(frozen=True)
class Volume:
    """Frames of a dataset of corrections, and how many of them an operator steered."""

    frames: int
    steered: int


def volume_of(dataset: Path) -> Volume | None:
    """None where there is no such dataset; without a column of drivers all frames count as steered."""
    if not (dataset / "meta" / "info.json").is_file():
        return None
    source = open_source(dataset)
    driver = read_columns(source).driver
    frames = source.episodes.frames
    if driver is None or str(Driver.POLICY) not in driver.vocabulary:
        return Volume(frames, frames)
    return Volume(frames, int(np.sum(driver.codes_n != driver.vocabulary.index(str(Driver.POLICY)))))


def share_of(labels: Sequence[str], about: RunAbout, run: Path, base: int | None) -> float | None:
    """The steered frames of some sets as a share of the base frames; None where either is unknown."""
    volumes = [volume_of(run / one.dataset) for one in about.corrections if one.label in labels]
    known = [volume.steered for volume in volumes if volume is not None]
    return sum(known) / base if base and len(known) == len(volumes) else None


def effort_row(one: CorrectionSet, found: Sequence[Shown], run: Path, base: int | None) -> dict[str, Any]:
    """Takeovers, steered steps and what was kept of one set of corrections."""
    sessions = {shown.path for shown in found}
    steps = sum(len(shown.correction.nodes) for shown in found)
    fps = _fps(next(iter(sessions))) if sessions else 1
    volume = volume_of(run / one.dataset)
    return {
        "title": one.title,
        "sessions": len(sessions),
        "takeovers": len(found),
        "successes": sum(shown.correction.outcome is Label.SUCCESS for shown in found),
        "steered_steps": steps,
        "steered_minutes": steps / fps / 60,
        "steered_s_each": steps / fps / len(found) if found else None,
        "frames": volume and volume.frames,
        "steered_kept": volume and volume.steered,
        "share": volume.steered / base if volume and base else None,
    }


def _fps(path: Path) -> int:
    file = SessionFile.open(path, read_only=True, sealed=True)
    try:
        return file.about.spec.fps
    finally:
        file.close()
