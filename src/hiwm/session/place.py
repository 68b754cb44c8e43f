"""Where a session file may lie, and who may write to it: local disks only, one writer at a time."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from hiwm.errors import BadInput
from hiwm.runfolder import full_disk_is_clear

NETWORK = frozenset(
    ("afs", "beegfs", "ceph", "cifs", "fuse.ceph", "fuse.gcsfuse", "fuse.glusterfs", "fuse.rclone", "fuse.s3fs")
    + ("fuse.sshfs", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "smb3", "smbfs")
)
"""File systems on which SQLite's locks or syncs cannot be relied on, as /proc/mounts names them."""
_MOUNTS = Path("/proc/mounts")


def file_system(folder: Path, mounts: str) -> str:
    """The kind of file system that holds an absolute folder; "" where the mounts (as /proc/mounts) do not say."""
    kind, longest = "", -1
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        mounted = Path(fields[1].replace("\\040", " "))
        if folder.is_relative_to(mounted) and len(mounted.parts) >= longest:
            kind, longest = fields[2], len(mounted.parts)
    return kind


def require_local(path: Path, mounts: str | None = None) -> None:
    """Raises BadInput where a file would lie on a network file system (known on Linux)."""
    if mounts is None:
        mounts = _MOUNTS.read_text() if _MOUNTS.exists() else ""
    kind = file_system(path.resolve().parent, mounts)
    if kind in NETWORK:
        raise BadInput(
            f"{path} lies on a network file system ({kind}), where nothing is certain to be saved; use a local disk"
        )


def sync_folder(folder: Path) -> None:
    """Returns when the names of new files in a folder are on disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class WriterLock:
    """Held by the one process that may write to a session; it ends with the process, however that ends.

    A file beside the session: a lock on the session itself would be lost when SQLite closes one of its own.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(path.name + "-lock")
        self._file: int | None = None
        while self._file is None:
            self._file = self._locked(path)

    def _locked(self, session: Path) -> int | None:
        """The locked file; None where its last holder took it away in the meantime."""
        with full_disk_is_clear(f"opening {session}"):
            file = self._opened(session)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(file), os.stat(self._path)):
                return file
        except FileNotFoundError:
            pass
        except OSError as error:
            os.close(file)
            raise BadInput(f"{session} is being written to by another process; close it there, or only read") from error
        os.close(file)
        return None

    def _opened(self, session: Path) -> int:
        try:
            return os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except PermissionError as error:
            raise BadInput(
                f"{session} lies in a folder that cannot be written to; copy it into one of yours"
            ) from error

    def release(self) -> None:
        """Lets the next one write; a second call does nothing."""
        if self._file is not None:
            self._path.unlink(missing_ok=True)
            os.close(self._file)
            self._file = None
