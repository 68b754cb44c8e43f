"""Scenes on a command line (`push_t/eval/0..199`, `dataset:FOLDER/0..9`), and what is seen and asked for there."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hiwm.data.columns import read_columns
from hiwm.data.frame_cache import open_frames
from hiwm.data.source import CAMERA_PREFIX, Source, open_source
from hiwm.errors import BadInput
from hiwm.sims.task import Setting
from hiwm.sims.tasks import load_task
from hiwm.spec import CameraSpec
from hiwm.types import Observation, Scene

DATASET = "dataset:"
"""A scene of `dataset:FOLDER/first/7` begins as episode 7 of that dataset does."""
FIRST = "first"
_RANGE = re.compile(r"(?P<stem>.+)/(?P<low>\d+)(?:\.\.(?P<high>\d+))?")
OTHER_STEPS = 300
"""Most steps in a scene of no reference task."""


@dataclass(frozen=True)
class Errand:
    """What shall be done in a scene: the instruction, and after how many steps time is up."""

    prompt: str
    max_steps: int


def parse_scenes(texts: Sequence[str] | str) -> list[Scene]:
    """`push_t/eval/0..199` names 200 scenes, `push_t/eval/7` one; several texts are taken in order.

    Raises BadInput on another form and on a scene that is named twice.
    """
    named = [scene for text in ([texts] if isinstance(texts, str) else texts) for scene in _parsed(text)]
    if not named or len({scene.id for scene in named}) < len(named):
        raise BadInput(f"expected some scenes, each once, got {' '.join(scene.id for scene in named[:9]) or 'none'}")
    return named


def _parsed(text: str) -> list[Scene]:
    match = _RANGE.fullmatch(text)
    stem = match["stem"] if match else ""
    if match and stem.startswith(DATASET) and not stem.endswith(f"/{FIRST}"):
        stem = f"{stem}/{FIRST}"
    if match is None or "/" not in stem:
        raise BadInput(
            f"expected scenes as task/split/first..last or {DATASET}FOLDER/first..last, got {text!r}; "
            "for example push_t/eval/0..199"
        )
    low, high = int(match["low"]), int(match["high"] or match["low"])
    if high < low:
        raise BadInput(f"expected the first number of {text!r} to be the lower one; write {stem}/{high}..{low}")
    return [Scene.parse(f"{stem}/{number}") for number in range(low, high + 1)]


def errand_of(scene: Scene) -> Errand:
    """The instruction and the time of a scene; raises UnknownName, BadDataset or BadInput."""
    if scene.task.startswith(DATASET):
        source = _dataset(scene.task)
        return Errand(source.episodes.prompts[_episode(source, scene)], OTHER_STEPS)
    task = load_task(scene.task)
    return Errand(task.prompt, task.max_steps)


def first_observations(
    scenes: Sequence[Scene], cameras: Sequence[CameraSpec], look: str = "plain"
) -> dict[str, Observation]:
    """What is seen at the start of each scene, by scene id, from these cameras: what a world goes on from.

    Scenes of the reference tasks are set up in their simulator, those of a dataset are the first frames of episodes.
    """
    seen: dict[str, Observation] = {}
    for task in dict.fromkeys(scene.task for scene in scenes):
        wanted = [scene for scene in scenes if scene.task == task]
        seen |= _recorded(wanted, cameras) if task.startswith(DATASET) else _simulated(wanted, cameras, look)
    return seen


def setting_for(cameras: Sequence[CameraSpec], look: str) -> Setting:
    """The setting in which a simulator shows what these cameras see."""
    return Setting(look, tuple(c.name.removeprefix(CAMERA_PREFIX) for c in cameras), cameras[0].height)


def _simulated(scenes: Sequence[Scene], cameras: Sequence[CameraSpec], look: str) -> dict[str, Observation]:
    dynamics = load_task(scenes[0].task, setting_for(cameras, look)).open()
    try:
        _, observations, _ = dynamics.reset(scenes)
    finally:
        dynamics.close()
    return {scene.id: seen for scene, seen in zip(scenes, observations, strict=True)}


def _recorded(scenes: Sequence[Scene], cameras: Sequence[CameraSpec]) -> dict[str, Observation]:
    source = _dataset(scenes[0].task)
    columns = read_columns(source)
    size = (cameras[0].height, cameras[0].width)
    frames = {c.name: open_frames(source, source.camera(c.name).name, columns.time_n, size) for c in cameras}
    rows = {scene.id: int(source.episodes.start_e[_episode(source, scene)]) for scene in scenes}
    return {
        name: Observation(
            {camera: np.array(shown.pictures_nhwc[row]) for camera, shown in frames.items()},
            np.array(columns.state_ns[row]),
        )
        for name, row in rows.items()
    }


def _dataset(task: str) -> Source:
    return open_source(Path(task.removeprefix(DATASET)))


def _episode(source: Source, scene: Scene) -> int:
    if scene.number >= source.episodes.count:
        raise BadInput(f"{source.folder} has episodes 0 to {source.episodes.count - 1}, got {scene.number}")
    return scene.number
