from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from hiwm.data import drawing
from hiwm.data.show import open_in_rerun, write_contact_sheets
from hiwm.data.source import open_source
from hiwm.errors import BadInput, UnknownName
from tests.data.foreign_dataset import HIGH, WRIST, make_foreign
from tests.data.test_source import EXTRA, VALUES


def colours(path: Path) -> set[tuple[int, ...]]:
    with Image.open(path) as sheet:
        return {tuple(pixel) for pixel in np.asarray(sheet).reshape(-1, 3).tolist()}


def test_one_sheet_for_episodes_without_kind(foreign: Path, tmp_path: Path) -> None:
    (path,) = write_contact_sheets(open_source(foreign), tmp_path / "sheets", columns=4)
    assert path.name == "episodes.png"
    with Image.open(path) as sheet:
        assert sheet.getpixel((2, 2)) == drawing.BACKGROUND
        assert sheet.width > 4 * 128 * 64 / 48
        tall = sheet.height
    (path,) = write_contact_sheets(open_source(foreign), tmp_path / "sheets", rows=2, columns=4, camera="wrist")
    with Image.open(path) as sheet:
        assert sheet.height < tall
    assert drawing.MUTED in colours(path)
    assert drawing.GREEN not in colours(path)


def test_a_sheet_per_kind_shows_outcome_and_lapse(tmp_path: Path) -> None:
    extra = {**EXTRA, "lapse": EXTRA["kind"]}
    values = {**VALUES, "lapse": "missed_grasp", "kind": "failure"}
    folder = make_foreign(tmp_path / "own", (6, 3), {WRIST: "image"}, extra=extra, extra_values=values)
    (path,) = write_contact_sheets(open_source(folder), tmp_path / "sheets")
    assert path.name == "failure.png"
    assert {drawing.GREEN, drawing.AMBER} <= colours(path)


def test_a_camera_that_does_not_exist(foreign: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="no camera is called 'front'"):
        write_contact_sheets(open_source(foreign), tmp_path, camera="front")


def test_long_lines_are_cut() -> None:
    assert drawing.shorten("short", 500) == "short"
    cut = drawing.shorten("pick the cube and place it in the box " * 4, 120)
    assert cut.endswith("…")
    assert drawing.text_width(cut) <= 120


def test_rerun_is_asked_for_by_name(foreign: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(BadInput, match="not installed; get it with: uv pip install rerun-sdk"):
        open_in_rerun(open_source(foreign))


class Recorder(ModuleType):
    """Stands in for rerun, which is no dependency: remembers what was logged."""

    def __init__(self) -> None:
        super().__init__("rerun")
        self.logged: dict[str, list[Any]] = {}

    def init(self, name: str, spawn: bool) -> None:
        self.name = name

    def set_time(self, timeline: str, duration: float) -> None:
        self.now = duration

    def log(self, path: str, value: Any) -> None:
        self.logged.setdefault(path, []).append((self.now, value))

    def Scalars(self, value: float) -> float:
        return value

    def Image(self, picture: Any) -> Any:
        return type("Compressed", (), {"compress": lambda _: picture})()


def test_rerun_gets_pictures_and_curves(foreign: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = Recorder()
    monkeypatch.setitem(sys.modules, "rerun", recorder)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    open_in_rerun(open_source(foreign), 1)
    assert len(recorder.logged[HIGH]) == len(recorder.logged["action/action_0"]) == 12
    assert recorder.logged[HIGH][3][1].shape == (48, 64, 3)
    assert recorder.logged["state/joint_6"][-1][0] == pytest.approx(11 / 15)
    with pytest.raises(BadInput, match="no episode 3"):
        open_in_rerun(open_source(foreign), 3)
