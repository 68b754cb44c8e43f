"""The estimators that come with the package, one folder for each task."""

from __future__ import annotations

from pathlib import Path

ESTIMATORS = Path(__file__).parents[1] / "assets" / "estimators"
DESCRIPTION = "estimator.json"


def shipped_estimator(task: str, place: Path = ESTIMATORS) -> Path | None:
    """The folder of a task's shipped estimator, None where there is none."""
    folder = place / task
    return folder if (folder / DESCRIPTION).is_file() else None
