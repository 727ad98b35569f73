"""Keep calls within their share of an API quota, and as close to that share as possible."""

import threading
import time
from collections.abc import Callable

_SLOWDOWN = 0.7
"""The factor by which a throttled call lowers the rate."""
_RECOVERY = 0.005
"""The part of the full rate that each successful call adds: 60 calls recover from one throttled call (0.3 / 0.005).

Measured beside another tool that takes half of the quota (benchmarks/pace.md): with four times as much, the other tool
would get less than half, and three times as many calls of both would be throttled.
"""
_SLOWEST = 0.1
"""The rate never falls below this part of the full rate, so that there is always a next call."""


class Pacer:
    """A token bucket that follows the API's own: it starts full, and its rate falls when a call is throttled.

    Threads share one pacer. Waiting threads get their turns in no particular order.
    """

    def __init__(
        self,
        rate: float,
        burst: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Start with a full bucket.

        Args:
            rate: calls per second.
            burst: calls that may go out at once; a value below 1 counts as 1.
            clock: returns the time in seconds.
            sleep: waits for a number of seconds.
        """
        self._full_rate = self._rate = rate
        self._burst = max(burst, 1.0)
        self._tokens = self._burst
        self._clock = clock
        self._sleep = sleep
        self._refilled_at = self._slowed_at = clock()
        self._lock = threading.Lock()

    @property
    def rate(self) -> float:
        """The present rate in calls per second: the full rate, or less after throttled calls."""
        return self._rate

    def wait(self, deadline: float) -> bool:
        """Return True when the next call may go out; False if ``deadline``, a time of the clock, comes first."""
        while True:
            with self._lock:
                now = self._clock()
                self._refill(now)
                if now >= deadline:
                    return False
                if self._tokens >= 1:
                    self._tokens -= 1
                    return True
                seconds = (1 - self._tokens) / self._rate
            self._sleep(min(seconds, deadline - now))

    def on_success(self) -> None:
        """Raise the rate a little, because a call was not throttled."""
        with self._lock:
            self._refill(self._clock())
            self._rate = min(self._full_rate, self._rate + self._full_rate * _RECOVERY)

    def on_throttle(self) -> None:
        """Empty the bucket and lower the rate, because a call was throttled: the API's bucket is empty, too.

        Calls that were in flight together report the same empty bucket, so the rate falls only once in the time that
        a burst takes to refill.
        """
        with self._lock:
            now = self._clock()
            self._refill(now)
            self._tokens = min(self._tokens, 0.0)
            if now - self._slowed_at >= self._burst / self._full_rate or self._rate == self._full_rate:
                self._rate = max(self._rate * _SLOWDOWN, self._full_rate * _SLOWEST)
                self._slowed_at = now

    def _refill(self, now: float) -> None:
        self._tokens = min(self._burst, self._tokens + (now - self._refilled_at) * self._rate)
        self._refilled_at = now
