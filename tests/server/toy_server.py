"""The real server with the toy models, as a process: `python -m tests.server.toy_server FOLDER PORT [ROLLOUTS]`."""

from __future__ import annotations

import sys
from pathlib import Path

from hiwm.server.hub import HubSettings
from hiwm.server.model_process import ModelSettings
from hiwm.server.run import Address, serve

TOY = ModelSettings("tests.server.toy_models:toy")

if __name__ == "__main__":
    folder, port, *rollouts = sys.argv[1:]
    settings = HubSettings(Path(folder), TOY, "toy/console", Path(rollouts[0]) if rollouts else None)
    serve(settings, Address(port=int(port)), browser=False)
