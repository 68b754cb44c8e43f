"""Session files: names are plain, links are none, rollouts are copied before anybody works on them."""

from __future__ import annotations

import random
import string
from pathlib import Path

import pytest

from hiwm.errors import BadInput
from hiwm.server.library import Library, UnknownSession
from hiwm.session.file import SessionFile
from hiwm.session.session import Session
from tests.server.gates import SEED, note, size
from tests.server.recorded import recorded_session

HOSTILE = [
    "", ".", "..", "../a", "a/b", "/etc/passwd", "a\\b", "a\x00b", "A", " a", "a ", "a\n", "%2e%2e", "~", "-a", "_a",
    "a:b", "a" * 65, "\u00e4", "a*", "a?", "$(id)", "`id`", "a;b", "a|b", "con\u202e", "..%2f", "....//", "a\r\nb",
    "{}",
]  # fmt: skip


def names() -> list[str]:
    rng = random.Random(SEED)
    alphabet = "/\\.:~%\x00\n A" + string.ascii_lowercase
    made = ["".join(rng.choices(alphabet, k=rng.randrange(1, 40))) + "/" for _ in range(size(200, 2000) - len(HOSTILE))]
    return HOSTILE + made


def test_hostile_names_are_refused(tmp_path: Path) -> None:
    library = Library(tmp_path)
    for name in names():
        with pytest.raises(UnknownSession, match="expected a session's name"):
            library.find(name)
    note("hostile names", count=len(names()))


def test_links_are_no_sessions(tmp_path: Path) -> None:
    recorded_session(tmp_path / "elsewhere.hiwm", steps=1)
    library = Library(tmp_path / "console")
    (library.root / "linked.hiwm").symlink_to(tmp_path / "elsewhere.hiwm")
    assert library.all() == {}
    with pytest.raises(UnknownSession, match="there is no session linked"):
        library.find("linked")


def test_a_rollout_is_copied_before_work_and_stays_as_it_was(tmp_path: Path) -> None:
    rollouts = tmp_path / "rollouts"
    (rollouts / "sessions").mkdir(parents=True)
    original = recorded_session(rollouts / "sessions" / "toy-eval-3.hiwm", steps=4)
    before = original.read_bytes()
    library = Library(tmp_path / "console", rollouts)
    assert library.find("toy-eval-3") == original
    own = library.to_work_on("toy-eval-3")
    assert own.parent == library.root
    assert library.find("toy-eval-3") == own
    file = SessionFile.open(own, sealed=True)
    assert len(Session(file).tree) == 5
    file.close()
    assert original.read_bytes() == before


def test_rollouts_without_sessions_are_no_rollouts(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="expected a folder of rollouts"):
        Library(tmp_path / "console", tmp_path)


@pytest.mark.parametrize(
    ("stem", "name"),
    [("push_t-console-3", "push_t-console-3"), ("dataset:/a/B c-first-0", "dataset-a-b-c-first-0"), ("../", "session")],
)
def test_new_sessions_get_plain_names(tmp_path: Path, stem: str, name: str) -> None:
    library = Library(tmp_path)
    assert library.new(stem).stem == name
    recorded_session(library.new(stem), steps=0)
    assert library.new(stem).stem == f"{name}-2"
