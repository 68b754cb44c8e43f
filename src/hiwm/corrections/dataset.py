"""Chooses takes from many sessions, and writes them as one LeRobot dataset that says where each came from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hiwm.corrections.episodes import episode_of, is_judged, node_runs
from hiwm.corrections.gates import Gates
from hiwm.corrections.reading import opened
from hiwm.corrections.takes import Rejected, Shape, Take, takes_of
from hiwm.data.dataset_files import read_info
from hiwm.data.episode import Episode
from hiwm.data.features import Features, lerobot_features, write_sidecar
from hiwm.data.writer import sync_files, write_dataset
from hiwm.errors import BadInput
from hiwm.runfolder import file_hash
from hiwm.spec import RobotSpec

OWN = {"timestamp", "frame_index", "episode_index", "index", "task_index"}
"""Columns that LeRobot writes itself."""


@dataclass(frozen=True)
class Chosen:
    """What one session gives: its file, the takes from it, and what is kept apart."""

    path: Path
    takes: tuple[Take, ...]
    rejected: tuple[Rejected, ...]

    @property
    def frames(self) -> int:
        """Frames of all takes."""
        return sum(take.frames for take in self.takes)


@dataclass(frozen=True)
class Common:
    """What all sessions of an export share."""

    task: str
    spec: RobotSpec
    truths: int
    judged: bool


def choose(sessions: Sequence[Path], shape: Shape, gates: Gates, most_frames: int | None = None) -> list[Chosen]:
    """What each session gives, in order; no further episode is taken once there are `most_frames` frames."""
    chosen, frames = [], 0
    for path in sessions:
        with opened(path) as session:
            takes, rejected = takes_of(session, shape, gates)
        kept: list[Take] = []
        for take in takes:
            if most_frames is None or frames < most_frames:
                kept.append(take)
                frames += take.frames
        chosen.append(Chosen(path, tuple(kept), tuple(rejected)))
    return chosen


def write_corrections(
    chosen: Sequence[Chosen],
    folder: Path,
    about: dict[str, Any],
    truth_names: Sequence[str] = (),
    like: Features | None = None,
    shown: Callable[[], None] = lambda: None,
) -> None:
    """Writes all takes into `folder`, which must not exist; `about` goes into its sidecar beside where each came from.

    truth_names: of the numbers that a simulator knows. like: the columns of another dataset, so that LeRobot can merge
    both. Raises BadInput where the sessions are of several tasks or robots, SpecMismatch, BadDataset.
    """
    common = common_of(chosen)
    features = like or _features(common, truth_names)

    def episodes() -> Iterator[Episode]:
        for one in chosen:
            with opened(one.path) as session:
                for take in one.takes:
                    yield episode_of(session, take)
            shown()

    write_dataset(episodes(), common.spec, folder, common.task, features=features)
    write_sidecar(folder, common.spec, common.task, corrections=about | _provenance(chosen))
    sync_files(folder)


def common_of(chosen: Sequence[Chosen]) -> Common:
    """What the sessions share; raises BadInput where they do not."""
    found: Common | None = None
    for one in (one for one in chosen if one.takes):
        with opened(one.path) as session:
            about = session.about
            truth = session.file.observation(one.takes[0].nodes[0]).truth
            judged = all(is_judged(session, take) for take in one.takes)
        here = Common(about.task, about.spec, 0 if truth is None else len(truth), judged)
        if found is None:
            found = here
        elif (found.task, found.spec, found.truths) != (here.task, here.spec, here.truths):
            raise BadInput(f"{one.path.name} is of another task or robot than the first; export each by itself")
        else:
            found = Common(found.task, found.spec, found.truths, found.judged and judged)
    if found is None:
        reasons = [reason for one in chosen for bad in one.rejected for reason in bad.reasons]
        why = f"{len(reasons)} reasons, the first: {reasons[0]}" if reasons else "there are no corrections"
        raise BadInput(
            f"nothing is left to export from {len(chosen)} sessions: {why}; correct more, or widen the gates"
        )
    return found


def columns_like(folder: Path) -> Features:
    """The columns of a dataset, without those that LeRobot writes itself, and without how its videos are encoded."""
    features = read_info(folder)["features"]
    return {
        name: {"dtype": f["dtype"], "shape": tuple(f["shape"]), "names": f.get("names")}
        for name, f in features.items()
        if name not in OWN
    }


def _features(common: Common, truth_names: Sequence[str]) -> Features:
    named = truth_names if len(truth_names) == common.truths else [f"truth_{i}" for i in range(common.truths)]
    features = lerobot_features(common.spec, named, lineage=True)
    if not common.judged:
        del features["success"], features["progress"]
    return features


def _provenance(chosen: Sequence[Chosen]) -> dict[str, Any]:
    """Where each episode came from; the hash tells sessions of one name apart."""
    named = [(one, {"session": one.path.name, "sha256": file_hash(one.path)}) for one in chosen]
    return {
        "episodes": [
            {**name, "nodes": node_runs(take.nodes), "takeovers": take.takeovers}
            for one, name in named
            for take in one.takes
        ],
        "rejected": [{**name, **asdict(bad)} for one, name in named for bad in one.rejected],
    }
