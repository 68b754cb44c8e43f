"""What is wrong with single episodes or with the whole of a dataset, each with what to do about it."""

from __future__ import annotations

import hashlib
import shlex
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hiwm.data.columns import Columns
from hiwm.data.coverage import NumberCoverage, still_steps
from hiwm.data.frame_cache import Frames
from hiwm.data.source import Source
from hiwm.spec import NumberSpec
from hiwm.types import Floats

TIME_TOLERANCE_S = 1e-3


@dataclass(frozen=True)
class CheckLimits:
    """When an episode is reported.

    idle_s: no action changes for longer. short_s: the episode is shorter. jump_share: an action changes by more than
    this share of its range in one step (numbers that switch, like a gripper's, are exempt). thin_share: a number
    occupies fewer of its bins.
    """

    idle_s: float = 2.0
    short_s: float = 1.0
    jump_share: float = 0.5
    thin_share: float = 0.25


@dataclass(frozen=True)
class Finding:
    """One thing to fix. kind: a short name. episodes: those it is about, () for the dataset as a whole."""

    kind: str
    episodes: tuple[int, ...]
    text: str
    fix: str


def episode_findings(
    source: Source, columns: Columns, frames: Sequence[Frames], limits: CheckLimits
) -> Iterator[Finding]:
    """Findings about single episodes, those of one kind together."""
    yield from _undecodable(source, frames)
    for kind, episodes, text, fix in (
        ("not finite", _not_finite(source, columns), "NaN or infinity in action or state", ""),
        (
            "timestamps",
            _bad_times(source, columns),
            f"timestamps that are not {source.spec.fps} a second from 0",
            "resample to the rate of the dataset, or record with a steady clock",
        ),
        (
            "jump",
            _jumps(source, columns.action_na, limits.jump_share),
            f"an action changes by more than {limits.jump_share:.0%} of its range within one step",
            "look for dropped frames, a handover or an angle that wraps; cut the episode there or unwrap the angle",
        ),
        (
            "idle",
            _idle(source, columns.action_na, limits.idle_s),
            f"no action changes for more than {limits.idle_s:g} s",
            "cut the pause: a policy learns to stand still from it",
        ),
        ("short", _short(source, limits.short_s), f"shorter than {limits.short_s:g} s, probably stopped at once", ""),
        (
            "duplicate",
            _duplicates(source, columns, frames),
            "same actions, states and last pictures as an earlier one; counts twice and leaks into evaluation",
            "",
        ),
    ):
        if episodes:
            yield Finding(kind, tuple(episodes), text, fix or remove_command(source, episodes))


def remove_command(source: Source, episodes: Sequence[int]) -> str:
    """The shell command that writes the dataset without some episodes beside it (lerobot 0.6.1)."""
    root = source.folder.resolve()
    kept = root.with_name(root.name + "_kept")
    command = (
        f"lerobot-edit-dataset --repo_id {shlex.quote(f'local/{root.name}')} --root {shlex.quote(str(root))} "
        f"--new_root {shlex.quote(str(kept))} --operation.type delete_episodes "
        f"--operation.episode_indices '{list(episodes)}'"
    )
    if source.task is None:
        return command
    return f"{command} && cp {shlex.quote(f'{root}/meta/hiwm.json')} {shlex.quote(f'{kept}/meta')}"


def coverage_findings(
    source: Source, action: Sequence[NumberCoverage], ends: dict[str, int], limits: CheckLimits
) -> Iterator[Finding]:
    """Findings about the dataset as a whole: what of the robot's abilities and of the outcomes is missing in it."""
    fixed = [n.name for n in action if n.still == 1]
    thin = [f"{n.name} ({n.occupied:.0%})" for n in action if n.still < 1 and n.occupied < limits.thin_share]
    outside = [f"{n.name} ({n.outside:.0%})" for n in action if n.outside > 0]
    record = "record edge episodes that sweep it (hiwm collect --edges), or do not act there"
    if fixed:
        yield Finding("never moves", (), f"actions that never change: {', '.join(fixed)}", record)
    if thin:
        yield Finding("thin", (), f"actions seen in few parts of their range: {', '.join(thin)}", record)
    if outside:
        text = f"actions beyond the range of the robot spec: {', '.join(outside)}"
        yield Finding("out of range", (), text, "correct the range in the robot spec, or clip the recording")
    if not ends.get("success") and not ends.get("failure"):
        fix = f"label episodes with: hiwm data label {source.folder}"
        yield Finding("no labels", (), "nothing says which episodes succeed", fix)
    elif not ends.get("failure"):
        fix = "a judge cannot learn what failure looks like: keep failed episodes, or collect some (--failures)"
        yield Finding("no failures", (), "no episode ends in failure", fix)


def _undecodable(source: Source, frames: Sequence[Frames]) -> Iterator[Finding]:
    for camera in frames:
        by_reason: dict[str, list[int]] = defaultdict(list)
        for episode, why in camera.defects.items():
            by_reason[why].append(episode)
        for why, episodes in by_reason.items():
            yield Finding("pictures", tuple(episodes), f"{camera.camera}: {why}", remove_command(source, episodes))


def _not_finite(source: Source, columns: Columns) -> list[int]:
    both_nk = np.concatenate([columns.action_na, columns.state_ns], axis=1)
    sound_n = np.asarray(np.isfinite(both_nk).all(axis=1))
    return [e for e in range(source.episodes.count) if not sound_n[source.episodes.rows(e)].all()]


def _bad_times(source: Source, columns: Columns) -> list[int]:
    bad = []
    for episode, length in enumerate(source.episodes.length_e.tolist()):
        expected = np.arange(length) / source.spec.fps
        if np.abs(columns.time_n[source.episodes.rows(episode)] - expected).max(initial=0) > TIME_TOLERANCE_S:
            bad.append(episode)
    return bad


def _jumps(source: Source, action_na: Floats, jump_share: float) -> list[int]:
    specs = source.spec.action
    counted = [a for a, spec in enumerate(specs) if spec.high > spec.low and not _switches(spec, action_na[:, a])]
    most_a = jump_share * np.array([specs[a].high - specs[a].low for a in counted])
    step_na = np.abs(np.diff(action_na[:, counted], axis=0))
    far_n = np.append((step_na > most_a).any(axis=1), False)
    far_n[source.episodes.start_e + source.episodes.length_e - 1] = False  # from one episode to the next
    return [e for e in range(source.episodes.count) if far_n[source.episodes.rows(e)].any()]


def _short(source: Source, short_s: float) -> list[int]:
    short: list[int] = np.flatnonzero(source.episodes.length_e < short_s * source.spec.fps).tolist()
    return short


def _switches(spec: NumberSpec, values_n: Floats) -> bool:
    """True for a number that mostly stays where it is or at an end of its range, like a gripper's: it may jump."""
    margin = 0.05 * (spec.high - spec.low)
    at_end = ((values_n < spec.low + margin) | (values_n > spec.high - margin)).mean()
    still = (np.abs(np.diff(values_n)) < 0.01 * (spec.high - spec.low)).mean()
    return bool(max(at_end, still) > 0.8)


def _idle(source: Source, action_na: Floats, idle_s: float) -> list[int]:
    steps = idle_s * source.spec.fps
    still_n = np.asarray(still_steps(action_na, source.spec.action).all(axis=1))
    rows = (source.episodes.rows(episode) for episode in range(source.episodes.count))
    return [e for e, row in enumerate(rows) if longest_run(still_n[row.start : row.stop - 1]) > steps]


def longest_run(flags_n: NDArray[np.bool_]) -> int:
    """Length of the longest stretch of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags_n.astype(np.int8), [0]])))
    return int((edges[1::2] - edges[::2]).max(initial=0))


def _duplicates(source: Source, columns: Columns, frames: Sequence[Frames]) -> list[int]:
    seen: set[bytes] = set()
    again = []
    for episode in range(source.episodes.count):
        rows = source.episodes.rows(episode)
        content = hashlib.sha256(columns.action_na[rows].tobytes() + columns.state_ns[rows].tobytes())
        for camera in frames:
            content.update(camera.pictures_nhwc[rows.stop - 1].tobytes())
        if content.digest() in seen:
            again.append(episode)
        seen.add(content.digest())
    return again
