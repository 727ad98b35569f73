"""Keeps calls within their share of an API quota, as close to it as can be."""

import threading
import time
from collections.abc import Callable

from alternate_contacts.worker.errors import OutOfTime

_SLOWER = 0.7
"""What a refused call leaves of the rate."""
_RECOVERY = 0.005
"""What each call that went through gives back, as a part of the full rate: 60 calls for what one refusal took.

Measured beside another tool that takes half of the quota (docs/pace.md): four times as much would leave it less than
half, and have three times as many calls refused on both sides.
"""
_SLOWEST = 0.1
"""The part of the full rate that no row of refusals takes away, so that there is always a next try."""


class Pacer:
    """A token bucket that knows AWS's own bucket: it starts full, and slows down when AWS refuses all the same.

    Threads share one pacer; waiting threads take their turns in no particular order.
    """

    def __init__(
        self,
        rate: float,
        burst: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """``rate`` in calls a second; ``burst`` in calls that may come at once, at least 1."""
        self._full_rate = self._rate = rate
        self._burst = max(burst, 1.0)
        self._tokens = self._burst
        self._clock = clock
        self._sleep = sleep
        self._refilled = self._slowed = clock()
        self._lock = threading.Lock()

    @property
    def rate(self) -> float:
        """Calls a second as of now: the full rate, or less after refusals."""
        return self._rate

    def wait(self, deadline: float, operation: str) -> None:
        """Return when the next call may go out.

        Raises:
            OutOfTime: its turn does not come before ``deadline``, a time of the clock.
        """
        while True:
            with self._lock:
                now = self._clock()
                self._refill(now)
                if now >= deadline:
                    raise OutOfTime("not_tried", operation)
                if self._tokens >= 1:
                    self._tokens -= 1
                    return
                pause = (1 - self._tokens) / self._rate
            self._sleep(min(pause, deadline - now))

    def on_success(self) -> None:
        """Tell that AWS took a call: recover a little."""
        with self._lock:
            if self._rate < self._full_rate:
                self._refill(self._clock())
                self._rate = min(self._full_rate, self._rate + self._full_rate * _RECOVERY)

    def on_throttle(self) -> None:
        """Tell that AWS refused a call as one too many: its bucket is empty, so is ours, and we go slower.

        Calls that were under way together tell of one and the same shortage, so for the time of one burst the rate
        falls only once.
        """
        with self._lock:
            now = self._clock()
            self._refill(now)
            self._tokens = min(self._tokens, 0.0)
            if now - self._slowed >= self._burst / self._full_rate or self._rate == self._full_rate:
                self._rate = max(self._rate * _SLOWER, self._full_rate * _SLOWEST)
                self._slowed = now

    def _refill(self, now: float) -> None:
        self._tokens = min(self._burst, self._tokens + (now - self._refilled) * self._rate)
        self._refilled = now
