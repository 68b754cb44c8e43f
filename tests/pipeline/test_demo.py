"""The demonstration of a task: films that play, a sheet, figures."""

from pathlib import Path

import av
import pytest
from PIL import Image

from hiwm.pipeline.demo import demo


def test_a_success_a_failure_and_an_edge_case_are_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = demo(tmp_path / "demo", ["gym_pusht"])
    said = capsys.readouterr().out
    assert str(folder / "tasks.png") in said
    for kind, success in (("demo", "yes"), ("failure", "no"), ("edge", "no")):
        line = next(line for line in said.splitlines() if f" {kind} " in line)
        assert success in line
        with av.open(str(folder / f"gym_pusht_{kind}.mp4")) as film:
            frames = list(film.decode(video=0))
        assert len(frames) > 20
        assert (frames[0].width, frames[0].height) == (256, 256)
    with Image.open(folder / "tasks.png") as sheet:
        assert sheet.width > 1000
