"""`run.json`: what a run compares, and in which of its folders trials, corrections and agreement are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from hiwm.errors import BadInput
from hiwm.runfolder import read_json, write_json

FILE = "run.json"
LINEAGE = "lineage.json"
"""What each policy of a run descends from."""


@dataclass(frozen=True)
class Method:
    """A policy of the run. label: in its trials. corrections: labels of the sets that it was post-trained on."""

    label: str
    title: str
    about: str
    corrections: tuple[str, ...] = ()


@dataclass(frozen=True)
class CorrectionSet:
    """Corrections made at one time: the folder of their sessions, and that of the dataset they became."""

    label: str
    title: str
    sessions: str
    dataset: str


@dataclass(frozen=True)
class RunAbout:
    """main is compared with `against` in the headline, `compared` pairs beside it. Folders are relative to the run.

    outside, inside: folders of `hiwm evaluate`, or CSVs of trials. looks: folder by look. agreement: folder of
    `hiwm agree`. volume: labels of methods by rising volume of corrections. outside_is: in words. base_dataset: what
    the base policy has learned from, for shares. cost: inputs of the cost model that are not the defaults.
    """

    task: str
    recipe: str
    created: str
    methods: tuple[Method, ...]
    main: str
    against: str
    compared: tuple[tuple[str, str], ...]
    outside: tuple[str, ...]
    outside_is: str = "the simulator"
    inside: tuple[str, ...] = ()
    looks: Mapping[str, str] = field(default_factory=dict)
    agreement: str | None = None
    volume: tuple[str, ...] = ()
    corrections: tuple[CorrectionSet, ...] = ()
    base_dataset: str | None = None
    operators: str = ""
    cost: Mapping[str, float] = field(default_factory=dict)

    def method(self, label: str) -> Method:
        """The method of a label; raises BadInput."""
        found = next((method for method in self.methods if method.label == label), None)
        if found is None:
            raise BadInput(f"{FILE} speaks of a method {label!r}; it has {', '.join(m.label for m in self.methods)}")
        return found


def write_about(run: Path, about: RunAbout) -> None:
    """Writes `run.json`."""
    write_json(run / FILE, asdict(about))


def read_about(run: Path) -> RunAbout:
    """Reads `run.json`; raises BadInput where there is none, or one that does not fit."""
    path = run / FILE
    if not path.is_file():
        raise BadInput(f"expected the folder of a run with {FILE}, got {run}; hiwm run TASK makes one")
    try:
        data = read_json(path)
        data["methods"] = tuple(Method(**m | {"corrections": tuple(m["corrections"])}) for m in data["methods"])
        data["corrections"] = tuple(CorrectionSet(**one) for one in data["corrections"])
        data["compared"] = tuple((first, second) for first, second in data["compared"])
        for name in ("outside", "inside", "volume"):
            data[name] = tuple(data[name])
        return RunAbout(**data)
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{path} does not fit ({type(error).__name__}: {error}); run hiwm run again") from error
