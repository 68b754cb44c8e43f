"""Trains an estimator by the clock, and measures it on episodes kept out of training."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from hiwm.data.precision import fast_arithmetic
from hiwm.data.windows import Windows, random_indices
from hiwm.errors import StageFailed
from hiwm.perception.corrupt import RULES
from hiwm.perception.estimator import Estimator, as_tensor, make_net
from hiwm.perception.examples import Examples, augmented, prepare
from hiwm.perception.network import EstimatorConfig
from hiwm.perception.points import Point, find_points
from hiwm.types import Floats

REAL_SHARE = 0.99
"""Share of real frames that are to count as whole."""


@dataclass(frozen=True)
class EstimatorTraining:
    """How an estimator is trained.

    batch, spoiled: clean and spoiled pictures per step. state_weight: of the robot's numbers against the truth's.
    aside_weight: of a number that belongs to no point.
    steps: ends earlier after so many; None leaves it to the time.
    """

    batch: int = 24
    spoiled: int = 8
    learning_rate: float = 3e-3
    weight_decay: float = 0.02
    state_weight: float = 1.0
    aside_weight: float = 0.15
    whole_weight: float = 0.3
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
    net: torch.nn.Module,
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
        loss = _loss(net, examples, training, index, weights, rng)
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
    net: torch.nn.Module,
    examples: Examples,
    training: EstimatorTraining,
    index: np.ndarray[Any, np.dtype[np.int64]],
    weights_m: Tensor,
    rng: np.random.Generator,
) -> Tensor:
    """Of the numbers on clean pictures, and of "seen whole" on clean and spoiled ones."""
    clean = as_tensor(examples.pictures(index))
    some = rng.choice(len(index), min(training.spoiled, len(index)), replace=False)
    bad = examples.some_spoiled(clean[some], index[some], rng)
    pictures = augmented(torch.cat([clean, bad]), rng)
    with fast_arithmetic("cpu"):
        numbers, score = net(pictures)
    wanted = torch.from_numpy(examples.targets.encode(examples.values_nk[index]))
    gap = F.smooth_l1_loss(numbers[: len(index)], wanted, reduction="none", beta=0.02)
    loss = (gap * weights_m).sum(1).mean() + training.whole_weight * F.softplus(-score[: len(index)]).mean()
    if len(bad):
        loss = loss + training.whole_weight * F.softplus(score[len(index) :]).mean()
    return loss


def _weights(examples: Examples, training: EstimatorTraining) -> Tensor:
    """(M,) truth counts 1 in all and the robot's numbers `state_weight`; what never moves counts nothing.

    Numbers that belong to no point (a hand's tilt, a gripper) are hard to see and count less: points come first.
    """
    truth, state = examples.targets.truth, examples.targets.state
    moves_k = examples.targets.scale_k > 0
    parts = [
        shares(truth, moves_k[: len(truth)], training.aside_weight),
        training.state_weight * shares(state, moves_k[len(truth) :], training.aside_weight),
    ]
    return torch.from_numpy(examples.targets.spread(np.concatenate(parts)))


def shares(names: tuple[str, ...], moves_k: NDArray[np.bool_], aside: float) -> Floats:
    """(K,) weights that add up to 1: 1 : `aside` for numbers of points and others.

    Points that are numbered, as those of a rope are, share the weight of one: a slot counts as much as the rope.
    """
    weight_k = np.full(len(names), aside, np.float32)
    points = find_points(names)
    things = Counter(_thing(point) for point in points)
    for point in points:
        weight_k[list(point.numbers)] = 1 / things[_thing(point)]
    weight_k[~moves_k] = 0
    return np.asarray(weight_k / max(float(weight_k.sum()), 1e-6), np.float32)


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
