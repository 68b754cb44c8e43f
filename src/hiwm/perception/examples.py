"""What an estimator is trained and checked on: frames with their numbers, and spoiled copies of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hiwm.data.background import usual_pictures
from hiwm.data.source import number_names
from hiwm.data.windows import Indices, Windows, kept_out
from hiwm.errors import BadDataset, BadInput
from hiwm.perception.corrupt import DIFFERS, RULES, Rule, blurred, spoiled
from hiwm.perception.estimator import as_tensor
from hiwm.perception.places import PictureMap, find_map
from hiwm.perception.points import Point, find_points
from hiwm.perception.targets import Targets
from hiwm.spec import CameraSpec
from hiwm.types import Doubles, Floats

LEVER = 0.06
"""How far the points beside a turned one are from it, as a share of how far objects go."""
_MAP_FRAMES = 600
_MOVES = 0.05
"""A point moves where its range in an episode exceeds this share of its standard deviation over the dataset."""


@dataclass(frozen=True, eq=False)
class Examples:
    """A dataset prepared for an estimator.

    values_nk: truth and state of all frames. train, held: frames of the episodes that are trained on and of those kept
    out. usual_chw: the table without what moves. maps: per camera, where the object's points stand in its picture.
    """

    windows: Windows
    cameras: tuple[CameraSpec, ...]
    targets: Targets
    values_nk: Floats
    train: Indices
    held: Indices
    objects: tuple[Point, ...]
    usual_chw: Tensor
    maps: tuple[PictureMap | None, ...]

    def pictures(self, index_b: Indices) -> NDArray[np.uint8]:
        """(B, H, W, C) with the cameras stacked as channels."""
        return _stacked(self.windows, index_b)

    def landmarks(self, index_b: Indices) -> Floats:
        """(B, L, 2) about where in the first camera's picture the truth's points are, x and y from -1 to 1.

        Of a point with a turn, two points beside it as well; see `landmark_count`.
        """
        of_table, camera = self.maps[0], self.cameras[0]
        if of_table is None:
            raise ValueError("no map of the first camera was found")
        places = [place for point in self.targets.varied for place in self._beside(point, index_b)]
        size = np.array([camera.width, camera.height], np.float64)
        return np.stack([(of_table.pixels(place) + 0.5) / size * 2 - 1 for place in places], 1).astype(np.float32)

    def _beside(self, point: Point, index_b: Indices) -> list[Doubles]:
        """(B, 2) where a point is, in the unit of the truth, and where its tips are if it has a turn."""
        place = self.values_nk[index_b][:, point.axes[:2]].astype(np.float64)
        if point.turn is None:
            return [place]
        turn = self.values_nk[index_b, point.turn].astype(np.float64)
        ways = [np.stack([np.cos(turn + quarter), np.sin(turn + quarter)], 1) for quarter in (0, np.pi / 2)]
        return [place, *(place + self._lever * way for way in ways)]

    @cached_property
    def _lever(self) -> float:
        """How far tips are from a turned point, in the unit of the truth."""
        axes = [k for point in self.objects for k in point.axes[:2]]
        return LEVER * float(np.ptp(self.values_nk[:, axes], axis=0).max())

    def spoil(self, picture_chw: Tensor, index: int, rule: Rule, rng: np.random.Generator) -> Tensor | None:
        """The picture of a frame with its object spoiled in one camera; None where one would not see it."""
        camera = int(rng.integers(len(self.maps)))
        channels = slice(3 * camera, 3 * camera + 3)
        seen, usual = picture_chw[channels], self.usual_chw[channels]
        centre = self._centre(seen, usual, index, self.maps[camera], rng)
        after = None if centre is None else spoiled(seen, usual, centre, rule, rng)
        if after is None:
            return None
        whole = picture_chw.clone()
        whole[channels] = after
        return whole

    def some_spoiled(self, pictures_bchw: Tensor, index_b: Indices, rng: np.random.Generator) -> Tensor:
        """(B' <= B, C, H, W) each by a rule drawn at random."""
        rules = list(RULES.values())
        made = [
            self.spoil(picture, int(index), rules[rng.integers(len(rules))], rng)
            for picture, index in zip(pictures_bchw, index_b, strict=True)
        ]
        return torch.stack([picture for picture in made if picture is not None] or [pictures_bchw[0]][:0])

    def _centre(
        self, seen: Tensor, usual: Tensor, index: int, place: PictureMap | None, rng: np.random.Generator
    ) -> tuple[float, float] | None:
        """A place on the object, x and y in pixels; without a map, on anything that is not the usual picture."""
        if place is not None:
            point = self.objects[rng.integers(len(self.objects))]
            x, y = place.pixels(self.values_nk[index, point.axes[:2]][None].astype(np.float64))[0]
            aside = rng.normal(size=2) * 0.04 * seen.shape[-1]
            return float(x + aside[0]), float(y + aside[1])
        something = torch.nonzero((seen - usual).abs().amax(0) > DIFFERS)
        if not len(something):
            return None
        row, column = something[rng.integers(len(something))].tolist()
        return float(column), float(row)


def landmark_count(point: Point) -> int:
    """How many landmarks a point has."""
    return 1 if point.turn is None else 3


def prepare(windows: Windows) -> Examples:
    """Fits scales, keeps episodes apart and finds the object; raises BadDataset, BadInput where nothing can be read."""
    columns, source, cameras = windows.columns, windows.source, _cameras(windows)
    truth_nk = columns.truth_nk if columns.truth_nk is not None else np.zeros((len(windows), 0), np.float32)
    names = number_names("truth", source.features["truth"].get("names"), truth_nk.shape[1]) if truth_nk.size else []
    values = np.concatenate([truth_nk, columns.state_ns], axis=1)
    if not values.shape[1] or source.episodes.count < 4:
        raise BadDataset(
            f"expected at least 4 episodes with a truth or state to learn to read, {source.folder} has "
            f"{source.episodes.count} with {values.shape[1]} numbers; record more"
        )
    if not np.isfinite(values).all():
        raise BadDataset(f"{source.folder} has truth or states that are not finite; hiwm data check finds them")
    targets = Targets.fit(tuple(names), tuple(n.name for n in source.spec.state), values)
    apart_n = np.isin(np.repeat(np.arange(source.episodes.count), source.episodes.length_e), kept_out(windows))
    objects = _moving(find_points(names), values, targets, windows)
    usual = usual_pictures(windows)
    train, held = np.flatnonzero(~apart_n), np.flatnonzero(apart_n)
    maps = find_maps(windows, objects, usual, train)
    return Examples(windows, cameras, targets, values, train, held, objects, as_tensor(usual[None])[0], maps)


def augmented(pictures_bchw: Tensor, rng: np.random.Generator) -> Tensor:
    """Other light, noise, and on some a breath of blur, none of which changes what is there."""
    count = len(pictures_bchw)
    gain, offset, noise = (
        torch.from_numpy(rng.uniform(low, high, (count, 1, 1, 1)).astype(np.float32))
        for low, high in ((0.92, 1.08), (-0.06, 0.06), (0, 0.05))
    )
    soft = torch.from_numpy(rng.random(count) < 0.3)
    pictures = pictures_bchw.clone()
    if soft.any():
        pictures[soft] = blurred(pictures[soft].flatten(0, 1), rng.uniform(0.3, 0.8)).view_as(pictures[soft])
    draw = torch.Generator().manual_seed(int(rng.integers(2**31)))
    grain = torch.randn(pictures.shape, generator=draw)
    return pictures * gain + offset + grain * noise


def _cameras(windows: Windows) -> tuple[CameraSpec, ...]:
    shapes = {name: frames.pictures_nhwc.shape[1:3] for name, frames in windows.frames.items()}
    if len(set(shapes.values())) > 1:
        raise BadInput(f"expected cameras of one size, got {sorted(set(shapes.values()))}; give --size HEIGHT WIDTH")
    return tuple(CameraSpec(name, *shape) for name, shape in shapes.items())


def _stacked(windows: Windows, index_b: Indices) -> NDArray[np.uint8]:
    return np.concatenate([frames.pictures_nhwc[index_b] for frames in windows.frames.values()], axis=-1)


def _moving(points: Sequence[Point], values_nk: Floats, targets: Targets, windows: Windows) -> tuple[Point, ...]:
    """The truth's points that move within an episode: the object; a goal or a slot does not."""
    spans = zip(windows.source.episodes.start_e.tolist(), windows.source.episodes.length_e.tolist(), strict=True)
    range_ek = np.stack([np.ptp(values_nk[start : start + length], axis=0) for start, length in spans])
    moves_k = (range_ek.max(axis=0) > _MOVES * targets.scale_k) & (targets.scale_k > 0)
    return tuple(point for point in points if moves_k[list(point.axes[:2])].any())


def find_maps(
    windows: Windows, objects: Sequence[Point], usual_hwc: NDArray[np.uint8], index_n: Indices
) -> tuple[PictureMap | None, ...]:
    """Per camera, where places of the truth stand in its picture, from some of the frames `index_n`; None if unclear.

    objects: points of the truth that move.
    """
    truth_nk = windows.columns.truth_nk
    if truth_nk is None or not objects:
        return (None,) * len(windows.frames)
    index = index_n[np.linspace(0, len(index_n) - 1, min(_MAP_FRAMES, len(index_n))).astype(np.int64)]
    points: Doubles = np.stack([truth_nk[index][:, point.axes[:2]] for point in objects], axis=1).astype(np.float64)
    differs = np.abs(_stacked(windows, index).astype(np.int16) - usual_hwc) > DIFFERS * 127.5
    cameras = range(0, usual_hwc.shape[-1], 3)
    return tuple(find_map(points, differs[..., k : k + 3].any(-1)) for k in cameras)
