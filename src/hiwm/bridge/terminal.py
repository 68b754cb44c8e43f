"""`hiwm bridge`: pairs a teleoperator with a seat of the console, and says in the terminal how it goes."""

from __future__ import annotations

import signal
import ssl
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from hiwm.bridge.bridge import Bridge, Newest, device_spec, run_bridge
from hiwm.bridge.teleop import declare, make_teleop
from hiwm.errors import BadInput
from hiwm.server.client import CannotConnect, Client


def bridge(
    url: str,
    code: str,
    teleop: str,
    options: Sequence[str] = (),
    units: Sequence[str] = (),
    scale: float = 1.0,
    package: str | None = None,
    insecure: bool = False,
    tell: Callable[[str], None] = print,
) -> None:
    """Steers until Ctrl+C; raises BadInput, SpecMismatch and CannotConnect, and what a device raises."""
    if scale <= 0:
        raise BadInput(f"expected --scale above 0, got {scale}")
    made = make_teleop(teleop, options, package)
    declared = declare(list(made.action_features), units, scale)
    with _connected(made), Client(url, None, device_spec(teleop, declared), code, context=_trust(insecure)) as client:
        if not client.connections:
            raise CannotConnect(f"{client.http.origin} does not answer this device; is the page still open there?")
        newest = Newest(made)
        running = Bridge(client, made, teleop, declared, newest)
        tell(
            f"{teleop} steers for {url.partition('#')[0]} when you take over there; Enter lets go and takes hold again"
        )
        stop = _asked_to_stop(running, tell)
        try:
            run_bridge(running, stop)
        finally:
            newest.close()
        tell(f"{running.sent} steps sent")


@contextmanager
def _connected(teleop: Any) -> Iterator[None]:
    teleop.connect()
    try:
        yield
    finally:
        teleop.disconnect()


def _trust(insecure: bool) -> ssl.SSLContext | None:
    """None for the system's rules."""
    if not insecure:
        return None
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _asked_to_stop(bridge: Bridge, tell: Callable[[str], None]) -> threading.Event:
    """Set by Ctrl+C and SIGTERM; from now on Enter is the clutch."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    threading.Thread(target=follow_clutch, args=(bridge, tell), daemon=True).start()
    return stop


def follow_clutch(bridge: Bridge, tell: Callable[[str], None]) -> None:
    """Each line of stdin lets go or takes hold again."""
    for _ in sys.stdin:
        bridge.clutch = not bridge.clutch
        tell("holds" if bridge.clutch else "let go: move the arms where you like, and press Enter")
