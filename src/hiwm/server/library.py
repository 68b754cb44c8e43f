"""Where session files lie: the server's own folder, and rollouts whose sessions are copied there before work begins."""

from __future__ import annotations

import re
from pathlib import Path

from hiwm.errors import BadInput
from hiwm.server.wire import NAME
from hiwm.session.copying import copy_session

SUFFIX = ".hiwm"


class UnknownSession(BadInput):
    """A session that is not there."""


def checked_name(name: str) -> str:
    """The name, if it could be a file's; raises UnknownSession."""
    if not re.fullmatch(NAME, name):
        raise UnknownSession(f"expected a session's name of a-z, 0-9, '.', '_' and '-', got {name!r:.80}")
    return name


class Library:
    """Sessions by name. `rollouts` is only ever read."""

    def __init__(self, root: Path, rollouts: Path | None = None) -> None:
        self.root = root / "sessions"
        self.root.mkdir(parents=True, exist_ok=True)
        self._rollouts = None if rollouts is None else rollouts / "sessions"
        if self._rollouts is not None and not self._rollouts.is_dir():
            raise BadInput(
                f"expected a folder of rollouts with sessions/ in it, got {rollouts}; hiwm rollout makes one"
            )

    def own(self) -> dict[str, Path]:
        """The server's sessions by name."""
        return _sessions(self.root)

    def all(self) -> dict[str, Path]:
        """With those of the rollouts that nobody has opened yet."""
        return self.rollouts() | self.own()

    def rollouts(self) -> dict[str, Path]:
        """What was rolled out, as it was."""
        return {} if self._rollouts is None else _sessions(self._rollouts)

    def find(self, name: str) -> Path:
        """A session's file for reading; raises UnknownSession."""
        found = self.all().get(checked_name(name))
        if found is None:
            raise UnknownSession(f"there is no session {name}; the list of sessions has those there are")
        return found

    def to_work_on(self, name: str) -> Path:
        """A session's file in the server's own folder, copied there when it is not; raises UnknownSession."""
        found, own = self.find(name), self.root / f"{name}{SUFFIX}"
        if found != own:
            copy_session(found, own)
        return own

    def new(self, stem: str) -> Path:
        """A place for a new session."""
        slug = re.sub(r"[^a-z0-9._-]+", "-", stem.lower()).strip("-._")[-50:].lstrip("-._") or "session"
        taken, number, name = self.all(), 1, slug
        while name in taken:
            number += 1
            name = f"{slug}-{number}"
        return self.root / f"{name}{SUFFIX}"


def _sessions(folder: Path) -> dict[str, Path]:
    """Plain files with a session's name; links are none."""
    return {
        path.stem: path
        for path in sorted(folder.glob(f"*{SUFFIX}"))
        if re.fullmatch(NAME, path.stem) and not path.is_symlink() and path.is_file()
    }
