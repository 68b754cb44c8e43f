"""`hiwm export` as a whole: built beside, proved in a fresh process, put in place; others' folders are left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from hiwm.corrections.takes import Shape
from hiwm.data.features import read_sidecar
from hiwm.data.source import open_source
from hiwm.errors import BadInput
from hiwm.pipeline.export import Order, export, session_files
from hiwm.pipeline.manifest import read_manifest
from tests.corrections.corrected import TOY_GATES, corrected_session


@pytest.fixture(scope="module")
def corrected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two corrected sessions, as `hiwm correct` leaves it."""
    folder = tmp_path_factory.mktemp("corrected")
    for number in range(2):
        corrected_session(folder / "sessions", number)
    return folder


def test_the_dataset_is_put_in_place_with_its_manifest(corrected: Path, tmp_path: Path) -> None:
    report = export(Order((corrected,), gates=TOY_GATES), tmp_path / "data", progress=False)
    assert (report.episodes, report.corrections, report.rejected) == (4, 4, 0)
    assert 0 < report.steered < report.frames
    source = open_source(tmp_path / "data")
    assert (source.episodes.count, source.episodes.frames) == (4, report.frames)
    manifest = read_manifest(tmp_path / "data")
    assert manifest is not None
    assert manifest.stage == "export"
    assert manifest.inputs["sessions 1"]["path"] == str(corrected)
    sidecar = read_sidecar(tmp_path / "data")
    assert sidecar is not None
    assert sidecar["corrections"]["shape"] == "attempts"
    assert [path.name for path in tmp_path.iterdir()] == ["data"], "nothing is left beside it"


def test_what_is_there_stays_where_the_export_fails(corrected: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes").write_text("keep")
    with pytest.raises(BadInput, match="was not made by hiwm export"):
        export(Order((corrected,), gates=TOY_GATES), tmp_path / "mine", progress=False)
    with pytest.raises(BadInput, match="nothing is left to export"):
        export(Order((corrected,), Shape.SUCCESSES, TOY_GATES), tmp_path / "none", progress=False)
    assert [path.name for path in tmp_path.rglob("*")] == ["mine", "notes"]


def test_sessions_are_named_by_folder_or_file(corrected: Path, tmp_path: Path) -> None:
    files = sorted((corrected / "sessions").glob("*.hiwm"))
    assert session_files([corrected]) == session_files([corrected / "sessions"]) == session_files(files) == files
    with pytest.raises(BadInput, match="found none"):
        session_files([tmp_path])
