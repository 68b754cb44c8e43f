"""Manifests: the same call goes on, another one is refused, inputs are known by what is in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from hiwm.errors import BadInput
from hiwm.pipeline.manifest import begin_stage, content_hash, read_manifest, write_manifest


def _input(place: Path, text: str = "a") -> Path:
    place.mkdir(exist_ok=True)
    (place / "part").write_text(text)
    return place


def test_a_stage_begins_once_and_goes_on(tmp_path: Path) -> None:
    given = _input(tmp_path / "given")
    first = begin_stage(tmp_path / "out", "rollout", {"policy": given}, {"seed": 0, "scenes": ("a", "b")})
    again = begin_stage(tmp_path / "out", "rollout", {"policy": given}, {"seed": 0, "scenes": ["a", "b"]})
    assert first == again
    assert not first.complete
    write_manifest(tmp_path / "out", "rollout", {"policy": given}, {"seed": 0}, {"successes": 3})
    done = read_manifest(tmp_path / "out")
    assert done is not None
    assert done.complete
    assert done.results == {"successes": 3}


@pytest.mark.parametrize(
    ("stage", "text", "seed", "complaint"),
    [
        ("correct", "a", 0, "made by hiwm rollout"),
        ("rollout", "b", 0, "policy was"),
        ("rollout", "a", 1, "seed was 0, now 1"),
    ],
)
def test_what_was_begun_otherwise_is_refused(tmp_path: Path, stage: str, text: str, seed: int, complaint: str) -> None:
    given = _input(tmp_path / "given")
    begin_stage(tmp_path / "out", "rollout", {"policy": given}, {"seed": 0})
    with pytest.raises(BadInput, match=complaint):
        begin_stage(tmp_path / "out", stage, {"policy": _input(given, text)}, {"seed": seed})


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="not empty"):
        begin_stage(_input(tmp_path / "out"), "rollout", {}, {})
    assert (tmp_path / "out" / "part").read_text() == "a"


def test_the_hash_sees_names_and_contents_but_no_states_to_resume_from(tmp_path: Path) -> None:
    folder = _input(tmp_path / "given")
    before = content_hash(folder)
    (folder / "training").mkdir()
    (folder / "training" / "state").write_text("x")
    assert content_hash(folder) == before
    (folder / "part").rename(folder / "other")
    assert content_hash(folder) != before
    with pytest.raises(BadInput, match="does not exist"):
        content_hash(tmp_path / "nowhere")


def test_a_damaged_manifest_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(BadInput, match="damaged"):
        read_manifest(tmp_path)
