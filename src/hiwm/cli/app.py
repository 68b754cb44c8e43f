"""Entry point of the `hiwm` command: all commands, and the outermost handler of errors."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from tyro.conf import DisallowNone, FlagCreatePairsOff, PositionalMetavarFromFieldName
from tyro.extras import SubcommandApp

from hiwm.cli import bench, data, devices, loop, measure, serve, session, stages, training
from hiwm.errors import HiwmError

BAD_INPUT = 2
INTERRUPTED = 130  # 128 + SIGINT
PIPE_CLOSED = 141  # 128 + SIGPIPE


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command (default: that of the process) and returns its exit code.

    What hiwm raises on purpose becomes one line on stderr; anything else is a defect and keeps its traceback.
    """
    try:
        _run(arguments)
    except HiwmError as error:
        print(f"hiwm: {' '.join(str(error).split())}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        print("hiwm: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        _discard_output()
        return PIPE_CLOSED
    return 0


def _run(arguments: Sequence[str] | None) -> None:
    try:
        _commands().cli(
            prog="hiwm",
            description="An operator's workspace inside a robot's learned world model.",
            args=arguments,
            config=(DisallowNone, FlagCreatePairsOff, PositionalMetavarFromFieldName),
        )
    finally:
        sys.stdout.flush()  # here and not at exit, where nobody could handle a closed pipe


def _commands() -> SubcommandApp:
    app = SubcommandApp()
    app.command(stages.tour)
    app.command(stages.collect)
    app.command(stages.train_world)
    app.command(stages.train_estimator)
    app.command(training.train_policy)
    app.command(training.post_train)
    app.command(training.serve_policy)
    app.command(training.ship_policy)
    app.command(stages.world_card)
    app.command(serve.serve)
    app.command(devices.bridge)
    app.command(devices.doctor)
    app.command(loop.rollout)
    app.command(loop.find_failures)
    app.command(loop.correct)
    app.command(loop.export)
    app.command(measure.run)
    app.command(measure.evaluate)
    app.command(measure.agree)
    app.command(measure.report)
    app.command(data.commands(), name="data", help="Look at a dataset, check it, label it, join several.")
    app.command(session.commands(), name="session", help="Check session files, and draw them.")
    app.command(bench.commands(), name="bench", help="Measure speeds and success rates.")
    return app


def _discard_output() -> None:
    """The reader of stdout is gone; what is still buffered goes nowhere, so that the exit is quiet."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
