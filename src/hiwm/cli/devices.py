"""Commands for the machine that a person sits at: leader arms for the console, and what is missing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from tyro.conf import UseAppendAction, arg


def bridge(
    url: str,
    code: str,
    teleop: str = "bi_so_leader",
    option: Annotated[UseAppendAction[tuple[str, ...]], arg(metavar="NAME=VALUE")] = (),
    units: tuple[str, ...] = (),
    scale: float = 1.0,
    package: str | None = None,
    insecure: bool = False,
) -> None:
    """Steer a session of the console with a teleoperator of LeRobot's, for example two SO leader arms.

    Args:
        url: The address of the console's page.
        code: The pairing code that the page shows.
        teleop: Type of the teleoperator, as LeRobot calls it.
        option: One of its settings, for example left_arm_config.port=/dev/ttyACM0; give it again for each.
        units: The unit of each of its numbers, where it is neither two SO arms nor the robot's own numbers.
        scale: Metres that the robot's hands move for each metre of the leader's.
        package: A Python package to import first, which brings further types of teleoperators.
        insecure: Trust a console whose certificate nobody has signed (hiwm serve --tls auto).
    """
    from hiwm.bridge.terminal import bridge as run

    run(url, code, teleop, tuple(option), units, scale, package, insecure)


def doctor(json: Path | None = None) -> None:
    """Say what is missing on this machine, and what to do about each thing; exit code 1 if something needed is.

    Args:
        json: File for the findings.
    """
    from hiwm.pipeline.doctor import examine, report

    findings = examine()
    report(findings, json)
    if any(finding.bad for finding in findings):
        raise SystemExit(1)
