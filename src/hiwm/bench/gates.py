"""The console's gates in full size: the tests of a checkout with larger counts, and a line for what each tried."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hiwm.errors import BadInput, StageFailed

CHECKOUT = Path(__file__).parents[3]
TESTS = Path("tests") / "server"


def run_gates(out: Path, seed: int = 0, small: bool = False, checkout: Path = CHECKOUT) -> list[dict[str, Any]]:
    """Runs all gates and returns what they noted (in `out` too, a JSON object a line).

    Raises BadInput outside a checkout, StageFailed where a gate did not hold.
    """
    if not (checkout / TESTS).is_dir():
        raise BadInput(
            f"the gates are tests of a checkout, and {checkout / TESTS} is not there; clone hiwm to run them"
        )
    out = out.resolve()
    out.parent.mkdir(parents=True, exist_ok=True)
    out.unlink(missing_ok=True)
    size = "small" if small else "full"
    environment = {**os.environ, "HIWM_GATES": size, "HIWM_GATES_SEED": str(seed), "HIWM_GATES_OUT": str(out)}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "0", str(TESTS)], cwd=checkout, env=environment, check=False
    )
    noted = [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []
    if done.returncode:
        raise StageFailed(f"a gate did not hold; what the others found is in {out}")
    return noted


def gate_lines(noted: list[dict[str, Any]]) -> Iterator[str]:
    """A line for each gate."""
    for gate in noted:
        figures = {name: value for name, value in gate.items() if name not in ("gate", "time", "seed")}
        yield f"{gate['gate']}: {', '.join(f'{name} {_text(value)}' for name, value in figures.items())}"


def _text(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else f"{value:,}"
