"""The columns of a LeRobot dataset that hiwm writes, and the sidecar `meta/hiwm.json` beside them.

Beyond cameras, state and action every frame carries its readings (`success`, `progress`), who drove (`driver`), why the
episode is there (`kind`), where it began (`scene`), the scripted mistake being made (`lapse`), and in a simulator the
privileged `truth`. What came out of sessions says also who steered and where it lay there (LINEAGE). None of these
names begins with `action` or `observation`: LeRobot would feed such a column to policies.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hiwm.errors import BadDataset, SpecMismatch
from hiwm.runfolder import read_json, write_json
from hiwm.spec import RobotSpec

FORMAT = 1
"""Version of the layout; a reader refuses a sidecar with a higher one."""
STATE = "observation.state"
ACTION = "action"

LINEAGE = ("intervention", "branch_id", "parent_frame", "trust", "source")
"""Columns of frames that come from a session: whether an operator steered (LeRobot's own name), the branch of the
session, the step at which that branch left its parent (0 for the first), trust (NaN where nobody can say), and the
session's name; they survive merging, which the sidecar does not.
"""

type Features = dict[str, dict[str, Any]]
"""LeRobot's description of columns: name -> dtype, shape, names."""


def lerobot_features(spec: RobotSpec, truth_names: Sequence[str] = (), lineage: bool = False) -> Features:
    """The columns for a robot, without LeRobot's own; raises SpecMismatch where video cannot hold the pictures.

    H.264 with 4:2:0 colour stores one colour per 2x2 pixels, so pictures must have even sides.
    """
    features: Features = {}
    for camera in spec.cameras:
        if camera.height % 2 or camera.width % 2:
            raise SpecMismatch(
                f"camera {camera.name} is {camera.height}x{camera.width}, but video needs even sides; "
                "crop or pad its pictures by one pixel"
            )
        shape = (camera.height, camera.width, 3)
        features[camera.name] = {"dtype": "video", "shape": shape, "names": ["height", "width", "channels"]}
    if spec.state:
        features[STATE] = _numbers([n.name for n in spec.state])
    features[ACTION] = _numbers([n.name for n in spec.action])
    features["success"] = {"dtype": "bool", "shape": (1,), "names": None}
    features["progress"] = {"dtype": "float32", "shape": (1,), "names": None}
    for name in ("driver", "kind", "scene", "lapse"):
        features[name] = {"dtype": "string", "shape": (1,), "names": None}
    if truth_names:
        features["truth"] = _numbers(list(truth_names))
    if lineage:
        kinds = dict(zip(LINEAGE, ("bool", "int64", "int64", "float32", "string"), strict=True))
        features |= {name: {"dtype": kind, "shape": (1,), "names": None} for name, kind in kinds.items()}
    return features


def _numbers(names: list[str]) -> dict[str, Any]:
    return {"dtype": "float32", "shape": (len(names),), "names": names}


def write_sidecar(folder: Path, spec: RobotSpec, task: str, **more: Any) -> None:
    """Writes `meta/hiwm.json`: format, task name, robot spec (units and ranges), and what else the writer knows."""
    write_json(folder / "meta" / "hiwm.json", {"format": FORMAT, "task": task, "spec": spec.to_json(), **more})


def read_sidecar(folder: Path) -> dict[str, Any] | None:
    """`meta/hiwm.json`, or None for a dataset that hiwm did not write; raises BadDataset on a newer format."""
    path = folder / "meta" / "hiwm.json"
    if not path.is_file():
        return None
    try:
        sidecar = read_json(path)
    except ValueError as error:
        raise BadDataset(f"{path} is not valid JSON ({error}); restore it, or delete it to read without it") from error
    if sidecar.get("format") != FORMAT:
        raise BadDataset(f"{path} has format {sidecar.get('format')}, this hiwm reads {FORMAT}; update hiwm")
    return sidecar
