"""Token buckets: how AWS throttles the calls of one caller and operation."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Quota:
    """A token bucket: ``rate`` calls a second, after a pause ``burst`` calls at once."""

    rate: float
    burst: int


class Throttle:
    """The buckets of all callers and operations."""

    def __init__(
        self, quotas: Mapping[str, Quota], *, speed: float = 1.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Start with full buckets.

        Args:
            quotas: by operation; an operation without a quota is never throttled.
            speed: multiplies each quota's rate; the burst stays.
            clock: seconds, monotonic.
        """
        self._quotas = {name: Quota(quota.rate * speed, quota.burst) for name, quota in quotas.items()}
        self._clock = clock
        self._buckets: dict[tuple[str, str], _Bucket] = {}

    def take(self, caller: str, operation: str) -> bool:
        """Take a token for a call; return whether there was one."""
        quota = self._quotas.get(operation)
        if quota is None:
            return True
        now = self._clock()
        return self._buckets.setdefault((caller, operation), _Bucket(quota, now)).take(now)

    def reset(self) -> None:
        """Fill all buckets."""
        self._buckets.clear()


class _Bucket:
    """The calls of one operation that one caller has left."""

    def __init__(self, quota: Quota, now: float) -> None:
        self._quota = quota
        self._tokens = float(quota.burst)
        self._filled_at = now

    def take(self, now: float) -> bool:
        self._tokens = min(self._quota.burst, self._tokens + (now - self._filled_at) * self._quota.rate)
        self._filled_at = now
        # As floats, 0.2 s at 5/s is slightly less than one call.
        if self._tokens < 1 - 1e-6:
            return False
        self._tokens -= 1
        return True
