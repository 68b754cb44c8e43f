"""`hiwm data check`: what is in a dataset, how much of the robot's abilities it covers, and what to fix in it."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hiwm.data.columns import Columns, read_columns
from hiwm.data.coverage import NumberCoverage, draw_heat, number_coverage, picture_coverage
from hiwm.data.findings import CheckLimits, Finding, coverage_findings, episode_findings
from hiwm.data.frame_cache import Frames, Size, open_frames
from hiwm.data.source import Source
from hiwm.spec import CameraSpec

FULL_SIZE = 256
"""Larger pictures are checked at half, a third ... of their size, so that the cache stays small."""
BARS = "·▁▂▃▄▅▆▇█"


@dataclass(frozen=True)
class DataReport:
    """What a check found. kinds and ends count episodes, drivers count frames; visited is by camera, 0..1."""

    folder: str
    robot_type: str
    episodes: int
    frames: int
    hours: float
    kinds: Mapping[str, int]
    drivers: Mapping[str, int]
    ends: Mapping[str, int]
    action: tuple[NumberCoverage, ...]
    state: tuple[NumberCoverage, ...]
    visited: Mapping[str, float]
    heat_map: str | None
    findings: tuple[Finding, ...]

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready dict."""
        return dataclasses.asdict(self)

    def lines(self) -> list[str]:
        """The report as lines for a terminal, at most about 110 characters wide but for the findings."""
        lines = [
            f"{self.folder}: {self.episodes} episodes, {self.frames} frames, {self.hours:.2f} h ({self.robot_type})",
            *(_counts(title, counts) for title, counts in self._counted() if counts),
            *_number_lines("action", self.action),
            *_number_lines("state", self.state),
            *(f"{camera}: something moved in {share:.0%} of the picture" for camera, share in self.visited.items()),
        ]
        if self.heat_map:
            lines.append(f"heat map: {self.heat_map}")
        if not self.findings:
            return [*lines, "nothing to fix"]
        lines.append(f"{len(self.findings)} things to look at:")
        for finding in self.findings:
            lines += [f"  {finding.kind}: {_subject(finding)}{finding.text}", f"      fix: {finding.fix}"]
        return lines

    def _counted(self) -> tuple[tuple[str, Mapping[str, int]], ...]:
        return ("episodes by kind", self.kinds), ("episodes by end", self.ends), ("frames by driver", self.drivers)


def check_dataset(
    source: Source, heat_map: Path | None = None, limits: CheckLimits | None = None, show: bool = True
) -> DataReport:
    """Checks a dataset; its pictures are decoded into the frame cache. heat_map: where to write the PNG, None for none.

    A defect of single episodes is a finding. Raises BadDataset only where the dataset as a whole cannot be read.
    """
    limits = limits or CheckLimits()
    columns = read_columns(source)
    frames = [open_frames(source, c.name, columns.time_n, check_size(c), show) for c in source.spec.cameras]
    pool, inner = _sound_frames(source, frames), _inner_steps(source)
    pictures = [picture_coverage(camera, pool) for camera in frames] if len(pool) else []
    if heat_map is not None and pictures:
        draw_heat(pictures, f"{source.folder.resolve().name}: where things moved", heat_map)
    action = number_coverage(source.spec.action, columns.action_na, inner)
    ends = _ends(source, columns)
    episodes = source.episodes
    return DataReport(
        folder=str(source.folder),
        robot_type=source.spec.robot_type,
        episodes=episodes.count,
        frames=episodes.frames,
        hours=episodes.frames / source.spec.fps / 3600,
        kinds=_count([columns.kind.at(i) for i in episodes.start_e.tolist()] if columns.kind else []),
        drivers=_count([columns.driver.vocabulary[c] for c in columns.driver.codes_n] if columns.driver else []),
        ends=ends,
        action=action,
        state=number_coverage(source.spec.state, columns.state_ns, inner),
        visited={p.camera: p.visited for p in pictures},
        heat_map=str(heat_map) if heat_map is not None and pictures else None,
        findings=(
            *episode_findings(source, columns, frames, limits),
            *coverage_findings(source, action, ends, limits),
        ),
    )


def check_size(camera: CameraSpec) -> Size | None:
    """The size at which a camera is checked: its own up to FULL_SIZE pixels, else that divided by a whole number."""
    shrink = -(-max(camera.height, camera.width) // FULL_SIZE)
    return None if shrink == 1 else (max(1, camera.height // shrink), max(1, camera.width // shrink))


def _sound_frames(source: Source, frames: list[Frames]) -> NDArray[np.int64]:
    """The dataset indices of episodes whose pictures could all be decoded."""
    bad = {episode for camera in frames for episode in camera.defects}
    rows = [source.episodes.rows(e) for e in range(source.episodes.count) if e not in bad]
    return np.concatenate([np.arange(0), *(np.arange(row.start, row.stop) for row in rows)])


def _inner_steps(source: Source) -> NDArray[np.bool_]:
    """(N - 1,): True where a frame and the next are of one episode."""
    inner = np.ones(source.episodes.frames - 1, np.bool_)
    inner[source.episodes.start_e[1:] - 1] = False
    return inner


def _ends(source: Source, columns: Columns) -> dict[str, int]:
    last_e = columns.success_n[source.episodes.start_e + source.episodes.length_e - 1]
    return _count(["unknown" if np.isnan(end) else "success" if end else "failure" for end in last_e.tolist()])


def _count(words: list[str]) -> dict[str, int]:
    return dict(sorted(Counter(words).items()))


def _counts(title: str, counts: Mapping[str, int]) -> str:
    return f"{title}: " + ", ".join(f"{name} {count}" for name, count in counts.items())


def _number_lines(title: str, numbers: tuple[NumberCoverage, ...]) -> list[str]:
    if not numbers:
        return []
    width = max(len(number.name) for number in numbers)
    head = f"{title:<{width + 2}} {'range':>19} {'seen':>19}   {'spread over the range':<22} {'filled':>6} {'still':>6}"
    return [head, *(_number_line(number, width) for number in numbers)]


def _number_line(number: NumberCoverage, width: int) -> str:
    peak = max(number.bins)
    levels = [0 if not count else 1 + round((len(BARS) - 2) * (count / peak) ** 0.5) for count in number.bins]
    bars = "".join(BARS[level] for level in levels)
    spans = f"{_span(number.low, number.high)} {_span(number.seen_low, number.seen_high)}"
    shares = f"{number.occupied:>6.0%} {number.still:>6.0%}"
    return f"  {number.name:<{width}} {spans}   {bars:<22} {shares} {number.unit}".rstrip()


def _span(low: float, high: float) -> str:
    return f"{low:>8.3g} ..{high:>8.3g}"


def _subject(finding: Finding) -> str:
    """`episodes 3, 7 and 12 more: `, or nothing for the dataset as a whole."""
    if not finding.episodes:
        return ""
    named = ", ".join(str(episode) for episode in finding.episodes[:8])
    more = f" and {len(finding.episodes) - 8} more" if len(finding.episodes) > 8 else ""
    return f"episode{'s' if len(finding.episodes) > 1 else ''} {named}{more}: "
