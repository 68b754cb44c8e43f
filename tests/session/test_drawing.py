"""The picture of a tree: something of everything is on it, for sessions of any size; and both commands."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hiwm.cli.app import BAD_INPUT, main
from hiwm.session.drawing import draw_tree
from hiwm.session.file import SessionFile
from tests.session.toy_sessions import ABOUT, corrected_session, new_session


def drawn(path: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    with closing(SessionFile.open(path, read_only=True)) as file:
        draw_tree(file, path.with_suffix(".png"))
    return np.asarray(Image.open(path.with_suffix(".png")).convert("RGB"))


def has_colour(picture: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], colour: tuple[int, int, int]) -> bool:
    return bool((np.abs(picture.astype(int) - colour).max(-1) < 12).any())


def test_a_tree_with_a_correction(tmp_path: Path) -> None:
    session = corrected_session(tmp_path)
    session.close()
    picture = drawn(session.file.path)
    assert picture.shape[1] > 1000
    assert has_colour(picture, (17, 17, 17))  # steered
    assert has_colour(picture, (26, 127, 55))  # success
    assert has_colour(picture, (198, 40, 40))  # failure
    assert has_colour(picture, (220, 40, 40))  # the dot on the pictures at the ends


def test_a_single_node_and_none(tmp_path: Path) -> None:
    session = new_session(tmp_path)
    session.close()
    SessionFile.create(tmp_path / "none.hiwm", ABOUT).close()
    assert drawn(session.file.path).std() > 1
    assert drawn(tmp_path / "none.hiwm").std() > 1


def test_the_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    session = corrected_session(tmp_path)
    session.close()
    path, out = session.file.path, tmp_path / "new" / "tree.png"
    assert main(["session", "verify", str(path), str(path)]) == 0
    assert capsys.readouterr().out.count("18 nodes and 5 events are as they were written") == 2
    assert main(["session", "show", str(path), "--out", str(out)]) == 0
    assert out.stat().st_size > 10_000
    assert main(["session", "show", str(path), "--out", str(tmp_path)]) == BAD_INPUT
    path.write_bytes(path.read_bytes()[:-9000])
    assert main(["session", "verify", str(path)]) == BAD_INPUT
    assert main(["session", "verify", str(tmp_path / "other")]) == BAD_INPUT
    lines = capsys.readouterr().err.splitlines()
    assert [line.startswith("hiwm: ") for line in lines] == [True] * 3
