"""What the judge learns from: labelled frames, true ones and a world's own, drawn so that rare ones are not rare."""

from __future__ import annotations

import copy
import dataclasses
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hiwm.data.precision import fast_type
from hiwm.data.windows import Indices, Mask, Offsets, Windows
from hiwm.types import Floats
from hiwm.worldmodel.checkpoint import World
from hiwm.worldmodel.clips import as_pictures, as_pixels, stacked
from hiwm.worldmodel.net import Context, Place, WorldNet
from hiwm.worldmodel.network import position_grid

NEAR = 0.9
"""Progress above which a frame without success counts as a near success."""


@dataclass(frozen=True, eq=False)
class LabelledFrames:
    """B frames. pixels: 0..255, cameras stacked as channels. states: scaled. NaN: nobody can say."""

    pixels_bhwc: NDArray[np.uint8]
    states_bs: Floats
    progress_b: Floats
    success_b: Floats

    def __len__(self) -> int:
        """Number of frames."""
        return len(self.progress_b)

    def take(self, rows: Indices | Mask) -> LabelledFrames:
        """Some of the frames."""
        return LabelledFrames(self.pixels_bhwc[rows], self.states_bs[rows], self.progress_b[rows], self.success_b[rows])

    def tensors(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """What the network sees: pictures -1..1 (B, C, H, W), and states (B, S)."""
        return as_pictures(self.pixels_bhwc).to(device), torch.from_numpy(self.states_bs).to(device)


def joined(parts: list[LabelledFrames]) -> LabelledFrames:
    """All frames of some parts, at least one, in order."""
    return LabelledFrames(
        np.concatenate([part.pixels_bhwc for part in parts]),
        np.concatenate([part.states_bs for part in parts]),
        np.concatenate([part.progress_b for part in parts]),
        np.concatenate([part.success_b for part in parts]),
    )


def true_frames(world: World, windows: Windows, index_b: Indices) -> LabelledFrames:
    """Frames of the dataset as they are."""
    columns = windows.columns
    pixels = np.concatenate([frames.pictures_nhwc[index_b] for frames in windows.frames.values()], -1)
    states = world.states.forward(columns.state_ns[index_b])
    return LabelledFrames(pixels, states, columns.progress_n[index_b], columns.success_n[index_b])


class Balanced:
    """Draws positions so that successes, near successes and all other frames come equally often; unknown ones never."""

    def __init__(self, progress_n: Floats, success_n: Floats) -> None:
        success = success_n > 0.5
        near = ~success & (progress_n > NEAR)
        known = np.isfinite(progress_n) | np.isfinite(success_n)
        groups = (success, near, known & ~success & ~near)
        self.groups = [np.flatnonzero(group) for group in groups if group.any()]

    def draw(self, count: int, rng: np.random.Generator) -> Indices:
        """Positions, with replacement; needs a known frame."""
        which = rng.integers(0, len(self.groups), count)
        return np.array([rng.choice(self.groups[k]) for k in which], np.int64)


class FrameStore:
    """The last `room` frames that were put in."""

    def __init__(self, room: int) -> None:
        self._frames: deque[LabelledFrames] = deque(maxlen=room)

    def add(self, new: LabelledFrames) -> None:
        """Puts frames in; when it is full the oldest leave."""
        self._frames.extend(new.take(np.array([k])) for k in range(len(new)))

    def draw(self, count: int, rng: np.random.Generator) -> list[LabelledFrames]:
        """That many frames, drawn with balance; none while no frame is known."""
        labels = [
            np.array([getattr(frame, name)[0] for frame in self._frames], np.float32)
            for name in ("progress_b", "success_b")
        ]
        balanced = Balanced(labels[0], labels[1])
        return [self._frames[k] for k in balanced.draw(count, rng)] if balanced.groups else []


def rolled(
    world: World, windows: Windows, start_b: Indices, steps: int, device: torch.device, draw: torch.Generator
) -> Iterator[LabelledFrames]:
    """A world's own pictures after 1, 2 ... `steps` steps from true frames along true actions.

    They carry the labels of the true frames in their place; a branch ends where its episode ends.
    """
    net = copy.deepcopy(world.net).to(device, fast_type(device)).eval()
    context, place = _beginning(world, net, windows, start_b, device)
    episodes, columns = windows.source.episodes, windows.columns
    ends = (episodes.start_e + episodes.length_e)[np.searchsorted(episodes.start_e, start_b, side="right") - 1]
    for k in range(1, steps + 1):
        index = np.minimum(start_b + k, ends - 1)
        actions = torch.from_numpy(world.actions.forward(columns.action_na[index])).to(device)
        with torch.inference_mode():
            noise = torch.randn((len(start_b), net.code), generator=draw, device=device)
            code, state = net.move(context, noise, 1)
            picture = net.paint(code, state, place)
            context = context.pushed(code, state, actions)
        made = LabelledFrames(
            as_pixels(picture), state.float().cpu().numpy(), columns.progress_n[index], columns.success_n[index]
        )
        yield made.take(start_b + k < ends)


def endless_rolls(
    world: World, windows: Windows, pool: Indices, branches: int, steps: int, device: torch.device,
    rng: np.random.Generator, draw: torch.Generator,
) -> Iterator[LabelledFrames]:  # fmt: skip
    """Rollouts round after round, each branch so that a frame drawn with balance from `pool` lies somewhere in it."""
    starts_e = windows.source.episodes.start_e
    balanced = Balanced(windows.columns.progress_n[pool], windows.columns.success_n[pool])
    while True:
        target = pool[balanced.draw(branches, rng)]
        first = starts_e[np.searchsorted(starts_e, target, side="right") - 1]
        start = np.maximum(first, target - rng.integers(1, steps + 1, branches))
        yield from rolled(world, windows, start, steps, device, draw)


def _beginning(
    world: World, net: WorldNet, windows: Windows, start_b: Indices, device: torch.device
) -> tuple[Context, Place]:
    """The moments up to `start_b`; before an episode its first frame is repeated, as for a new scene."""
    past = dataclasses.replace(windows, offsets=Offsets.span(world.network.past - 1, 0))
    batch = past.batch(start_b)
    pictures = as_pictures(stacked(batch)).to(device)
    high, wide = pictures.shape[-2:]
    place = Place(
        as_pictures(world.usual_hwc).to(device).expand(len(start_b), -1, -1, -1),
        position_grid(high, wide, world.network.fold).to(device).expand(len(start_b), -1, -1, -1),
    )
    with torch.inference_mode():
        codes = net.read(pictures, place)
    states, actions = world.states.forward(batch.state_bts), world.actions.forward(batch.action_bta)
    return Context(codes, torch.from_numpy(states).to(device), torch.from_numpy(actions).to(device)), place
