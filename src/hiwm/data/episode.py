"""One episode as arrays: made from a rollout, kept losslessly in one journal file, written to datasets later."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hiwm import rollout
from hiwm.errors import BadDataset, BadInput, SpecMismatch
from hiwm.runfolder import write_bytes
from hiwm.spec import RobotSpec
from hiwm.types import Driver, Floats, Kind


@dataclass(frozen=True, eq=False)
class Lineage:
    """Where T frames lie in a session (see hiwm.data.features.LINEAGE). trust: NaN where nobody can say."""

    intervention: NDArray[np.bool_]
    branch: NDArray[np.int64]
    parent: NDArray[np.int64]
    trust: Floats
    source: str


@dataclass(frozen=True, eq=False)
class Episode:
    """T frames: what was seen, and the action that was taken from there.

    images: camera name -> (T, H, W, 3) uint8 RGB. state: (T, S) float32. action: (T, A) float32. success: (T,) bool
    and progress: (T,) float32 0..1, all NaN where nobody can say, are read at the frame, before its action. drivers:
    who chose each action. lapses: the scripted mistake being made, "" for none. truth: (T, K) float32 privileged
    quantities of a simulator. lineage: of episodes that come from sessions; journal files do not keep it.
    """

    images: Mapping[str, NDArray[np.uint8]]
    state: Floats
    action: Floats
    success: NDArray[np.bool_]
    progress: Floats
    drivers: tuple[Driver, ...]
    lapses: tuple[str, ...]
    kind: Kind
    scene: str
    prompt: str
    truth: Floats | None = None
    lineage: Lineage | None = None

    @property
    def length(self) -> int:
        """Number of frames T."""
        return len(self.action)

    @property
    def succeeded(self) -> bool:
        """Whether the task is done at the last frame."""
        return bool(self.success[-1])

    def check(self, spec: RobotSpec) -> None:
        """Raises SpecMismatch, naming the scene, where the episode is not one of this robot or is not finite."""
        shapes: dict[str, tuple[int, ...]] = {c.name: (self.length, c.height, c.width, 3) for c in spec.cameras}
        shapes |= {"state": (self.length, len(spec.state)), "action": (self.length, len(spec.action))}
        arrays: dict[str, NDArray[Any]] = {**self.images, "state": self.state, "action": self.action}
        for name, shape in shapes.items():
            came = arrays[name].shape if name in arrays else None
            if came != shape:
                raise SpecMismatch(f"episode {self.scene}: {name} shall have shape {shape}, got {came}; record again")
        numbers = {"state": self.state, "action": self.action, "progress": self.progress, "truth": self.truth}
        for name, values in numbers.items():
            unknown = name in ("progress", "truth") and values is not None and np.isnan(values).all()
            if values is not None and not unknown and not np.isfinite(values).all():
                frame = int(np.argmin(np.isfinite(values.reshape(self.length, -1)).all(axis=1)))
                raise SpecMismatch(f"episode {self.scene}: {name} is not finite at frame {frame}; leave it out")


def episode_from_path(
    path: rollout.Path, kind: Kind, scene: str, prompt: str, lapse_of: Callable[[Any], str]
) -> Episode:
    """The episode of a rollout of T + 1 nodes; the last node only ends the last action.

    lapse_of: the scripted mistake that a policy memory is making, "" for none. Raises BadInput on a rollout without a
    step, and where the dynamics cannot say whether the task is done.
    """
    if len(path) < 2:
        raise BadInput(f"the rollout in {scene} ended before its first step; check the policy that drove it")
    seen, led = path[:-1], path[1:]
    observations = [node.observation for node in seen]
    truths = [o.truth for o in observations if o.truth is not None]
    return Episode(
        images={name: np.stack([o.images[name] for o in observations]) for name in observations[0].images},
        state=np.stack([o.state for o in observations]).astype(np.float32),
        action=np.stack([_known(node.action, "action", scene) for node in led]).astype(np.float32),
        success=np.array([_known(node.reading.success, "success", scene) for node in seen], np.bool_),
        progress=np.array([_known(node.reading.progress, "progress", scene) for node in seen], np.float32),
        drivers=tuple(_known(node.driver, "driver", scene) for node in led),
        lapses=tuple(lapse_of(node.memory) for node in led),
        kind=kind,
        scene=scene,
        prompt=prompt,
        truth=np.stack(truths).astype(np.float32) if truths else None,
    )


def _known[T](value: T | None, what: str, scene: str) -> T:
    if value is None:
        raise BadInput(f"expected {what} at every step of {scene}, got none; use a dynamics that reads it")
    return value


def save_episode(path: Path, episode: Episode) -> None:
    """Writes one journal file, whole and synced or not at all.

    Pictures are stored as differences to the frame before, deflated at the fastest level: on 128 px pictures of the
    simulators 22 times smaller than raw and 17 times faster than deflating the pictures themselves.
    """
    about = {
        "cameras": list(episode.images),
        "drivers": episode.drivers,
        "lapses": episode.lapses,
        "kind": episode.kind,
        "scene": episode.scene,
        "prompt": episode.prompt,
    }
    arrays: dict[str, NDArray[Any]] = {
        "about": np.frombuffer(json.dumps(about).encode(), np.uint8),
        "state": episode.state,
        "action": episode.action,
        "success": episode.success,
        "progress": episode.progress,
    }
    if episode.truth is not None:
        arrays["truth"] = episode.truth
    for i, frames in enumerate(episode.images.values()):
        arrays[f"shape{i}"] = np.array(frames.shape)
        arrays[f"frames{i}"] = _packed(frames)
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    write_bytes(path, buffer.getvalue())


def load_episode(path: Path) -> Episode:
    """Reads what `save_episode` wrote, bit for bit; raises BadDataset on a damaged file."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return _unpacked(arrays)
    except (zipfile.BadZipFile, zlib.error, ValueError, KeyError, EOFError) as error:
        raise BadDataset(
            f"journal file {path} is damaged ({error}); delete it and run the same command again"
        ) from error


def _unpacked(arrays: Mapping[str, NDArray[Any]]) -> Episode:
    about = json.loads(arrays["about"].tobytes())
    return Episode(
        images={name: _frames(arrays[f"frames{i}"], arrays[f"shape{i}"]) for i, name in enumerate(about["cameras"])},
        state=arrays["state"],
        action=arrays["action"],
        success=arrays["success"],
        progress=arrays["progress"],
        drivers=tuple(map(Driver, about["drivers"])),
        lapses=tuple(about["lapses"]),
        kind=Kind(about["kind"]),
        scene=about["scene"],
        prompt=about["prompt"],
        truth=arrays.get("truth"),
    )


def _packed(frames_thwc: NDArray[np.uint8]) -> NDArray[np.uint8]:
    change = frames_thwc.copy()
    change[1:] -= frames_thwc[:-1]  # wraps around modulo 256, and so does the sum that undoes it
    return np.frombuffer(zlib.compress(change.tobytes(), level=1), np.uint8)


def _frames(packed: NDArray[np.uint8], shape: NDArray[np.int64]) -> NDArray[np.uint8]:
    change = np.frombuffer(zlib.decompress(packed.tobytes()), np.uint8).reshape(tuple(shape))
    return np.add.accumulate(change, axis=0, dtype=np.uint8)
