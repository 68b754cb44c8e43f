"""A session file: one writer, any readers; full disks, foreign, damaged and hostile files end in one clear line."""

from __future__ import annotations

import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pytest

from hiwm.errors import BadInput, BadSession, HiwmError, OutOfSpace
from hiwm.session.check import verify
from hiwm.session.copying import copy_session
from hiwm.session.file import SessionFile
from hiwm.session.phases import Command
from hiwm.session.place import file_system, require_local
from hiwm.session.schema import SQLITE_VERSION
from hiwm.session.session import Session
from tests.session.toy_sessions import (
    ABOUT,
    DYNAMICS,
    corrected_session,
    drive,
    new_session,
    same_node,
    stepped,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A closed session with a correction."""
    session = corrected_session(tmp_path)
    session.close()
    return session.file.path


def change(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as database:
        for statement in statements:
            database.execute(statement)
        database.commit()


def test_what_it_is_about_comes_back(path: Path) -> None:
    with closing(SessionFile.open(path, read_only=True)) as file:
        assert file.about == ABOUT
    assert sqlite3.sqlite_version == SQLITE_VERSION


def test_a_closed_session_is_one_file_and_reading_leaves_it_alone(path: Path) -> None:
    before = path.read_bytes()
    with closing(SessionFile.open(path, read_only=True)) as file:
        assert len(file.rows()) == 18
    verify(path)
    assert [p.name for p in path.parent.iterdir()] == ["a.hiwm"]
    with closing(SessionFile.open(path, read_only=True)) as file:
        assert len(file.rows()) == 18
    path.with_name("b.hiwm").write_bytes(path.read_bytes())
    assert verify(path.with_name("b.hiwm")) == verify(path)
    assert path.read_bytes() == before
    SessionFile.open(path).close()
    assert sorted(p.name for p in path.parent.iterdir()) == ["a.hiwm", "b.hiwm"]


def test_it_is_durable_by_its_settings(tmp_path: Path) -> None:
    with closing(SessionFile.create(tmp_path / "a.hiwm", ABOUT)) as file:
        settings = {
            name: file._database.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")
        }
    assert settings == {"journal_mode": "wal", "synchronous": 2}


def test_one_process_writes_and_others_read(tmp_path: Path) -> None:
    session = new_session(tmp_path)
    drive(session, 3)
    with pytest.raises(BadInput, match="being written to by another process"):
        SessionFile.open(session.file.path)
    with closing(SessionFile.open(session.file.path, read_only=True)) as reader:
        assert len(reader.rows()) == 4
        assert same_node(reader.node(3).node, session.node(3))
        drive(session, 1)
        with pytest.raises(BadInput, match="opened to be read"):
            reader.append([])
    session.close()
    session.close()
    SessionFile.open(session.file.path).close()


def test_a_new_session_replaces_nothing(path: Path) -> None:
    with pytest.raises(BadInput, match="exists"):
        SessionFile.create(path, ABOUT)
    with pytest.raises(BadInput, match="expected a session file"):
        SessionFile.open(path.with_name("none.hiwm"))
    with pytest.raises(BadInput, match="expected a session file"):
        SessionFile.open(path.parent)
    SessionFile.create(path.with_name("b.hiwm"), ABOUT).close()


def test_a_creation_that_was_cut_off_is_no_session(tmp_path: Path) -> None:
    (tmp_path / "a.hiwm.tmp").write_bytes(b"half")
    with closing(SessionFile.create(tmp_path / "a.hiwm", ABOUT)) as file:
        assert file.rows() == []


MOUNTS = "/dev/sda / ext4 rw 0 0\nserver:/x /mnt/far nfs4 rw 0 0\n/dev/sdb /mnt/far/near ext4 rw 0 0\nbad\n"


@pytest.mark.parametrize(
    ("folder", "kind"),
    [("/home/me", "ext4"), ("/mnt/far/a", "nfs4"), ("/mnt/farther", "ext4"), ("/mnt/far/near", "ext4")],
)
def test_the_file_system_is_that_of_the_nearest_mount(folder: str, kind: str) -> None:
    assert file_system(Path(folder), MOUNTS) == kind


def test_network_file_systems_are_refused(tmp_path: Path) -> None:
    mounts = f"/dev/sda / ext4 rw 0 0\nserver:/x {tmp_path} fuse.sshfs rw 0 0\n"
    with pytest.raises(BadInput, match=r"network file system \(fuse.sshfs\)"):
        require_local(tmp_path / "a.hiwm", mounts)
    require_local(tmp_path / "a.hiwm")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE nodes SET progress = 0.9 WHERE id = 12",
        "UPDATE nodes SET action = x'0000000000000000' WHERE id = 3",
        "UPDATE nodes SET operator = 'eve' WHERE id = 12",
        "UPDATE nodes SET takeover = NULL WHERE id = 12",
        "UPDATE nodes SET parent = 5 WHERE id = 11",
        "UPDATE nodes SET hash = zeroblob(32) WHERE id = 17",
        "UPDATE node_values SET value = (SELECT value FROM node_values WHERE node = 4) WHERE node = 3",
        "UPDATE events SET operator = 'eve' WHERE id = 1",
        'UPDATE events SET data = \'{"label": "success"}\' WHERE id = 0',
        "UPDATE about SET text = replace(text, 'goal', 'wall')",
        "DELETE FROM events WHERE id = 0",
        "DELETE FROM nodes WHERE id = 8",
        "DELETE FROM node_values WHERE node = 8",
        "DELETE FROM nodes WHERE id > 12",
        "UPDATE nodes SET step = -1 WHERE id = 3",
    ],
)
def test_verify_finds_any_change(path: Path, statement: str) -> None:
    verify(path)
    change(path, statement)
    with pytest.raises(BadSession, match=r"a\.hiwm"):
        verify(path)


def test_verify_finds_a_changed_bit_in_any_value(path: Path) -> None:
    with closing(SessionFile.open(path, read_only=True)) as file:
        values = [file.value_bytes(node) for node in range(18)]
    whole = path.read_bytes()
    for value in values:
        start = whole.find(value)
        assert start > 0
        place = start + len(value) // 2
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x40]) + whole[place + 1 :])
        with pytest.raises(BadSession, match="not as it was written"):
            verify(path)


def test_a_replay_gives_the_same_bits(path: Path) -> None:
    replayed = verify(path, lambda about: DYNAMICS).replayed
    assert replayed is not None
    assert (replayed.steps, replayed.same, replayed.pixels, replayed.state) == (17, 17, 0, 0.0)
    assert "all the same" in replayed.line()


def test_a_replay_in_another_world_tells_by_how_much(path: Path) -> None:
    class Slower(type(DYNAMICS)):  # type: ignore[misc]
        def step(self, states: object, actions: list[np.ndarray[tuple[int], np.dtype[np.float32]]]) -> object:
            return super().step(states, [action * np.float32(0.98) for action in actions])

    replayed = verify(path, lambda about: Slower()).replayed
    assert replayed is not None
    assert replayed.same < replayed.steps
    assert 0 < replayed.state < 0.3
    assert "largest difference" in replayed.line()


def test_a_copy_is_whole_while_somebody_writes(tmp_path: Path) -> None:
    session = new_session(tmp_path)
    drive(session, 5)
    copy_session(session.file.path, tmp_path / "b.hiwm")
    drive(session, 5)
    assert verify(tmp_path / "b.hiwm").nodes == 6
    copied = Session(SessionFile.open(tmp_path / "b.hiwm"))
    assert same_node(copied.node(5), session.node(5))
    assert drive(copied, 2) == [6, 7]
    with pytest.raises(BadInput, match="exists"):
        copy_session(session.file.path, tmp_path / "b.hiwm")


def foreign_text(path: Path) -> None:
    path.write_text("a file of somebody's\n" * 100)


def foreign_empty(path: Path) -> None:
    path.write_bytes(b"")


def foreign_database(path: Path) -> None:
    path.unlink()
    change(path, "CREATE TABLE photos (x)")


def foreign_format(path: Path) -> None:
    change(path, "PRAGMA user_version=2")


def more_tables(path: Path) -> None:
    change(path, "CREATE TABLE more (x)")


def a_trigger(path: Path) -> None:
    change(path, "CREATE TRIGGER t AFTER INSERT ON nodes BEGIN DELETE FROM events; END")


def a_view_in_place_of_a_table(path: Path) -> None:
    change(path, "DROP TABLE node_values", "CREATE VIEW node_values AS SELECT 1 AS node, zeroblob(1000000000) AS value")


def not_json(path: Path) -> None:
    change(path, "UPDATE about SET text = '{'")


def no_about(path: Path) -> None:
    change(path, "DELETE FROM about")


def no_spec(path: Path) -> None:
    change(path, "UPDATE about SET text = '[]'")


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:20_000])


def a_huge_value(path: Path) -> None:
    change(path, "UPDATE node_values SET value = zeroblob(10000000) WHERE node = 3")


def a_cycle(path: Path) -> None:
    change(path, "UPDATE nodes SET parent = 9 WHERE id = 3")


def a_wrong_key(path: Path) -> None:
    change(path, "UPDATE nodes SET key = 7 WHERE id = 9")


def a_command_that_cannot_have_come(path: Path) -> None:
    change(path, "UPDATE events SET kind = 'hand_back' WHERE id = 1")


def a_label_that_is_none(path: Path) -> None:
    change(path, 'UPDATE events SET data = \'{"label": "great"}\' WHERE id = 0')


def a_node_that_is_not_there(path: Path) -> None:
    change(path, "UPDATE events SET node = 999 WHERE id = 1")


def text_that_is_none(path: Path) -> None:
    change(path, "UPDATE nodes SET device = CAST(x'ff' AS TEXT) WHERE id = 3")


HOSTILE = [
    foreign_text,
    foreign_empty,
    foreign_database,
    foreign_format,
    more_tables,
    a_trigger,
    a_view_in_place_of_a_table,
    not_json,
    no_about,
    no_spec,
    cut_off,
    a_huge_value,
    a_cycle,
    a_wrong_key,
    a_command_that_cannot_have_come,
    a_label_that_is_none,
    a_node_that_is_not_there,
    text_that_is_none,
]


@pytest.mark.parametrize("damage", HOSTILE)
def test_foreign_and_hostile_files_end_in_one_line(path: Path, damage: Callable[[Path], None]) -> None:
    damage(path)
    with pytest.raises(BadSession) as error:
        Session(SessionFile.open(path)).node(3)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)
    with pytest.raises(BadSession):
        verify(path)


def test_random_damage_never_ends_in_anything_else(path: Path) -> None:
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    refused = 0
    for _ in range(30):
        damaged = bytearray(whole)
        start = int(rng.integers(100, len(whole) - 600))
        damaged[start : start + 500] = rng.bytes(500)
        path.write_bytes(bytes(damaged))
        try:
            with closing(SessionFile.open(path)) as file:
                session = Session(file)
                for node in range(len(session.tree)):
                    session.node(node)
                drive(session, 1)
        except HiwmError:
            refused += 1
    assert refused >= 5


@contextmanager
def no_more_than(size: int) -> Iterator[None]:
    """Files of this process cannot grow beyond `size` bytes, as on a disk that fills up."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("room", range(0, 24_000, 1_200))
def test_a_full_disk_is_one_line_and_nothing_is_half_written(tmp_path: Path, room: int) -> None:
    session = new_session(tmp_path)
    drive(session, 3)
    journal = session.file.path.with_name("a.hiwm-wal")
    for _ in range(2):
        with no_more_than(journal.stat().st_size + room), pytest.raises(OutOfSpace, match="is kept: free") as error:
            drive(session, 100)
        assert "\n" not in str(error.value)
        with closing(SessionFile.open(session.file.path, read_only=True)) as reader:
            assert [row.hash for row in reader.rows()] == [row.hash for row in session.tree.rows]
    saved = len(session.tree)
    drive(session, 3)
    session.command(Command.HOLD)
    session.close()
    assert verify(session.file.path).nodes == saved + 3


def test_a_session_that_cannot_begin_leaves_nothing(tmp_path: Path) -> None:
    with no_more_than(5_000), pytest.raises(OutOfSpace):
        SessionFile.create(tmp_path / "a.hiwm", ABOUT)
    assert not (tmp_path / "a.hiwm").exists()
    SessionFile.create(tmp_path / "a.hiwm", ABOUT).close()


def test_a_folder_that_cannot_be_written_can_be_read(path: Path, tmp_path: Path) -> None:
    shutil.move(path, tmp_path / "sealed.hiwm")
    tmp_path.chmod(0o555)
    try:
        assert verify(tmp_path / "sealed.hiwm").nodes == 18
    finally:
        tmp_path.chmod(0o755)


def test_any_step_is_read_from_few_values(tmp_path: Path) -> None:
    session = new_session(tmp_path, cache_bytes=0)
    nodes = [stepped(session.node(0))]
    for _ in range(299):
        nodes.append(stepped(nodes[-1]))
    session.record_all(nodes)
    session.close()
    for node in (300, 1, 150, 151, 7, 298):
        with closing(SessionFile.open(session.file.path)) as file:
            fresh, asked = Session(file), list[str]()
            file._database.set_trace_callback(asked.append)
            fresh.command(Command.REWIND, node=node)
            assert same_node(fresh.node(node), nodes[node - 1])
            assert 1 <= len({statement for statement in asked if "FROM node_values" in statement}) <= 3


def test_opening_reads_no_values(path: Path) -> None:
    change(path, "UPDATE node_values SET value = x'00'")
    with closing(SessionFile.open(path)) as file:
        assert Session(file).path(17)[-1] == 17


def test_importing_sessions_brings_nothing_heavy() -> None:
    code = "import sys, hiwm.session.session, hiwm.session.check, hiwm.session.inbox; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "lerobot", "matplotlib", "scipy", "PIL", "fastapi", "asyncio"} & set(loaded)
