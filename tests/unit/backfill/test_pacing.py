"""Calls of Organizations never exceed the published rates, and hardly wait where they need not."""

import time
from functools import partial

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alternate_contacts.backfill import aws
from alternate_contacts.backfill.pacing import LIST_ACCOUNTS_RATE, CallPace, CallRate
from tests.fakes.clock import FakeClock
from tests.fakes.wire import FakeWire, HttpResponse, error_response

PUBLISHED = CallRate(8, 12)
"""https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html#throttling-limits"""


@given(st.lists(st.floats(0, 3), max_size=200))
def test_calls_stay_below_the_published_rate_with_a_share_for_other_tools(durations: list[float]) -> None:
    """Another tool makes two calls a second all the time, and may take four at once."""
    clock = FakeClock()
    pace = CallPace(LIST_ACCOUNTS_RATE, clock=clock, sleep=clock.sleep)
    tokens, refilled_at = float(PUBLISHED.burst - 4), clock()
    for duration in durations:
        pace.wait()
        refill = (clock() - refilled_at) * (PUBLISHED.calls_per_second - 2)
        tokens, refilled_at = min(PUBLISHED.burst - 4, tokens + refill), clock()
        assert tokens >= 1 - 1e-6
        tokens -= 1
        clock.now += duration


@pytest.mark.parametrize(("calls", "seconds"), [(8, 0), (9, 1 / 6), (500, 492 / 6), (2_500, 2_492 / 6)])
def test_a_listing_takes_the_time_of_its_rate(calls: int, seconds: float) -> None:
    clock = FakeClock()
    pace = CallPace(LIST_ACCOUNTS_RATE, clock=clock, sleep=clock.sleep)
    for _ in range(calls):
        pace.wait()
    assert clock() == pytest.approx(seconds, abs=0.01)


@pytest.mark.parametrize(("rate", "seconds"), [(LIST_ACCOUNTS_RATE, 0.17), (CallRate(4, 1), 0.25)])
def test_pages_that_are_not_faster_than_the_rate_never_wait(rate: CallRate, seconds: float) -> None:
    clock = FakeClock()
    pace = CallPace(rate, clock=clock, sleep=clock.sleep)
    for _ in range(500):
        pace.wait()
        clock.now += seconds
    assert clock.sleeps == []


@pytest.mark.parametrize("throttled", [False, True])
def test_every_attempt_of_list_accounts_waits_for_its_turn(
    session: boto3.Session, monkeypatch: pytest.MonkeyPatch, throttled: bool
) -> None:
    clock = FakeClock()
    monkeypatch.setattr(aws, "CallPace", partial(CallPace, clock=clock, sleep=clock.sleep))
    monkeypatch.setattr(time, "sleep", lambda _: None)  # botocore's pause before it tries again
    wire, organizations = FakeWire(), session.client("organizations")
    wire.attach(organizations)
    pages = iter(range(1, 8))

    def page(_: object) -> HttpResponse:
        number = next(pages)
        if throttled and number == 3:
            return error_response("TooManyRequestsException", 400)
        return HttpResponse(body={"Accounts": [], **({"NextToken": str(number)} if number < 7 else {})})

    wire.respond("ListAccounts", page)
    directory = aws.AwsAccountDirectory(
        organizations,
        session.client("account"),
        region="",
        account_id="",
        contact_type="SECURITY",
        list_accounts_rate=CallRate(20, 1),
    )
    assert list(directory.list_accounts()) == []
    assert len(wire.requests_of("ListAccounts")) == 7
    assert clock() == pytest.approx(6 / 20)
