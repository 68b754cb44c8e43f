"""Files and folders appear whole or not at all, and a full disk is one clear line."""

from __future__ import annotations

import errno
import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from hiwm import runfolder
from hiwm.errors import BadInput, OutOfSpace


class Killed(BaseException):
    """Stands in for the end of the process."""


def fail_rename(monkeypatch: pytest.MonkeyPatch, at_call: int) -> None:
    """Makes the given call of os.rename (1 = first) end the process instead."""
    calls = 0
    rename = os.rename

    def renamed(source: Path, target: Path) -> None:
        nonlocal calls
        calls += 1
        if calls == at_call:
            raise Killed
        rename(source, target)

    monkeypatch.setattr(os, "rename", renamed)


def folder(place: Path, text: str) -> Path:
    place.mkdir()
    (place / "data").write_text(text)
    return place


def test_home_is_where_the_variable_says_and_is_made(hiwm_home: Path) -> None:
    assert runfolder.hiwm_home() == hiwm_home
    assert hiwm_home.is_dir()


def test_home_defaults_to_the_cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HIWM_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert runfolder.hiwm_home() == tmp_path / "hiwm"


def test_json_there_and_back(tmp_path: Path) -> None:
    runfolder.write_json(tmp_path / "a.json", {"b": [1, None], "a": "ä"})
    assert runfolder.read_json(tmp_path / "a.json") == {"b": [1, None], "a": "ä"}
    assert os.listdir(tmp_path) == ["a.json"]


def test_a_write_that_dies_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.json"
    runfolder.write_json(file, {"a": 1})

    def dies(descriptor: int) -> None:
        raise Killed

    monkeypatch.setattr(os, "fsync", dies)
    with pytest.raises(Killed):
        runfolder.write_json(file, {"a": 2})
    assert runfolder.read_json(file) == {"a": 1}


def test_a_folder_is_replaced_and_nothing_is_left_beside(tmp_path: Path) -> None:
    place = folder(tmp_path / "set", "old")
    folder(tmp_path / "set.old", "older")
    runfolder.replace_folder(folder(tmp_path / "set.new", "new"), place)
    assert (place / "data").read_text() == "new"
    assert os.listdir(tmp_path) == ["set"]


def test_a_first_folder_is_put_in_place(tmp_path: Path) -> None:
    runfolder.replace_folder(folder(tmp_path / "set.new", "new"), tmp_path / "set")
    assert (tmp_path / "set" / "data").read_text() == "new"


@pytest.mark.parametrize("at_call", [1, 2])
def test_killed_at_a_rename_the_old_folder_is_there_after_recovery(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_call: int
) -> None:
    place = folder(tmp_path / "set", "old")
    built = folder(tmp_path / "set.new", "new")
    with monkeypatch.context() as patched:
        fail_rename(patched, at_call)
        with pytest.raises(Killed):
            runfolder.replace_folder(built, place)
    runfolder.recover_folder(place)
    assert (place / "data").read_text() == "old"
    runfolder.replace_folder(built, place)
    assert (place / "data").read_text() == "new"


def test_recovery_leaves_a_folder_in_place_alone_and_removes_the_old_one(tmp_path: Path) -> None:
    place = folder(tmp_path / "set", "new")
    old = folder(tmp_path / "set.old", "old")
    runfolder.recover_folder(place)
    assert (place / "data").read_text() == "new"
    assert not old.exists()


def test_file_hash_is_sha256(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"abc")
    assert runfolder.file_hash(file) == hashlib.sha256(b"abc").hexdigest()


def test_room_that_is_there_is_fine_even_where_the_folder_is_not_made_yet(tmp_path: Path) -> None:
    runfolder.require_space(tmp_path / "not" / "yet", 1, "a test")


def test_missing_room_is_one_line_with_both_numbers(tmp_path: Path) -> None:
    with pytest.raises(OutOfSpace, match=r"a test needs 1000000000\.00 GB, .* has \d+\.\d\d GB left; free") as caught:
        runfolder.require_space(tmp_path, 10**18, "a test")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_disk_that_fills_is_one_line(code: int) -> None:
    with (
        pytest.raises(OutOfSpace, match="filled up while writing a test; what was finished is kept"),
        runfolder.full_disk_is_clear("writing a test"),
    ):
        raise OSError(code, os.strerror(code))


def test_other_errors_of_the_system_pass_through() -> None:
    with pytest.raises(PermissionError), runfolder.full_disk_is_clear("writing a test"):
        raise PermissionError(errno.EACCES, "no")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device that is always full")
def test_a_really_full_device_is_one_line() -> None:
    with pytest.raises(OutOfSpace), runfolder.full_disk_is_clear("writing a test"), open("/dev/full", "wb") as file:
        file.write(b"x")


def test_only_one_is_in_a_folder_and_what_it_started_counts(tmp_path: Path) -> None:
    """The lock goes with the last process that holds it, not with the first."""
    with runfolder.only_one(tmp_path / "run", "hiwm run") as lock:
        started = subprocess.Popen(["sleep", "60"], pass_fds=(lock,))
    with (
        pytest.raises(BadInput, match="another hiwm run, or what one has started"),
        runfolder.only_one(tmp_path / "run", "hiwm run"),
    ):
        pass
    started.kill()
    started.wait()
    with runfolder.only_one(tmp_path / "run", "hiwm run"):
        pass
