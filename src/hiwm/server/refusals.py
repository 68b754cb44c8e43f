"""What kind of refusal an error is, and what is refused because it does not belong together."""

from __future__ import annotations

from collections.abc import Mapping

from hiwm.errors import BadInput, HiwmError, NotAllowed, OutOfSpace, SpecMismatch
from hiwm.server.leases import Refused
from hiwm.server.model_wire import ModelError
from hiwm.server.wire import ErrorCode
from hiwm.session.rows import SessionAbout

_KINDS: dict[type[HiwmError], ErrorCode] = {
    NotAllowed: ErrorCode.NOT_ALLOWED,
    OutOfSpace: ErrorCode.NO_SPACE,
    ModelError: ErrorCode.MODEL,
    SpecMismatch: ErrorCode.MISMATCH,
}


def code_of(error: HiwmError) -> ErrorCode:
    """The code that goes with an error's text."""
    if isinstance(error, Refused):
        return ErrorCode.STALE if error.stale else ErrorCode.HELD
    return next((code for kind, code in _KINDS.items() if isinstance(error, kind)), ErrorCode.UNKNOWN)


def require_models(name: str, about: SessionAbout, served: Mapping[str, Mapping[str, str]]) -> None:
    """Raises BadInput where a session was made with another dynamics or policy than are served."""
    for part, made in (("dynamics", about.dynamics), ("policy", about.policy)):
        now = served.get(part)
        if now is not None and now.get("hash") != made.get("hash"):
            raise BadInput(
                f"session {name} was made with the {part} {_named(made)}, served is {_named(now)}; "
                "serve it with its own"
            )


def _named(about: Mapping[str, str]) -> str:
    return f"{about.get('name', '?')} ({about.get('hash', '')[:12]})"
