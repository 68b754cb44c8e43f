"""How much one connection may ask for: token buckets."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

INPUTS_A_SECOND = 100
COMMANDS_A_SECOND = 20
OTHERS_A_SECOND = 200
FAILED_LOGINS_A_MINUTE = 5
MOST_ADDRESSES = 1000


class Bucket:
    """Lets `burst` through at once, and `rate` a second on the average."""

    def __init__(self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._burst, self._clock = rate, burst, clock
        self._left, self._filled = burst, clock()

    def take(self) -> bool:
        """True when one more may go through; it then counts."""
        self._fill()
        if self._left < 1:
            return False
        self._left -= 1
        return True

    @property
    def empty(self) -> bool:
        """True when nothing may go through now."""
        self._fill()
        return self._left < 1

    def _fill(self) -> None:
        now = self._clock()
        self._left = min(self._burst, self._left + (now - self._filled) * self._rate)
        self._filled = now


class FailedLogins:
    """Five a minute and address; while there were more, nobody from there is let in."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def too_many(self, address: str) -> bool:
        """True while an address has to wait."""
        return self._of(address).empty

    def count(self, address: str) -> None:
        """One more has failed."""
        self._of(address).take()

    def _of(self, address: str) -> Bucket:
        if address not in self._buckets:
            self._buckets[address] = Bucket(FAILED_LOGINS_A_MINUTE / 60, FAILED_LOGINS_A_MINUTE, self._clock)
            while len(self._buckets) > MOST_ADDRESSES:
                self._buckets.popitem(last=False)
        return self._buckets[address]
