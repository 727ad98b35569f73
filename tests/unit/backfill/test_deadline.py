"""Work ends at its deadline, even if a call hangs."""

import threading
import time

import pytest

from alternate_contacts.backfill.counts import BackfillCounts
from alternate_contacts.backfill.deadline import RESERVED_SECONDS, deadline_after, run_until
from alternate_contacts.backfill.errors import BackfillError


def test_the_deadline_keeps_the_reserved_seconds() -> None:
    assert deadline_after(900_000_000) - time.monotonic() == pytest.approx(900_000 - RESERVED_SECONDS, abs=60)


def test_work_that_ends_in_time_returns_its_result() -> None:
    stop = threading.Event()
    assert run_until(time.monotonic() + 10, lambda _: "result", counts=BackfillCounts(), stop=stop) == "result"


def test_work_that_raises_in_time_raises_its_error() -> None:
    def fail(_: threading.Event) -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        run_until(time.monotonic() + 10, fail, counts=BackfillCounts(), stop=threading.Event())


def test_work_that_is_late_is_stopped_and_left_behind() -> None:
    is_over, stop = threading.Event(), threading.Event()
    with pytest.raises(BackfillError, match=r"out of time. Accounts: 7 listed"):
        run_until(time.monotonic(), lambda _: is_over.wait(30), counts=BackfillCounts(listed=7), stop=stop)
    assert stop.is_set()
    is_over.set()
