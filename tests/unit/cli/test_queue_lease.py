"""A lease makes every message visible again that it received and did not delete, whatever ends the block."""

import itertools
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from alternate_contacts.cli.aws import queue_lease, uninterrupted
from alternate_contacts.cli.aws.queue_lease import QueueLease, lease_seconds
from alternate_contacts.cli.aws.session import Session
from tests.fakes.cli import STACK, FakeSqs, deny
from tests.fakes.wire import FakeWire, HttpResponse

QUEUE = "FailedAccountQueue"


@pytest.fixture
def failed(sqs: FakeSqs) -> FakeSqs:
    """25 messages on FailedAccountQueue."""
    for number in range(25):
        sqs.fail(f"{number:012}")
    return sqs


def new_lease(seconds: int = 60) -> QueueLease:
    return QueueLease(Session().client("sqs"), STACK.queue_url("FailedAccountQueue"), seconds=seconds)


def test_after_an_error_all_messages_are_visible(failed: FakeSqs) -> None:
    def fail(_: int) -> None:
        assert len(failed.in_flight(QUEUE)) == 10
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), new_lease() as lease:
        lease.receive_all(1, fail)
    assert failed.in_flight(QUEUE) == []


def test_ctrl_c_does_not_stop_the_return_of_messages(failed: FakeSqs, aws: FakeWire) -> None:
    change, calls = aws._responses["ChangeMessageVisibilityBatch"], itertools.count(1)
    all_returned = threading.Event()

    def interrupted(parameters: dict[str, Any]) -> HttpResponse:
        call = next(calls)
        if call == 1:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        response = change(parameters)
        if call == 3:
            all_returned.set()
        return response

    aws.respond("ChangeMessageVisibilityBatch", interrupted)
    with pytest.raises(KeyboardInterrupt), new_lease() as lease:
        lease.receive_all(25)
    assert all_returned.wait(5)
    assert failed.in_flight(QUEUE) == []


def test_deleted_messages_are_not_returned(failed: FakeSqs, aws: FakeWire) -> None:
    with new_lease() as lease:
        first, *_ = lease.receive_all(25)
        assert lease.delete([first]) == 0
    assert len(failed.bodies(QUEUE)) == 24
    assert sum(len(request["Entries"]) for request in aws.requests_of("ChangeMessageVisibilityBatch")) == 24


def test_messages_that_sqs_does_not_delete_are_counted_and_returned(failed: FakeSqs) -> None:
    failed.rejections["DeleteMessageBatch"] = lambda entry: "InternalError" if entry["Id"] == "1" else None
    with new_lease() as lease:
        assert lease.delete(lease.receive_all(25)) == 3  # one of each batch
    assert (len(failed.bodies(QUEUE)), failed.in_flight(QUEUE)) == (3, [])


@pytest.mark.usefixtures("failed")
def test_a_response_that_names_no_deleted_message_deleted_none(aws: FakeWire) -> None:
    aws.respond("DeleteMessageBatch", HttpResponse(body={}))
    with new_lease() as lease:
        assert lease.delete(lease.receive_all(25)) == 25
    assert lease.unreturned == 0


def test_a_message_that_is_received_twice_counts_once_with_its_valid_receipt(sqs: FakeSqs) -> None:
    sqs.fail("111111111111")
    with new_lease(seconds=5) as lease:
        lease.receive_all(1)
        sqs.clock.now += 6
        assert len(lease.receive_all(2)) == 1
    assert lease.unreturned == 0
    assert sqs.in_flight(QUEUE) == []


def test_a_message_that_is_visible_already_counts_as_returned(sqs: FakeSqs) -> None:
    sqs.fail("111111111111")
    with new_lease(seconds=5) as lease:
        lease.receive_all(1)
        sqs.clock.now += 6
    assert lease.unreturned == 0


@pytest.mark.usefixtures("failed")
def test_a_failed_call_does_not_stop_the_return_of_other_messages(aws: FakeWire) -> None:
    with new_lease() as lease:
        lease.receive_all(25)
        deny(aws, "ChangeMessageVisibilityBatch")
    assert lease.unreturned == 25
    assert len(aws.requests_of("ChangeMessageVisibilityBatch")) == 3


@pytest.mark.usefixtures("failed")
@pytest.mark.parametrize(("expected", "receives"), [(25, 4), (30, 6), (0, 4)])
def test_it_receives_until_nothing_new_comes_and_longer_below_the_expected_number(
    aws: FakeWire, expected: int, receives: int
) -> None:
    progress: list[int] = []
    with new_lease() as lease:
        assert len(lease.receive_all(expected, progress.append)) == 25
    assert len(aws.requests_of("ReceiveMessage")) == receives
    assert progress[:3] == [10, 20, 25]


@pytest.mark.parametrize(
    ("expected", "decision_seconds", "seconds"),
    [(0, 0, 60), (100, 0, 80), (100, 600, 680), (10_000, 0, 2060), (10_000_000, 600, 43_200)],
)
def test_the_lease_is_longer_for_more_messages_and_a_decision_but_never_longer_than_sqs_allows(
    expected: int, decision_seconds: int, seconds: int
) -> None:
    assert lease_seconds(expected, decision_seconds) == seconds


@pytest.fixture
def hanging(aws: FakeWire, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, int], None]]:
    """Return a function that lets the n-th call of an operation hang until the test ends."""
    monkeypatch.setattr(queue_lease, "GRACE_SECONDS", 0.2)
    monkeypatch.setattr(uninterrupted, "GRACE_SECONDS", 0.2)
    end = threading.Event()

    def hang(operation: str, number: int) -> None:
        respond, calls = aws._responses[operation], itertools.count(1)

        def hanging(parameters: dict[str, Any]) -> HttpResponse:
            if next(calls) == number:
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
                end.wait(60)
            return respond(parameters)

        aws.respond(operation, hanging)

    yield hang
    end.set()


@pytest.mark.usefixtures("failed")
def test_ctrl_c_does_not_wait_for_a_return_that_hangs(hanging: Callable[[str, int], None]) -> None:
    hanging("ChangeMessageVisibilityBatch", 2)
    lease = new_lease()
    with pytest.raises(KeyboardInterrupt), lease:
        lease.receive_all(25)
    assert lease.unreturned == 15


@pytest.mark.usefixtures("failed")
def test_ctrl_c_does_not_wait_for_a_receive_that_hangs(hanging: Callable[[str, int], None]) -> None:
    hanging("ReceiveMessage", 2)
    lease = new_lease()
    with pytest.raises(KeyboardInterrupt), lease:
        lease.receive_all(25)
    assert lease.unreturned == 10  # what the receive may still bring


def test_a_second_ctrl_c_ends_the_return_and_counts_what_stays_invisible(failed: FakeSqs, aws: FakeWire) -> None:
    change, calls = aws._responses["ChangeMessageVisibilityBatch"], itertools.count(1)
    first_is_done = threading.Event()

    def slow(parameters: dict[str, Any]) -> HttpResponse:
        if next(calls) == 2:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            first_is_done.wait(10)
        return change(parameters)

    aws.respond("ChangeMessageVisibilityBatch", slow)
    lease = new_lease()

    def interrupt(number: int) -> None:
        if number == 25:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), lease:
        lease.receive_all(25, interrupt)
    assert lease.unreturned == 15
    first_is_done.set()
    assert len(failed.in_flight(QUEUE)) <= 15
