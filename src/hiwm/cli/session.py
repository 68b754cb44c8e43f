"""Commands that check session files and draw them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from tyro.conf import Positional
from tyro.extras import SubcommandApp

from hiwm.errors import BadInput

if TYPE_CHECKING:
    from hiwm.interfaces import Dynamics
    from hiwm.session.rows import SessionAbout


def commands() -> SubcommandApp:
    """`verify` and `show`."""
    app = SubcommandApp()
    app.command(verify)
    app.command(show)
    return app


def verify(files: Positional[tuple[Path, ...]], replay: bool = False) -> None:
    """Check that sessions are as they were written, and with --replay that the same actions give the same steps.

    Args:
        files: Session files.
        replay: Take every step again in the world or simulator that the session names, and compare.
    """
    from hiwm.session.check import verify as check_file

    if not files:
        raise BadInput("expected session files, got none; for example RUN/sessions/*.hiwm")
    for path in files:
        print(f"{path}: {check_file(path, _reopened() if replay else None).line()}", flush=True)


def _reopened() -> Callable[[SessionAbout], Dynamics]:
    from hiwm.pipeline.dynamics import reopen_dynamics
    from hiwm.pipeline.stored_values import know_stored_values

    know_stored_values()
    return lambda about: reopen_dynamics(about.dynamics)


def show(file: Positional[Path], out: Path) -> None:
    """Draw the tree of a session: branches, takeovers, labels, progress.

    Args:
        file: A session file.
        out: The picture (PNG).
    """
    from hiwm.runfolder import full_disk_is_clear
    from hiwm.session.drawing import draw_tree
    from hiwm.session.file import SessionFile

    if out.is_dir():
        raise BadInput(f"expected a file for the picture, {out} is a folder; for example {out / 'tree.png'}")
    out.parent.mkdir(parents=True, exist_ok=True)
    with closing(SessionFile.open(file, read_only=True)) as session, full_disk_is_clear("drawing a session"):
        draw_tree(session, out)
    print(out)
