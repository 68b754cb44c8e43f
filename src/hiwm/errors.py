"""Everything hiwm raises on purpose: one small tree, so that one handler in the CLI can print one line.

    HiwmError
    ├── BadInput          what the user gave does not fit: a name, a number, a file
    │   ├── UnknownName   a task, camera, column ... that does not exist (lists those that do)
    │   ├── SpecMismatch  two parts disagree on cameras, state, actions or rate
    │   └── NotAllowed    what a session does not take as it stands
    ├── BadDataset        a dataset that cannot be read as it stands
    ├── BadCheckpoint     a model folder that cannot be read as it stands
    ├── BadSession        a session file that cannot be read as it stands
    ├── NeedsFailures     a feature needs success labels or failed episodes that the data does not have
    ├── NotRepeatable     an environment that does not come back to an earlier state by seed and replay
    ├── OutOfSpace        the disk cannot hold what is to be written
    └── StageFailed       a stage stopped on an error that is not the user's; what it had finished is kept

A message says what was expected, what came, and what to do next, in one line.
"""

from __future__ import annotations

from collections.abc import Iterable


class HiwmError(Exception):
    """Base of all errors that hiwm raises on purpose; its text is one line meant for a person."""


class BadInput(HiwmError):
    """What the user gave does not fit."""


class UnknownName(BadInput):
    """A name that is not among the known ones."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        super().__init__(f"no {kind} is called {name!r}; known: {', '.join(sorted(known))}")


class SpecMismatch(BadInput):
    """Two parts disagree on cameras, state, actions or rate."""


class NotAllowed(BadInput):
    """A command or a step that a session does not take as it stands."""


class BadDataset(HiwmError):
    """A dataset that cannot be read as it stands."""


class BadCheckpoint(HiwmError):
    """A model folder that cannot be read as it stands."""


class BadSession(HiwmError):
    """A session file that cannot be read as it stands."""


class NeedsFailures(HiwmError):
    """A feature needs labels or failed episodes that the data does not have."""


class NotRepeatable(HiwmError):
    """An environment that does not come back to an earlier state by seed and replay."""


class OutOfSpace(HiwmError):
    """The disk cannot hold what is to be written."""


class StageFailed(HiwmError):
    """A stage stopped on an error that is not the user's; what it had finished is kept."""
