"""Opens any LeRobot v3 dataset: which of its features are cameras, state and action, and what robot it shows.

Datasets that hiwm wrote say more of themselves (`meta/hiwm.json`, extra columns); nothing requires it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hiwm.data.dataset_files import Episodes, read_episodes, read_info, read_parquet, read_stats
from hiwm.data.features import ACTION, STATE, read_sidecar
from hiwm.data.marks import Mark, read_marks
from hiwm.errors import BadDataset, UnknownName
from hiwm.spec import CameraSpec, NumberSpec, RobotSpec

CAMERA_PREFIX = "observation.images."
EXTRA_COLUMNS = ("driver", "kind", "scene", "lapse", "truth")
"""Columns of hiwm's own datasets beside `success` and `progress`, read where they are."""
PICTURES = ("video", "image")


@dataclass(frozen=True)
class FeatureNames:
    """Which features of the dataset play which part; None where the dataset has none.

    cameras: name that hiwm uses -> feature in the dataset. extra: those of EXTRA_COLUMNS that are there.
    """

    cameras: Mapping[str, str]
    state: str | None
    action: str
    success: str | None
    progress: str | None
    extra: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Source:
    """A dataset that was found readable: its parts are named, its files are there, its contents are not loaded.

    task: hiwm's name of the simulated task, None for other datasets. marks: the labels a person gave, by episode.
    """

    folder: Path
    spec: RobotSpec
    task: str | None
    names: FeatureNames
    features: Mapping[str, Mapping[str, Any]]
    episodes: Episodes
    marks: Mapping[int, Mark]

    @property
    def has_labels(self) -> bool:
        """True when success is known of at least one episode."""
        return self.names.success is not None or any(mark is not Mark.UNSURE for mark in self.marks.values())

    def camera(self, name: str) -> CameraSpec:
        """The camera of that name, with or without `observation.images.`; raises UnknownName."""
        for camera in self.spec.cameras:
            if name in (camera.name, camera.name.removeprefix(CAMERA_PREFIX)):
                return camera
        raise UnknownName("camera", name, self.names.cameras)


def open_source(
    folder: Path,
    cameras: Mapping[str, str] | None = None,
    state: str | None = None,
    action: str | None = None,
    success: str | None = None,
    progress: str | None = None,
) -> Source:
    """Opens a LeRobot v3 dataset with at least one camera and an action.

    cameras: name to use -> feature in the dataset, both with or without `observation.images.`; None takes every colour
    camera under its own name. state, action, success, progress: the features that play these parts where they are not
    called `observation.state`, `action`, `success` and `progress`. Raises BadDataset where the dataset is not whole,
    UnknownName where a given name is not in it.
    """
    info = read_info(folder)
    features: dict[str, Mapping[str, Any]] = info["features"]
    names = FeatureNames(
        cameras=_pick_cameras(folder, features, cameras),
        state=_pick(features, "state", state, STATE),
        action=_pick_action(folder, features, action),
        success=_pick(features, "success column", success, "success"),
        progress=_pick(features, "progress column", progress, "progress"),
        extra=tuple(name for name in EXTRA_COLUMNS if name in features),
    )
    videos = [f for f in dict.fromkeys(names.cameras.values()) if features[f]["dtype"] == "video"]
    episodes = read_episodes(folder, info, videos)
    own = _read_own(folder)
    return Source(
        folder=folder,
        spec=_spec(folder, info, names, episodes, own),
        task=own.get("task"),
        names=names,
        features=features,
        episodes=episodes,
        marks=read_marks(folder, episodes.count),
    )


def _pick_cameras(
    folder: Path, features: Mapping[str, Mapping[str, Any]], wanted: Mapping[str, str] | None
) -> dict[str, str]:
    known = [name for name, feature in features.items() if feature["dtype"] in PICTURES and not _is_depth(feature)]
    if not known:
        raise BadDataset(f"{folder} has no colour camera (a feature of dtype video or image); record with one")
    if wanted is None:
        return {name: name for name in known}
    picked = {}
    for name, feature in wanted.items():
        full = feature if feature in known else CAMERA_PREFIX + feature
        if full not in known:
            raise UnknownName("camera of the dataset", feature, known)
        picked[name if "." in name else CAMERA_PREFIX + name] = full
    return picked


def _is_depth(feature: Mapping[str, Any]) -> bool:
    info = {**(feature.get("video_info") or {}), **(feature.get("info") or {})}
    return bool(info.get("is_depth_map") or info.get("video.is_depth_map"))


def _pick(features: Mapping[str, Any], kind: str, wanted: str | None, default: str) -> str | None:
    if wanted is not None and wanted not in features:
        raise UnknownName(kind, wanted, features)
    return wanted or (default if default in features else None)


def _pick_action(folder: Path, features: Mapping[str, Mapping[str, Any]], wanted: str | None) -> str:
    picked = _pick(features, "action", wanted, ACTION)
    if picked is None:
        numeric = sorted(n for n, f in features.items() if "float" in f["dtype"] and n != "timestamp")
        raise BadDataset(f"{folder} has no feature called action; name one with --action: {', '.join(numeric)}")
    return picked


def _read_own(folder: Path) -> dict[str, Any]:
    """`meta/hiwm.json`, which only datasets written by hiwm have; {} for others."""
    own = read_sidecar(folder)
    if own is None:
        return {}
    try:
        return {**own, "spec": RobotSpec.from_json(own["spec"])}
    except (ValueError, TypeError, KeyError) as error:
        raise BadDataset(
            f"{folder}/meta/hiwm.json does not describe a robot ({type(error).__name__}: {error}); restore it, or "
            "delete it to read the dataset without it"
        ) from error


def _spec(
    folder: Path, info: Mapping[str, Any], names: FeatureNames, episodes: Episodes, own: Mapping[str, Any]
) -> RobotSpec:
    features, spec = info["features"], own.get("spec")
    parts = []
    for feature, default, declared in (
        (names.state, STATE, spec and spec.state),
        (names.action, ACTION, spec and spec.action),
    ):
        numbers = _numbers(folder, feature, features, episodes)
        if feature == default and declared is not None:
            if len(declared) != len(numbers):
                raise BadDataset(
                    f"{folder}: meta/hiwm.json describes {len(declared)} numbers of {feature}, meta/info.json "
                    f"{len(numbers)}; delete meta/hiwm.json, the dataset is readable without it"
                )
            numbers = declared
        parts.append(numbers)
    return RobotSpec(
        robot_type=str((spec and spec.robot_type) or info.get("robot_type") or "unknown"),
        fps=round(info["fps"]),
        cameras=tuple(_camera(folder, name, features[feature]) for name, feature in names.cameras.items()),
        state=parts[0],
        action=parts[1],
    )


def _camera(folder: Path, name: str, feature: Mapping[str, Any]) -> CameraSpec:
    shape, axes = list(feature["shape"]), list(feature.get("names") or ())
    if len(shape) == 3 and len(axes) == 3 and str(axes[0]).startswith("channel"):
        shape = [shape[1], shape[2], shape[0]]
    if len(shape) != 3 or shape[2] != 3:
        raise BadDataset(
            f"camera {name} of {folder} has shape {tuple(feature['shape'])}, expected (height, width, 3); "
            "leave it out by naming the other cameras with --camera"
        )
    return CameraSpec(name, int(shape[0]), int(shape[1]))


def _numbers(
    folder: Path, feature: str | None, features: Mapping[str, Mapping[str, Any]], episodes: Episodes
) -> tuple[NumberSpec, ...]:
    """What info.json tells of a feature's numbers; ranges are those that the dataset itself covers."""
    if feature is None:
        return ()
    shape = tuple(features[feature]["shape"])
    if len(shape) != 1 or not features[feature]["dtype"].startswith(("float", "int")):
        raise BadDataset(
            f"{feature} of {folder} is {features[feature]['dtype']} of shape {shape}, expected one row of numbers; "
            "name another feature with --state or --action"
        )
    low, high = read_stats(folder, feature, shape[0]) or _seen_range(feature, shape[0], episodes)
    names = number_names(feature, features[feature].get("names"), shape[0])
    return tuple(NumberSpec(n, "", lo, hi) for n, lo, hi in zip(names, low, high, strict=True))


def number_names(feature: str, names: Any, count: int) -> list[str]:
    """Names of a feature's numbers from any way LeRobot has them: a list, {"motors": [...]}, {"x": 0, "y": 1}, None."""
    if isinstance(names, Mapping):
        lists = [value for value in names.values() if isinstance(value, list)]
        names = [name for part in lists for name in part] if lists else sorted(names, key=lambda name: names[name])
    if isinstance(names, list) and len(names) == count and len(set(names)) == count:
        return [str(name) for name in names]
    return [f"{feature.removeprefix('observation.')}_{i}" for i in range(count)]


def _seen_range(feature: str, count: int, episodes: Episodes) -> tuple[list[float], list[float]]:
    """Lowest and highest finite value in the data itself, for datasets without usable statistics."""
    low, high = np.full(count, np.inf), np.full(count, -np.inf)
    for path in dict.fromkeys(episodes.data_files):
        cells = read_parquet(path, [feature]).column(feature).to_pylist()
        rows = [np.ravel(cell) for cell in cells if np.size(cell) == count]
        values = np.array(rows, np.float64).reshape(-1, count)
        finite = np.isfinite(values)
        low = np.minimum(low, values.min(axis=0, where=finite, initial=np.inf))
        high = np.maximum(high, values.max(axis=0, where=finite, initial=-np.inf))
    seen = np.isfinite(low)
    return np.where(seen, low, 0.0).tolist(), np.where(seen, high, 0.0).tolist()
