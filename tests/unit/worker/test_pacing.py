"""The pacer with a fake clock: never faster than its share, never slower than needed, slower after throttled calls."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alternate_contacts.worker.pacing import Pacer
from tests.fakes.clock import FakeClock

NEVER = float("inf")
_TOLERANCE = 1e-3
"""Calls or seconds: several of the fake clock's shortest sleeps."""

rates = st.floats(0.1, 100)
bursts = st.floats(1, 20)
pauses = st.floats(0, 10)


def make_pacer(rate: float, burst: float, now: float = 0.0) -> tuple[Pacer, FakeClock]:
    clock = FakeClock(now)
    return Pacer(rate, burst, clock=clock, sleep=clock.sleep), clock


def too_many(grants: list[float], rate: float, burst: float) -> list[tuple[float, float, int]]:
    """Return every time window with more grants than a bucket of ``burst`` and ``rate`` allows."""
    return [
        (grants[first], grants[last], last - first + 1)
        for first in range(len(grants))
        for last in range(first, len(grants))
        if last - first + 1 > burst + rate * (grants[last] - grants[first]) + _TOLERANCE
    ]


def earliest(grants: list[float], now: float, rate: float, burst: float) -> float:
    """Return the earliest time of the next call after ``grants``."""
    return max([now, *(grant + (len(grants) - i + 1 - burst) / rate for i, grant in enumerate(grants))])


@given(rates, bursts, st.lists(pauses, max_size=40))
def test_each_call_goes_out_as_soon_as_the_share_allows_and_no_sooner(
    rate: float, burst: float, arrivals: list[float]
) -> None:
    pacer, clock = make_pacer(rate, burst)
    grants: list[float] = []
    for pause in arrivals:
        clock.now += pause
        expected = earliest(grants, clock.now, rate, burst)
        pacer.wait(NEVER)
        assert clock.now == pytest.approx(expected, abs=_TOLERANCE)
        grants.append(clock.now)
    assert too_many(grants, rate, burst) == []


@given(
    rates,
    bursts,
    st.lists(st.tuples(st.sampled_from(["wait", "wait", "wait", "throttle", "success"]), pauses), max_size=60),
)
def test_never_faster_than_its_share_after_any_history(
    rate: float, burst: float, history: list[tuple[str, float]]
) -> None:
    pacer, clock = make_pacer(rate, burst)
    grants: list[float] = []
    for step, pause in history:
        clock.now += pause
        if step == "wait":
            pacer.wait(NEVER)
            grants.append(clock.now)
        elif step == "throttle":
            pacer.on_throttle()
        else:
            pacer.on_success()
        assert rate * 0.1 <= pacer.rate <= rate
    assert too_many(grants, rate, burst) == []


def test_starts_with_a_full_bucket() -> None:
    pacer, clock = make_pacer(rate=5, burst=3)
    for _ in range(3):
        pacer.wait(NEVER)
    assert clock.sleeps == []
    pacer.wait(NEVER)
    assert clock.now == pytest.approx(1 / 5)


def test_a_burst_below_one_is_one() -> None:
    pacer, clock = make_pacer(rate=2, burst=0.2)
    pacer.wait(NEVER)
    assert clock.sleeps == []
    pacer.wait(NEVER)
    assert clock.now == pytest.approx(0.5)


def test_a_long_rest_refills_no_more_than_the_burst() -> None:
    pacer, clock = make_pacer(rate=5, burst=3)
    clock.now += 3600
    for _ in range(4):
        pacer.wait(NEVER)
    assert clock.now == pytest.approx(3600 + 1 / 5)


def test_sleeps_once_for_each_wait() -> None:
    pacer, clock = make_pacer(rate=8, burst=1)
    for _ in range(5):
        pacer.wait(NEVER)
    assert clock.sleeps == [0.125] * 4


def test_a_throttled_call_empties_the_bucket_and_lowers_the_rate() -> None:
    pacer, clock = make_pacer(rate=10, burst=8)
    pacer.on_throttle()
    assert pacer.rate == pytest.approx(7)
    pacer.wait(NEVER)
    assert clock.now == pytest.approx(1 / 7)


def test_throttled_calls_of_one_burst_lower_the_rate_once() -> None:
    pacer, clock = make_pacer(rate=10, burst=5, now=1000)
    for _ in range(5):
        pacer.on_throttle()
        clock.now += 0.09
    assert pacer.rate == pytest.approx(7)


def test_a_throttled_call_after_the_burst_lowers_the_rate_again() -> None:
    pacer, clock = make_pacer(rate=10, burst=5)
    pacer.on_throttle()
    clock.now += 0.5
    pacer.on_throttle()
    assert pacer.rate == pytest.approx(4.9)


def test_the_first_throttled_call_lowers_the_rate_even_at_once() -> None:
    pacer, _ = make_pacer(rate=10, burst=5, now=1000)
    pacer.on_throttle()
    assert pacer.rate < 10


def test_the_rate_never_falls_below_a_tenth() -> None:
    pacer, clock = make_pacer(rate=10, burst=5)
    for _ in range(100):
        pacer.on_throttle()
        clock.now += 1
    assert pacer.rate == pytest.approx(1)
    pacer.on_throttle()
    before = clock.now
    pacer.wait(NEVER)
    assert clock.now - before == pytest.approx(1)


def test_each_successful_call_raises_the_rate_up_to_the_full_rate() -> None:
    pacer, clock = make_pacer(rate=10, burst=5)
    for _ in range(100):
        pacer.on_throttle()
        clock.now += 1
    pacer.on_success()
    assert pacer.rate == pytest.approx(1.05)
    for _ in range(200):
        pacer.on_success()
    assert pacer.rate == 10
    pacer.on_success()
    assert pacer.rate == 10


def test_successful_calls_at_the_full_rate_change_nothing() -> None:
    pacer, clock = make_pacer(rate=5, burst=2)
    for _ in range(4):
        pacer.wait(NEVER)
        pacer.on_success()
    assert clock.now == pytest.approx(2 / 5)


@pytest.mark.parametrize("late", [0, 0.001, 100])
def test_no_call_goes_out_at_the_deadline_even_with_a_full_bucket(late: float) -> None:
    pacer, clock = make_pacer(rate=5, burst=3, now=10)
    clock.now += late
    assert not pacer.wait(10)
    assert clock.sleeps == []


@given(rates, bursts, st.floats(0.001, 20))
def test_runs_out_of_time_at_the_deadline_and_no_earlier(rate: float, burst: float, seconds: float) -> None:
    pacer, clock = make_pacer(rate, burst)
    grants: list[float] = []
    while pacer.wait(seconds):
        grants.append(clock.now)
    assert max(grants) < seconds
    assert clock.now == pytest.approx(seconds, abs=_TOLERANCE)
    assert len(grants) >= int(min(burst, 1) + rate * (seconds - _TOLERANCE))


def test_a_call_that_ran_out_of_time_takes_no_token() -> None:
    pacer, clock = make_pacer(rate=1, burst=1)
    pacer.wait(NEVER)
    assert not pacer.wait(0.5)
    pacer.wait(NEVER)
    assert clock.now == pytest.approx(1, abs=_TOLERANCE)
