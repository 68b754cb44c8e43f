"""The server's log: one JSON object a line, with the ids of session and operator where they are known."""

from __future__ import annotations

import json
import logging
import sys
import time
from typing import Any

_LOGGER = logging.getLogger("hiwm.server")


class JsonLines(logging.Formatter):
    """Writes what `log` was given, and other libraries' messages as `text`."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        fields = getattr(record, "fields", None)
        line = {"time": round(record.created, 3), "level": record.levelname.lower()}
        line |= {"event": record.getMessage(), **fields} if fields is not None else {"text": record.getMessage()}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def set_up_logs(level: str = "info") -> None:
    """Sends the log to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    _LOGGER.setLevel(level.upper())


def log(event: str, **fields: Any) -> None:
    """Notes an event."""
    _LOGGER.info(event, extra={"fields": fields})


def log_failure(event: str, error: BaseException, **fields: Any) -> None:
    """Notes a defect with its traceback."""
    _LOGGER.error(event, extra={"fields": fields}, exc_info=error)


def unix_ms() -> float:
    """The wire's clock."""
    return 1e3 * time.time()
