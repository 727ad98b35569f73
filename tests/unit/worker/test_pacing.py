"""The pacer against a fake clock: never faster than its share, never slower than needed, slower after refusals."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alternate_contacts.worker.errors import OutOfTime
from alternate_contacts.worker.pacing import Pacer
from tests.fakes.clock import FakeClock

NEVER = float("inf")
_TOLERANCE = 1e-3
"""Of calls and seconds: the fake clock's shortest sleep, some times over."""

rates = st.floats(0.1, 100)
bursts = st.floats(1, 20)
pauses = st.floats(0, 10)


def pacer_of(rate: float, burst: float, now: float = 0.0) -> tuple[Pacer, FakeClock]:
    clock = FakeClock(now)
    return Pacer(rate, burst, clock=clock, sleep=clock.sleep), clock


def too_many(grants: list[float], rate: float, burst: float) -> list[tuple[float, float, int]]:
    """Every window that holds more grants than a bucket of ``burst`` and ``rate`` lets through."""
    return [
        (grants[first], grants[last], last - first + 1)
        for first in range(len(grants))
        for last in range(first, len(grants))
        if last - first + 1 > burst + rate * (grants[last] - grants[first]) + _TOLERANCE
    ]


def soonest(grants: list[float], now: float, rate: float, burst: float) -> float:
    """When the next call may go out at the soonest, after ``grants``."""
    return max([now, *(grant + (len(grants) - i + 1 - burst) / rate for i, grant in enumerate(grants))])


@given(rates, bursts, st.lists(pauses, max_size=40))
def test_lets_each_call_out_as_soon_as_its_share_allows_and_no_sooner(
    rate: float, burst: float, arrivals: list[float]
) -> None:
    pacer, clock = pacer_of(rate, burst)
    grants: list[float] = []
    for pause in arrivals:
        clock.now += pause
        expected = soonest(grants, clock.now, rate, burst)
        pacer.wait(NEVER, "op")
        assert clock.now == pytest.approx(expected, abs=_TOLERANCE)
        grants.append(clock.now)
    assert too_many(grants, rate, burst) == []


@given(
    rates,
    bursts,
    st.lists(st.tuples(st.sampled_from(["wait", "wait", "wait", "refused", "went through"]), pauses), max_size=60),
)
def test_never_faster_than_its_share_whatever_aws_says(
    rate: float, burst: float, history: list[tuple[str, float]]
) -> None:
    pacer, clock = pacer_of(rate, burst)
    grants: list[float] = []
    for what, pause in history:
        clock.now += pause
        if what == "wait":
            pacer.wait(NEVER, "op")
            grants.append(clock.now)
        elif what == "refused":
            pacer.on_throttle()
        else:
            pacer.on_success()
        assert rate * 0.1 <= pacer.rate <= rate
    assert too_many(grants, rate, burst) == []


def test_starts_with_a_full_bucket() -> None:
    pacer, clock = pacer_of(rate=5, burst=3)
    for _ in range(3):
        pacer.wait(NEVER, "op")
    assert clock.sleeps == []
    pacer.wait(NEVER, "op")
    assert clock.now == pytest.approx(1 / 5)


def test_a_burst_below_one_is_one() -> None:
    pacer, clock = pacer_of(rate=2, burst=0.2)
    pacer.wait(NEVER, "op")
    assert clock.sleeps == []
    pacer.wait(NEVER, "op")
    assert clock.now == pytest.approx(0.5)


def test_a_long_rest_fills_no_more_than_the_burst() -> None:
    pacer, clock = pacer_of(rate=5, burst=3)
    clock.now += 3600
    for _ in range(4):
        pacer.wait(NEVER, "op")
    assert clock.now == pytest.approx(3600 + 1 / 5)


def test_sleeps_once_for_each_wait() -> None:
    """No polling: somebody pays for every wake-up."""
    pacer, clock = pacer_of(rate=8, burst=1)
    for _ in range(5):
        pacer.wait(NEVER, "op")
    assert clock.sleeps == [0.125] * 4


def test_a_refusal_empties_the_bucket_and_slows_down() -> None:
    pacer, clock = pacer_of(rate=10, burst=8)
    pacer.on_throttle()
    assert pacer.rate == pytest.approx(7)
    pacer.wait(NEVER, "op")
    assert clock.now == pytest.approx(1 / 7)


def test_refusals_of_one_burst_slow_down_once() -> None:
    pacer, clock = pacer_of(rate=10, burst=5)
    for _ in range(5):
        pacer.on_throttle()
        clock.now += 0.09
    assert pacer.rate == pytest.approx(7)


def test_a_refusal_after_the_burst_slows_down_again() -> None:
    pacer, clock = pacer_of(rate=10, burst=5)
    pacer.on_throttle()
    clock.now += 0.5
    pacer.on_throttle()
    assert pacer.rate == pytest.approx(4.9)


def test_a_first_refusal_slows_down_even_at_once() -> None:
    pacer, _ = pacer_of(rate=10, burst=5, now=1000)
    pacer.on_throttle()
    assert pacer.rate < 10


def test_never_slower_than_a_tenth() -> None:
    pacer, clock = pacer_of(rate=10, burst=5)
    for _ in range(100):
        pacer.on_throttle()
        clock.now += 1
    assert pacer.rate == pytest.approx(1)
    pacer.on_throttle()
    before = clock.now
    pacer.wait(NEVER, "op")
    assert clock.now - before == pytest.approx(1)


def test_recovers_a_little_with_each_call_and_no_further_than_its_share() -> None:
    pacer, clock = pacer_of(rate=10, burst=5)
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


def test_calls_that_go_through_at_full_speed_change_nothing() -> None:
    pacer, clock = pacer_of(rate=5, burst=2)
    for _ in range(4):
        pacer.wait(NEVER, "op")
        pacer.on_success()
    assert clock.now == pytest.approx(2 / 5)


@pytest.mark.parametrize("late", [0, 0.001, 100])
def test_nothing_goes_out_at_the_deadline_even_with_a_full_bucket(late: float) -> None:
    pacer, clock = pacer_of(rate=5, burst=3, now=10)
    clock.now += late
    with pytest.raises(OutOfTime) as caught:
        pacer.wait(10, "PutAlternateContact")
    assert (caught.value.code, caught.value.operation) == ("not_tried", "PutAlternateContact")
    assert clock.sleeps == []


@given(rates, bursts, st.floats(0.001, 20))
def test_gives_up_at_the_deadline_and_no_later(rate: float, burst: float, seconds: float) -> None:
    pacer, clock = pacer_of(rate, burst)
    grants: list[float] = []

    def wait_for_ever() -> None:
        while True:
            pacer.wait(seconds, "op")
            grants.append(clock.now)

    with pytest.raises(OutOfTime):
        wait_for_ever()
    assert max(grants) < seconds
    assert clock.now == pytest.approx(seconds, abs=_TOLERANCE)
    assert len(grants) >= int(min(burst, 1) + rate * (seconds - _TOLERANCE))


def test_a_call_that_ran_out_of_time_takes_nothing_from_the_next() -> None:
    pacer, clock = pacer_of(rate=1, burst=1)
    pacer.wait(NEVER, "op")
    with pytest.raises(OutOfTime):
        pacer.wait(0.5, "op")
    pacer.wait(NEVER, "op")
    assert clock.now == pytest.approx(1, abs=_TOLERANCE)
