"""Paced calls: a throttled one is retried in place, every one is counted, and none goes out after the deadline."""

from collections.abc import Callable

import pytest

from alternate_contacts.worker.contacts import ContactType
from alternate_contacts.worker.errors import (
    AccessDenied,
    InvalidContact,
    NotReady,
    OutOfTime,
    Throttled,
    Unavailable,
    WorkerError,
)
from alternate_contacts.worker.paced_api import CallCounter, PacedAccountApi
from alternate_contacts.worker.pacing import Pacer
from tests.fakes.clock import FakeClock
from tests.fakes.worker import DESIRED, MEMBER, PRESENT, FakeAccountApi

SECURITY = ContactType.SECURITY


class Bench:
    """A paced API with ten Gets and five Puts per second and a burst of one call each."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.api = FakeAccountApi({(MEMBER, SECURITY): PRESENT})
        self.gets = Pacer(10, 1, clock=self.clock, sleep=self.clock.sleep)
        self.puts = Pacer(5, 1, clock=self.clock, sleep=self.clock.sleep)
        self.paced = PacedAccountApi(self.api, self.gets, self.puts)
        self.counter = CallCounter()

    def get(self, deadline: float = 60) -> object:
        return self.paced.get(MEMBER, SECURITY, deadline=deadline, counter=self.counter)

    def put(self, deadline: float = 60) -> None:
        self.paced.put(MEMBER, SECURITY, DESIRED, deadline=deadline, counter=self.counter)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def throttled() -> Throttled:
    return Throttled("TooManyRequestsException", "GetAlternateContact")


def test_returns_what_the_api_returns(bench: Bench) -> None:
    assert bench.get() is PRESENT
    bench.put()
    assert bench.get() is DESIRED
    assert bench.api.calls == [("get", MEMBER, SECURITY), ("put", MEMBER, SECURITY), ("get", MEMBER, SECURITY)]
    assert (bench.counter.calls, bench.counter.throttled) == (3, 0)


def test_gets_and_puts_have_separate_quotas(bench: Bench) -> None:
    bench.get()
    bench.put()
    assert bench.clock.sleeps == []
    bench.get()
    assert bench.clock.now == pytest.approx(1 / 10)
    bench.put()
    assert bench.clock.now == pytest.approx(1 / 5)


@pytest.mark.parametrize("call", [Bench.get, Bench.put])
def test_a_throttled_call_is_retried_in_place(bench: Bench, call: Callable[[Bench], object]) -> None:
    bench.api.fail_with(throttled(), times=3)
    call(bench)
    assert len(bench.api.calls) == 4
    assert (bench.counter.calls, bench.counter.throttled) == (4, 3)


@pytest.mark.parametrize("call", [Bench.get, Bench.put])
def test_a_call_that_is_throttled_until_the_deadline_fails_there(
    bench: Bench, call: Callable[[Bench, float], None]
) -> None:
    bench.api.fail_with(throttled())
    with pytest.raises(Throttled):
        call(bench, 20)
    assert bench.clock.now == pytest.approx(20, abs=1e-3)
    assert bench.counter.calls == bench.counter.throttled == len(bench.api.calls) > 10


def test_a_throttled_call_slows_down_its_own_pacer_only(bench: Bench) -> None:
    bench.api.fail_with(throttled(), operation="put", times=1)
    bench.get()
    bench.put()
    assert bench.puts.rate < 5
    assert bench.gets.rate == 10


def test_successful_calls_let_the_pacer_recover(bench: Bench) -> None:
    bench.api.fail_with(throttled(), times=1)
    for _ in range(61):
        bench.get()
    assert bench.gets.rate == 10


@pytest.mark.parametrize(
    "error",
    [
        AccessDenied("AccessDeniedException", "GetAlternateContact"),
        Unavailable("ConnectTimeoutError", "GetAlternateContact"),
        NotReady("x", "y"),
        InvalidContact("ValidationException", "PutAlternateContact"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_any_other_error_is_raised_at_once(bench: Bench, error: WorkerError) -> None:
    bench.api.fail_with(error)
    with pytest.raises(type(error)) as caught:
        bench.get()
    assert caught.value is error
    assert (bench.counter.calls, bench.counter.throttled) == (1, 0)
    assert bench.gets.rate == 10


def test_a_crash_is_counted_and_raised(bench: Bench) -> None:
    bench.api.fail_with(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        bench.get()
    assert bench.counter.calls == 1


@pytest.mark.parametrize(
    ("call", "operation"), [(Bench.get, "GetAlternateContact"), (Bench.put, "PutAlternateContact")]
)
def test_no_call_goes_out_after_the_deadline(
    bench: Bench, call: Callable[[Bench, float], None], operation: str
) -> None:
    bench.clock.now = 7
    with pytest.raises(OutOfTime) as caught:
        call(bench, 7)
    assert (caught.value.code, caught.value.operation) == ("not_tried", operation)
    assert bench.api.calls == []
    assert bench.counter.calls == 0
