"""From a device to a session: newest sample only, at the session's rate, for the seat that showed a pairing code.

The person takes over on the page as with keys; while they steer, the device's samples are the steps. Taking over is the
rising edge of the clutch: the device is referenced anew. Enter in the bridge's own terminal lets go and takes hold
again, to move the arms to a better place. A device that can be driven follows the robot while others drive.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np

from hiwm.bridge.retarget import Grip, require_names
from hiwm.bridge.teleop import RETARGETER, Declared, Teleoperator
from hiwm.errors import SpecMismatch
from hiwm.server import wire
from hiwm.server.client import Client
from hiwm.session.phases import Phase
from hiwm.types import Floats

DEVICE_HZ = 100
"""How often a device is asked, if it answers that fast."""
AHEAD = 1
"""Steps that may be on their way to the disk when the next is sent: a world that waits must not be flooded."""


class Newest:
    """The newest sample of a device, read in a thread of its own as fast as the device gives them."""

    def __init__(self, device: Teleoperator, rate_hz: float = DEVICE_HZ) -> None:
        self.sample: Mapping[str, Any] | None = None
        self.count = 0
        self._device, self._rate_hz = device, rate_hz
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(1, "device")
        self._reading: Future[None] = self._pool.submit(self._read)

    def take(self) -> Mapping[str, Any] | None:
        """The newest sample, None before the first; raises what the device raised."""
        if self._reading.done():
            self._reading.result()
        return self.sample

    def close(self) -> None:
        """Stops reading."""
        self._stop.set()
        self._pool.shutdown()

    def _read(self) -> None:
        while not self._stop.is_set():
            began = time.monotonic()
            sample = self._device.get_action()
            if sample:  # a phone that has not been calibrated yet gives {}
                self.sample, self.count = sample, self.count + 1
            self._stop.wait(max(0.0, 1 / self._rate_hz - (time.monotonic() - began)))


def device_spec(name: str, declared: Declared) -> wire.DeviceSpec:
    """What the bridge says of its device in its hello."""
    names, units = zip(*declared.outputs, strict=True)
    return wire.DeviceSpec(name, names, units, RETARGETER if declared.retarget is not None else None)


class Bridge:
    """Sends the steps of one device; `tick` is called at the session's rate."""

    def __init__(self, client: Client, device: Teleoperator, name: str, declared: Declared, newest: Newest) -> None:
        self.name, self.declared = name, declared
        self.clutch = True
        self.sent = 0
        self._client, self._device, self._newest = client, device, newest
        self._grips: tuple[Grip, Grip] | None = None
        self._gripped_in: wire.State | None = None
        self._driven = declared.retarget is None and set(declared.keys) <= set(device.feedback_features)

    @property
    def period_s(self) -> float:
        """Seconds between two steps of the session."""
        info = self._client.info
        return 1 / info.fps if info is not None else 0.1

    @property
    def steering(self) -> bool:
        """The seat that this device is paired with steers."""
        state, lease = self._client.state, self._client.lease
        mine = lease.yours if lease is not None else state is not None and state.yours
        return state is not None and state.phase is Phase.STEERING and mine

    def tick(self) -> bool:
        """Sends the newest sample as a step where it is this device's turn; True where it did.

        Raises SpecMismatch where the server refuses the device or a number is missing, and what the device raises.
        """
        self._require_fit()
        sample = self._newest.take()
        if not (self.clutch and self.steering):
            self._grips = None
            self._drive()
            return False
        if sample is None or self._client.unsaved > AHEAD:
            return False
        target = self._target(sample)
        self._client.steer(target=[float(value) for value in target], device=self.name)
        self.sent += 1
        return True

    def _target(self, sample: Mapping[str, Any]) -> Floats:
        rule = self.declared.retarget
        if rule is None:
            require_names(sample, [(key, "") for key in self.declared.keys])
            return np.array([sample[key] for key in self.declared.keys], np.float32)
        if self._grips is None or self._gripped_in is not self._client.state:  # each command brings a new state
            self._grips, self._gripped_in = rule.press(sample, self._commanded()), self._client.state
        self._grips, target = rule.follow(self._grips, sample)
        return target

    def _commanded(self) -> wire.Numbers:
        """The last commanded pose, whoever commanded it."""
        told = (m for m in reversed(list(self._client.messages)) if isinstance(m, wire.State | wire.Step))
        newest = next(told, self._client.state)
        assert newest is not None
        return newest.commanded

    def _drive(self) -> None:
        """Takes an actuated device to the robot's pose, so that taking over finds it there."""
        if self._driven and self._client.state is not None:
            pose = self._commanded()
            self._device.send_feedback(dict(zip(self.declared.keys, pose, strict=True)))

    def _require_fit(self) -> None:
        for message in list(self._client.messages):
            if isinstance(message, wire.Error) and message.code is wire.ErrorCode.MISMATCH:
                raise SpecMismatch(message.text)


def run_bridge(bridge: Bridge, stop: threading.Event) -> None:
    """Ticks until `stop` is set."""
    due = time.monotonic()
    while not stop.is_set():
        bridge.tick()
        due = max(due + bridge.period_s, time.monotonic())
        stop.wait(due - time.monotonic())
