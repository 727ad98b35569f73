"""Keep calls of AWS Organizations below the rates at which AWS throttles them.

https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html#throttling-limits
"""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class CallRate:
    """How many calls a second this package makes of one operation, and how many at once after a pause."""

    calls_per_second: float
    burst: float


LIST_ACCOUNTS_RATE = CallRate(6, 8)
"""AWS throttles a caller's account at 8 a second, burst 12. The rest is for other tools.

10,000 accounts are at least 500 pages, and so at least 500 / 6 = 83 s: at 150 ms a page they take 75 s without any
pace. The worker then needs 100 min for them at the default quota. 50,000 accounts are at least 2,500 / 6 = 417 s of the
725 s that an invocation has (benchmarks/backfill-size.md).
"""


class CallPace:
    """Waits before each call, so that calls stay within a rate. For one thread at a time.

    The generic cell rate algorithm: https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm
    """

    def __init__(
        self,
        rate: CallRate,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._interval = 1 / rate.calls_per_second
        self._tolerance = self._interval * (rate.burst - 1)
        self._next = clock()
        self._clock = clock
        self._sleep = sleep

    def wait(self) -> None:
        """Return when the next call may go out."""
        now = self._clock()
        early = self._next - self._tolerance - now
        if early > 0:
            self._sleep(early)
        self._next = max(self._next, now) + self._interval
