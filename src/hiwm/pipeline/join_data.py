"""`hiwm data join`: several LeRobot datasets of one robot in, one dataset out, which has all of their episodes."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from hiwm.data.features import read_sidecar, write_sidecar
from hiwm.data.join import join_datasets
from hiwm.data.source import Source
from hiwm.errors import BadInput, SpecMismatch
from hiwm.runfolder import full_disk_is_clear, replace_folder


def join_data(parts: Sequence[Source], out: Path) -> Path:
    """Joins datasets in this order, proves that the result reads back as what went in, and puts it in its place.

    Raises BadInput where `out` exists or there is one dataset only, SpecMismatch where robots or columns differ.
    """
    if out.exists():
        raise BadInput(f"{out} exists; nothing was changed: give another --out")
    if len(parts) < 2:
        raise BadInput(f"expected at least two datasets, got {len(parts)}; name more")
    first = parts[0]
    for part in parts[1:]:
        if part.spec != first.spec or set(part.features) != set(first.features):
            differing = sorted(set(part.features) ^ set(first.features))
            raise SpecMismatch(
                f"{part.folder} is not of the same robot and columns as {first.folder}"
                f"{f' (only one has {differing})' if differing else ''}; export it with --like {first.folder}"
            )
    beside = out.absolute().with_name(f"{out.name}.tmp")
    shutil.rmtree(beside, ignore_errors=True)
    beside.parent.mkdir(parents=True, exist_ok=True)
    with full_disk_is_clear(f"joining into {out}"):
        join_datasets([part.folder for part in parts], beside)
        sidecar = read_sidecar(first.folder)
        if sidecar is not None:
            write_sidecar(beside, first.spec, sidecar["task"], joined=[part.folder.name for part in parts])
        replace_folder(beside, out.absolute())
    return out
