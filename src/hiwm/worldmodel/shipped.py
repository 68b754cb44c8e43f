"""The worlds that come with the package, one folder for each task, and how a world is named on a command line."""

from __future__ import annotations

from pathlib import Path

from hiwm.errors import BadInput

WORLDS = Path(__file__).parents[1] / "assets" / "worlds"
CARD = "MODEL_CARD.md"
"""What a world was made from and how good it is, beside the files of its folder."""
TRAIN = "hiwm train-world DATASET --out WORLD trains one"


def shipped_worlds(place: Path = WORLDS) -> dict[str, Path]:
    """Folders of the worlds below `place`, by task; empty where there is no such place."""
    return {path.parent.name: path.parent for path in sorted(place.glob("*/world.json"))}


def shipped_world(task: str, place: Path = WORLDS) -> Path:
    """The folder of a task's shipped world; raises BadInput where there is none."""
    worlds = shipped_worlds(place)
    if task not in worlds:
        raise BadInput(f"no world of {task} is shipped ({_known(worlds)}); {TRAIN}")
    return worlds[task]


def find_world(name_or_folder: str | Path, place: Path = WORLDS) -> Path:
    """The folder of a world that is given as a folder or by a shipped name; a folder with a world goes first.

    Raises BadInput where it is neither.
    """
    folder = Path(name_or_folder)
    if (folder / "world.json").is_file():
        return folder
    worlds = shipped_worlds(place)
    if str(folder) not in worlds:
        raise BadInput(
            f"expected a folder with a world or the name of a shipped one ({_known(worlds)}), got {folder}; {TRAIN}"
        )
    return worlds[str(folder)]


def _known(worlds: dict[str, Path]) -> str:
    return f"there are {', '.join(worlds)}" if worlds else "there are none"
