"""How large the gates are: small in `make test`, whole with HIWM_GATES=full; what was run is noted on request."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

ASKED = os.environ.get("HIWM_GATES", "small")
"""small, full, or a number that divides the small sizes."""
SEED = int(os.environ.get("HIWM_GATES_SEED", "0"))


def size(small: int, full: int) -> int:
    """How often a gate is tried."""
    return full if ASKED == "full" else max(1, small // (int(ASKED) if ASKED.isdecimal() else 1))


def note(gate: str, **figures: Any) -> None:
    """Adds a line to $HIWM_GATES_OUT."""
    out = os.environ.get("HIWM_GATES_OUT")
    if out:
        with Path(out).open("a") as file:
            file.write(json.dumps({"gate": gate, "seed": SEED, "time": round(time.time()), **figures}) + "\n")
