"""Trains an estimator by the clock, and measures it on episodes kept out of training."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from hiwm.data.precision import fast_arithmetic
from hiwm.data.windows import Windows, random_indices
from hiwm.errors import StageFailed
from hiwm.perception.corrupt import RULES
from hiwm.perception.estimator import Estimator, as_tensor, make_net
from hiwm.perception.examples import Examples, augmented, landmark_count, prepare
from hiwm.perception.network import EstimatorConfig, EstimatorNet
from hiwm.perception.points import Point, find_points
from hiwm.types import Floats

LANDMARKS_FROM = 4
"""Points from which on maps are pulled to them: a rope needs it, a block or two do not."""
LEAST_TURN = 0.1
"""Rad: angles that go less far count no more."""
REAL_SHARE = 0.99
"""Share of real frames that are to count as whole."""


@dataclass(frozen=True)
class EstimatorTraining:
    """How an estimator is trained.

    batch, spoiled: clean and spoiled pictures per step. state_weight: of the robot's numbers against the truth's.
    aside_weight: of a number that belongs to no point. landmark_weight: of how far maps lie from where the truth's
    points are to be seen, at first; it falls to 0.
    steps: ends earlier after so many; None leaves it to the time.
    """

    batch: int = 24
    spoiled: int = 8
    learning_rate: float = 3e-3
    weight_decay: float = 0.02
    state_weight: float = 1.0
    aside_weight: float = 0.15
    whole_weight: float = 0.3
    landmark_weight: float = 5.0
    checked_frames: int = 1500
    steps: int | None = None
    seed: int = 0


def train_estimator(
    windows: Windows,
    config: EstimatorConfig,
    training: EstimatorTraining,
    train_s: float,
    show: Callable[[float, str], None],
) -> Estimator:
    """Trains for `train_s` seconds. show: told the share done and a line of text.

    windows: of single frames, pictures of one size. The estimator states its own errors in `about`. Raises BadDataset
    and BadInput where the data cannot be learned from, StageFailed where the loss is not finite.
    """
    torch.manual_seed(training.seed)
    examples = prepare(windows)
    net = make_net(examples.cameras, examples.targets, config)
    steps = _fit(net, examples, training, train_s, show)
    objects = tuple(point.name for point in examples.objects)
    about = {"dataset": windows.source.folder.name, "training": asdict(training), "steps": steps}
    fresh = Estimator(examples.cameras, examples.targets, objects, config, net.eval(), 0.0, about)
    return _measured(fresh, examples, training)


def _fit(
    net: EstimatorNet,
    examples: Examples,
    training: EstimatorTraining,
    train_s: float,
    show: Callable[[float, str], None],
) -> int:
    """Trains the network in place; returns the number of steps."""
    rng = np.random.default_rng(training.seed)
    optimiser = torch.optim.AdamW(
        net.parameters(), training.learning_rate, (0.9, 0.99), weight_decay=training.weight_decay
    )
    weights = _weights(examples, training)
    batches = random_indices(examples.train, training.batch, rng)
    net.train()
    began, steps, share = time.monotonic(), 0, 0.0
    while share < 1:
        for group in optimiser.param_groups:
            group["lr"] = training.learning_rate * min(1.0, (steps + 1) / 100) * _falling(share)
        index = np.sort(next(batches))
        loss = _loss(net, examples, training, index, weights, rng, training.landmark_weight * (1 - share))
        if not torch.isfinite(loss):
            raise StageFailed(f"the loss is not finite at step {steps}; run hiwm data check on the dataset")
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        steps += 1
        share = min(1.0, max((time.monotonic() - began) / train_s, steps / training.steps if training.steps else 0.0))
        show(share, f"step {steps}  loss {loss.item():.3f}")
    return steps


def _falling(share: float) -> float:
    """Half a cosine from 1 to 0.01."""
    return 0.01 + 0.99 * (1 + math.cos(math.pi * share)) / 2


def _loss(
    net: EstimatorNet,
    examples: Examples,
    training: EstimatorTraining,
    index: np.ndarray[Any, np.dtype[np.int64]],
    weights_m: Tensor,
    rng: np.random.Generator,
    landmark_weight: float,
) -> Tensor:
    """Of numbers and landmarks on clean pictures, and of "seen whole" on clean and spoiled ones."""
    clean = as_tensor(examples.pictures(index))
    some = rng.choice(len(index), min(training.spoiled, len(index)), replace=False)
    bad = examples.some_spoiled(clean[some], index[some], rng)
    pictures = augmented(torch.cat([clean, bad]), rng)
    with fast_arithmetic("cpu"):
        numbers, score, places = net.with_places(pictures)
    wanted = torch.from_numpy(examples.targets.encode(examples.values_nk[index]))
    gap = F.smooth_l1_loss(numbers[: len(index)], wanted, reduction="none", beta=0.02)
    loss = (gap * weights_m).sum(1).mean() + training.whole_weight * F.softplus(-score[: len(index)]).mean()
    loss = loss + landmark_weight * _landmark_loss(places[: len(index)].float(), examples, index)
    if len(bad):
        loss = loss + training.whole_weight * F.softplus(score[len(index) :]).mean()
    return loss


def _landmark_loss(
    places_bp2: Tensor, examples: Examples, index: np.ndarray[Any, np.dtype[np.int64]]
) -> Tensor | float:
    """How far the first maps lie from where the truth's points are to be seen.

    0 where that is not known, and where there are so few points that maps find them by themselves.
    """
    points = examples.targets.varied
    if examples.maps[0] is None or len(points) < LANDMARKS_FROM:
        return 0.0
    seen = examples.landmarks(index)
    weights = [w for point, w in zip(points, thing_weights(points), strict=True) for _ in range(landmark_count(point))]
    count = min(len(weights), places_bp2.shape[1])
    off = places_bp2[:, :count] - torch.from_numpy(seen[:, :count])
    far_l = F.smooth_l1_loss(off, torch.zeros_like(off), beta=0.02, reduction="none").mean((0, 2))
    weight_l = torch.tensor(weights[:count])
    return (far_l * weight_l).sum() / weight_l.sum()


def _weights(examples: Examples, training: EstimatorTraining) -> Tensor:
    """(M,) truth counts 1 in all and the robot's numbers `state_weight`; what never moves counts nothing.

    Numbers that belong to no point (a hand's tilt, a gripper) are hard to see and count less: points come first.
    """
    truth, state = examples.targets.truth, examples.targets.state
    scale_k = examples.targets.scale_k
    parts = [
        shares(truth, scale_k[: len(truth)], training.aside_weight),
        training.state_weight * shares(state, scale_k[len(truth) :], training.aside_weight),
    ]
    return torch.from_numpy(examples.targets.spread(np.concatenate(parts)))


def shares(names: tuple[str, ...], scale_k: Floats, aside: float) -> Floats:
    """(K,) weights that add up to 1: 1 : `aside` for numbers of points and others; 0 for what never moves.

    See `thing_weights`. Places are learned in units of how far they go, sines and cosines as they are: an angle that
    goes less than a radian counts so much more. scale_k: how far each number goes.
    """
    weight_k = np.full(len(names), aside, np.float32)
    points = find_points(names)
    for point, weight in zip(points, thing_weights(points), strict=True):
        weight_k[list(point.numbers)] = weight
        if point.turn is not None:
            weight_k[point.turn] /= min(1.0, max(float(scale_k[point.turn]), LEAST_TURN))
    weight_k[scale_k <= 0] = 0
    return np.asarray(weight_k / max(float(weight_k.sum()), 1e-6), np.float32)


def thing_weights(points: Sequence[Point]) -> list[float]:
    """A weight for each point: n numbered points, as those of a rope, count as much as the root of n single ones.

    Alike, the 22 points of a rope would leave its slots unlearned.
    """
    things = Counter(_thing(point) for point in points)
    return [things[_thing(point)] ** -0.5 for point in points]


def _thing(point: Point) -> str:
    """What a point is of: its name without numbers."""
    return point.name.rstrip("_0123456789")


def _measured(estimator: Estimator, examples: Examples, training: EstimatorTraining) -> Estimator:
    """The estimator with its threshold, and with its errors on frames of the kept-out episodes."""
    rng = np.random.default_rng(training.seed + 1)
    count = min(training.checked_frames, len(examples.held))
    index = np.sort(rng.choice(examples.held, count, replace=False))
    pictures = examples.pictures(index)
    read = estimator.read_stacked(pictures)
    threshold = float(np.quantile(read.score_n, 1 - REAL_SHARE))
    errors = estimator.targets.errors(np.concatenate([read.truth_nk, read.state_ns], 1), examples.values_nk[index])
    about = estimator.about | {
        "checked_frames": count,
        "median_error": dict(zip(estimator.targets.names, np.median(errors, axis=0).tolist(), strict=True)),
        "error_95": dict(zip(estimator.targets.names, np.quantile(errors, 0.95, axis=0).tolist(), strict=True)),
        "spoiled_recognised": _recognised(estimator, examples, index[:: max(1, count // 100)], threshold, rng),
        "object_found_in_picture": [place is not None for place in examples.maps],
    }
    return Estimator(
        estimator.cameras, estimator.targets, estimator.objects, estimator.config, estimator.net, threshold, about
    )


def _recognised(
    estimator: Estimator,
    examples: Examples,
    index: np.ndarray[Any, np.dtype[np.int64]],
    threshold: float,
    rng: np.random.Generator,
) -> dict[str, float | None]:
    """Share of spoiled pictures that are not seen as whole, by rule; None where a rule changed no picture."""
    clean = as_tensor(examples.pictures(index))
    shares: dict[str, float | None] = {}
    for name, rule in RULES.items():
        made = [examples.spoil(p, int(i), rule, rng) for p, i in zip(clean, index, strict=True)]
        bad = [picture for picture in made if picture is not None]
        if not bad:
            shares[name] = None
            continue
        pixels = ((torch.stack(bad) + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).numpy()
        shares[name] = float((estimator.read_stacked(pixels).score_n < threshold).mean())
    return shares
