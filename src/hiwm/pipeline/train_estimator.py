"""`hiwm train-estimator`: a dataset in, a folder with an estimator out."""

from __future__ import annotations

from pathlib import Path

import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from hiwm.data.source import Source
from hiwm.data.windows import Offsets, open_windows
from hiwm.errors import BadInput
from hiwm.perception.estimator import Estimator, save_estimator
from hiwm.perception.network import EstimatorConfig
from hiwm.perception.training import EstimatorTraining
from hiwm.perception.training import train_estimator as run_training
from hiwm.runfolder import full_disk_is_clear


def train_estimator(
    source: Source,
    out: Path,
    minutes: float,
    size: tuple[int, int] | None = None,
    threads: int | None = None,
    config: EstimatorConfig | None = None,
    training: EstimatorTraining | None = None,
) -> Estimator:
    """Trains for so many minutes, writes the estimator to `out` and returns it.

    size: (H, W) that pictures are resized to, None for their own. threads: of the processor; None leaves it to torch.
    """
    if minutes <= 0:
        raise BadInput(f"expected --minutes above 0, got {minutes:g}")
    if threads is not None:
        torch.set_num_threads(threads)
    windows = open_windows(source, Offsets(), size)
    columns = (TextColumn("training"), BarColumn(), TextColumn("{task.fields[said]}"), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("training", total=1.0, said="")
        estimator = run_training(
            windows,
            config or EstimatorConfig(),
            training or EstimatorTraining(),
            minutes * 60,
            lambda share, said: progress.update(bar, completed=share, said=said),
        )
    with full_disk_is_clear("writing the estimator"):
        save_estimator(out, estimator)
    return estimator


def summary(estimator: Estimator) -> list[str]:
    """Lines for the terminal: each number's own error, and how much of what is spoiled is recognised."""
    about, targets = estimator.about, estimator.targets
    width = max(len(name) for name in targets.names)
    moving = [name for name, scale in zip(targets.names, targets.scale_k, strict=True) if scale > 0]
    lines = [
        f"{name:<{width}}  median error {about['median_error'][name]:.4g}, 95 % below {about['error_95'][name]:.4g}"
        for name in moving
    ]
    shares = ", ".join(
        f"{name} {'-' if share is None else f'{share:.0%}'}" for name, share in about["spoiled_recognised"].items()
    )
    return [*lines, f"spoiled pictures recognised: {shares}"]
