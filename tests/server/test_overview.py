"""Statistics and exports: what whoever runs the collection sees, from the files alone."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from hiwm.errors import BadInput
from hiwm.server.exports import Exports
from hiwm.server.overview import digest, kind_of, tree_reply
from hiwm.server.replies import ExportJob
from hiwm.session.file import SessionFile
from hiwm.session.phases import Command, Label
from hiwm.session.session import Session
from tests.server.recorded import recorded_session


@pytest.fixture
def session(tmp_path: Path) -> Session:
    """Twelve steps of the policy, then three of ada's from node 4, labelled."""
    session = Session(SessionFile.open(recorded_session(tmp_path / "toy-eval-3.hiwm", steps=12)))
    session.command(Command.REWIND, node=4, operator="ada")
    session.command(Command.TAKE_OVER, operator="ada")
    for step in range(3):
        session.record(session.node(5 + step), operator="ada", device="keys")
    session.command(Command.MARK, label=Label.FAILURE, operator="ada")
    return session


def test_a_digest_counts_corrections_and_what_the_gates_say(session: Session) -> None:
    made = digest("toy-eval-3", session)
    assert (made.row.steps, made.row.corrections, made.row.label) == (16, 1, Label.FAILURE)
    assert set(made.active_s) == {"ada"}
    assert "the attempt does not end in success" in made.rejected


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("2 steered steps, at least 3 are asked for", "steered steps"),
        ("trust falls to 0.05, at least 0.10 is asked for", "trust falls"),
        ("mean trust is 0.30, at least 0.40 is asked for", "mean trust"),
        ("the attempt does not end in success (not labelled)", "the attempt does not end in success"),
    ],
)
def test_reasons_are_counted_by_kind(reason: str, kind: str) -> None:
    assert kind_of(reason) == kind


def test_a_tree_has_all_nodes_events_and_labels(session: Session) -> None:
    tree = tree_reply("toy-eval-3", session)
    assert [row.node for row in tree.nodes] == list(range(16))
    assert [event.name for event in tree.events] == ["rewind", "take_over", "mark"]
    assert tree.labels == {"15": Label.FAILURE}
    assert {row.branch for row in tree.nodes} == {0, 1}


def exported(folder: Path, script: str) -> tuple[ExportJob, str]:
    """How an export ends that is this Python program, and what a second one is told while it runs."""

    async def go() -> tuple[ExportJob, str]:
        exports = Exports(folder, folder / "exports", (sys.executable, "-c", script))
        job = await exports.start(["--segments"])
        try:
            await exports.start()
        except BadInput as error:
            refused = str(error)
        while job.state == "running":
            await asyncio.sleep(0.02)
            found = exports.job(job.id)
            assert found is not None
            job = found
        await exports.stop()
        return job, refused

    return asyncio.run(go())


def test_an_export_is_a_process_with_progress(tmp_path: Path) -> None:
    job, refused = exported(tmp_path, "import sys; print('episode 3/4'); print(' '.join(sys.argv[1:]))")
    assert (job.state, job.progress) == ("done", 1.0)
    assert job.lines[0] == "episode 3/4"
    assert job.lines[1] == f"{tmp_path} --out {job.out} --segments"
    assert "an export is running" in refused


def test_an_export_that_fails_says_so(tmp_path: Path) -> None:
    job, _ = exported(tmp_path, "print('1 of 2'); raise SystemExit('hiwm: nothing is left to export')")
    assert (job.state, job.progress) == ("failed", 0.5)
    assert "nothing is left to export" in job.text
