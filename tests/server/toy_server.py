"""The real server with toy models as a process: `python -m tests.server.toy_server FOLDER PORT [ROLLOUTS [NAME]]`.

With a public NAME it serves HTTPS. Without arguments it reads such lines and forks a server for each: what is killed
in tests is then back in an instant.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from hiwm.server.hub import HubSettings
from hiwm.server.model_process import ModelSettings
from hiwm.server.run import Address, serve

DOT = ModelSettings("tests.server.toy_models:dot")
CACHE_BYTES = 2**21
"""Of nodes: small, so that memory which grows does so for another reason."""


def run(arguments: Sequence[str]) -> None:
    """Serves until it is told to stop; the link is left in FOLDER/link."""
    folder, port, rollouts, name = (*arguments, "", "")[:4]
    root = Path(folder)
    root.mkdir(parents=True, exist_ok=True)
    settings = HubSettings(root, DOT, "toy/console", Path(rollouts) if rollouts else None, CACHE_BYTES)
    tls = Address("0.0.0.0", int(port), "auto", f"https://{name}:{port}")

    def tell(text: str) -> None:
        if "#token=" in text:
            beside = root / "link.tmp"
            beside.write_text(text)
            beside.rename(root / "link")

    serve(settings, tls if name else Address(port=int(port)), browser=False, tell=tell)


def fork_servers() -> None:
    """A server for each line."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.close(0)
            os.open(os.devnull, os.O_RDONLY)
            run(line.rstrip("\n").split("\t"))
            os._exit(0)
        print(child, flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        run(sys.argv[1:])
    else:
        fork_servers()
