"""Commands that look at a dataset of anybody's, check it, label it, and join several."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import OmitArgPrefixes, Positional, UseAppendAction, arg
from tyro.extras import SubcommandApp

from hiwm.errors import BadInput

if TYPE_CHECKING:
    from hiwm.data.source import Source


@dataclass(frozen=True)
class DatasetFlags:
    """A LeRobot v3 dataset, and which of its features play which part where they have other names."""

    folder: Positional[Path]
    """Folder of the dataset."""
    camera: Annotated[UseAppendAction[tuple[str, ...]], arg(metavar="NAME=FEATURE")] = ()
    """Use this camera under this name; give it again for each. Without it, all are used under their own."""
    state: str | None = None
    """Feature that is the robot state; by default observation.state."""
    action: str | None = None
    """Feature that is the action; by default action."""
    success: str | None = None
    """Column that says when the task is done; by default success."""
    progress: str | None = None
    """Column that says how far the task is, 0..1; by default progress."""

    def open(self) -> Source:
        """Opens it; raises BadDataset or UnknownName."""
        from hiwm.data.source import open_source

        return open_source(self.folder, camera_names(self.camera), self.state, self.action, self.success, self.progress)

    def reports(self, out: Path | None) -> Path:
        """The folder for what is written about it: `out`, or one under $HIWM_HOME, made when missing."""
        from hiwm.runfolder import hiwm_home

        folder = out or hiwm_home() / "reports" / self.folder.resolve().name
        folder.mkdir(parents=True, exist_ok=True)
        return folder


type Dataset = OmitArgPrefixes[DatasetFlags]
"""The flags stand beside those of the command."""


def camera_names(pairs: Sequence[str]) -> dict[str, str] | None:
    """`NAME=FEATURE` texts as a dict, None for none; raises BadInput."""
    names: dict[str, str] = {}
    for pair in pairs:
        name, equals, feature = pair.partition("=")
        if not (name and equals and feature):
            raise BadInput(f"expected --camera NAME=FEATURE, got {pair!r}; for example top=observation.images.top")
        if name in names:
            raise BadInput(f"--camera gives {name} twice, {names[name]} and {feature}; name each camera once")
        names[name] = feature
    return names or None


def commands() -> SubcommandApp:
    """`check`, `show` and `label`."""
    app = SubcommandApp()
    app.command(check)
    app.command(show)
    app.command(label)
    app.command(join)
    return app


def check(dataset: Dataset, out: Path | None = None, json: Path | None = None) -> None:
    """Report what is in a dataset, how much it covers, and what to fix.

    Args:
        dataset: Which dataset.
        out: Folder for the heat map; without it, one in $HIWM_HOME.
        json: File for the report as JSON.
    """
    from hiwm.data.check import check_dataset
    from hiwm.runfolder import write_json

    report = check_dataset(dataset.open(), heat_map=dataset.reports(out) / "heat_map.png")
    if json is not None:
        write_json(json, report.to_json())
    print("\n".join(report.lines()))


def show(dataset: Dataset, out: Path | None = None, view: str | None = None, rerun: int | None = None) -> None:
    """Write contact sheets of a dataset, one for each kind of episode.

    Args:
        dataset: Which dataset.
        out: Folder for the sheets; without it, one in $HIWM_HOME.
        view: The camera on the sheets; by default the first.
        rerun: Open this episode in the rerun viewer too, where that is installed.
    """
    from hiwm.data.show import open_in_rerun, write_contact_sheets

    source = dataset.open()
    for path in write_contact_sheets(source, dataset.reports(out), camera=view):
        print(path)
    if rerun is not None:
        open_in_rerun(source, rerun)


def label(dataset: Dataset, all_success: bool = False, port: int = 0) -> None:
    """Say which episodes of a dataset succeed, where it does not say so itself: on a page that plays them.

    Args:
        dataset: Which dataset.
        all_success: Without a page, mark every episode that has no mark as a success.
        port: Port of the page on this machine; 0 takes a free one.
    """
    source = dataset.open()
    if all_success:
        from hiwm.data.labels import label_all_success

        print(f"{label_all_success(source)} episodes marked as successes")
    else:
        _serve_labels(source, port)


def join(folders: Positional[tuple[Path, ...]], out: Path) -> None:
    """Join datasets of one robot into one, and prove that it reads back as what went in.

    Args:
        folders: Folders of the datasets, at least two.
        out: Folder of the new one.
    """
    from hiwm.data.source import open_source
    from hiwm.pipeline.join_data import join_data

    print(join_data([open_source(folder) for folder in folders], out))


def _serve_labels(source: Source, port: int) -> None:
    """Serves the page until Ctrl-C, which is how it is meant to end."""
    from hiwm.data.label_page import LabelPage

    with LabelPage(source, port) as page:
        print(f"{page.address}\nopen it in a browser; each mark is saved at once, Ctrl-C ends", flush=True)
        with suppress(KeyboardInterrupt):
            threading.Event().wait()
    print(f"{len(page.marks())} of {source.episodes.count} episodes marked")
