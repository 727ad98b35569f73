"""Stop in time: Lambda kills an invocation at its timeout, and CloudFormation would get no response."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from threading import Event
from typing import TypeVar

from alternate_contacts.backfill.counts import BackfillCounts
from alternate_contacts.backfill.errors import BackfillError

Result = TypeVar("Result")

RESERVED_SECONDS = 75
"""Kept at the end of an invocation: 16 s for DescribeStacks (2 attempts of 3 + 5 s), 43.5 s for the response to
CloudFormation (`response`), and 15.5 s to spare."""


def deadline_after(remaining_milliseconds: int) -> float:
    """Return when work has to end, in seconds of ``time.monotonic()``, given the rest of the invocation."""
    return time.monotonic() + remaining_milliseconds / 1000 - RESERVED_SECONDS


def run_until(deadline: float, work: Callable[[Event], Result], *, counts: BackfillCounts, stop: Event) -> Result:
    """Return what ``work`` returns, or raise at ``deadline`` even if a call hangs.

    ``stop`` is set at the deadline; ``work`` gets it and ends soon after. ``counts`` is for the message only.

    Raises:
        BackfillError: the deadline has passed.
    """
    pool = ThreadPoolExecutor(1)
    future = pool.submit(work, stop)
    wait([future], timeout=max(deadline - time.monotonic(), 0))
    stop.set()
    pool.shutdown(wait=False)
    if not future.done():
        raise BackfillError(f"The backfill ran out of time. {counts.summary}. Retry.")
    return future.result()
