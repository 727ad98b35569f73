"""A lease makes every message visible again that it received and did not delete, whatever ends the block."""

import itertools
import threading
from collections.abc import Callable
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import Any

import pytest

from alternate_contacts.cli.aws import queue_lease
from alternate_contacts.cli.aws.queue_lease import QueueLease, QueueSnapshot, lease_queue, lease_seconds, read_queue
from alternate_contacts.cli.aws.queues import QueueMessage
from alternate_contacts.cli.aws.session import Session
from alternate_contacts.cli.aws.uninterrupted import GRACE_SECONDS, start
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


@pytest.mark.usefixtures("sqs")
def test_a_lease_that_receives_nothing_leaves_nothing_invisible(aws: FakeWire) -> None:
    lease = new_lease()
    assert (lease.unreturned, lease.deleted) == (0, 0)
    with lease:
        assert aws.requests == []
    assert (lease.unreturned, aws.requests) == (0, [])


def test_deleted_messages_are_not_returned(failed: FakeSqs, aws: FakeWire) -> None:
    with new_lease() as lease:
        messages = lease.receive_all(25)
        assert (lease.delete(messages[:1]), lease.delete(messages[1:12]), lease.deleted) == (0, 0, 12)
    assert len(failed.bodies(QUEUE)) == 13
    assert sum(len(request["Entries"]) for request in aws.requests_of("ChangeMessageVisibilityBatch")) == 13


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


def test_a_receive_waits_for_messages_and_asks_for_all_attributes(aws: FakeWire, failed: FakeSqs) -> None:
    with new_lease(seconds=77) as lease:
        lease.receive_all(25)
        assert {message.visible_at - failed.clock() for message in failed.queues[QUEUE]} == {77}
    assert aws.requests_of("ReceiveMessage")[0] == {
        "QueueUrl": STACK.queue_url(QUEUE),
        "MaxNumberOfMessages": 10,
        "WaitTimeSeconds": 1,
        "VisibilityTimeout": 77,
        "MessageAttributeNames": ["All"],
        "MessageSystemAttributeNames": ["All"],
    }


@pytest.mark.parametrize("redriven", [False, True])
def test_a_received_message_has_its_body_attributes_and_time(sqs: FakeSqs, redriven: bool) -> None:
    sqs.put(QUEUE, "body", {"Reason": "throttled"}, redriven=redriven)
    with new_lease() as lease:
        assert lease.receive_all(1) == [
            QueueMessage(
                "message-1", "receipt-2", "body", {"Reason": "throttled"}, datetime(2026, 1, 1, tzinfo=UTC), redriven
            )
        ]


def change_received(aws: FakeWire, change: Callable[[dict[str, Any]], object]) -> None:
    """Change each message that SQS returns."""
    receive = aws._responses["ReceiveMessage"]

    def respond(parameters: dict[str, Any]) -> HttpResponse:
        body = dict(receive(parameters).body)  # type: ignore[arg-type]
        for message in body.get("Messages", []):
            change(message)
        return HttpResponse(body=body)

    aws.respond("ReceiveMessage", respond)


def test_an_attribute_that_is_no_text_is_empty(sqs: FakeSqs, aws: FakeWire) -> None:
    sqs.put(QUEUE, "body")
    binary = {"Key": {"DataType": "Binary", "BinaryValue": "AA=="}}
    change_received(aws, lambda message: message.update(MessageAttributes=binary))
    with new_lease() as lease:
        assert [message.attributes for message in lease.receive_all(1)] == [{"Key": ""}]


def test_a_message_without_attributes_has_none(sqs: FakeSqs, aws: FakeWire) -> None:
    sqs.put(QUEUE, "body")
    change_received(aws, lambda message: message.pop("MessageAttributes"))
    with new_lease() as lease:
        assert [message.attributes for message in lease.receive_all(1)] == [{}]


@pytest.mark.usefixtures("failed")
def test_a_response_that_names_no_rejected_message_returned_all(aws: FakeWire) -> None:
    aws.respond("ChangeMessageVisibilityBatch", HttpResponse(body={}))
    with new_lease() as lease:
        lease.receive_all(25)
    assert lease.unreturned == 0


def test_rejected_messages_stay_invisible_and_are_counted(failed: FakeSqs) -> None:
    failed.rejections["ChangeMessageVisibilityBatch"] = lambda entry: "InternalError" if entry["Id"] == "1" else None
    with new_lease() as lease:
        lease.receive_all(25)
    assert (lease.unreturned, len(failed.in_flight(QUEUE))) == (3, 3)  # one of each batch


def test_a_queue_is_read_and_all_its_messages_are_returned(failed: FakeSqs) -> None:
    failed.queues[QUEUE][0].visible_at = 1
    snapshot = read_queue(Session().client("sqs"), STACK, QUEUE)
    assert (snapshot.queue, snapshot.document()) == (QUEUE, {"read": 24, "counted": 25})
    assert [message.message_id for message in snapshot.messages] == [
        message.message_id for message in failed.queues[QUEUE][1:]
    ]
    assert len(failed.in_flight(QUEUE)) == 1


@pytest.mark.parametrize(("counted", "is_complete"), [(0, True), (1, False)])
def test_a_snapshot_with_fewer_messages_than_sqs_counted_has_a_remark(counted: int, is_complete: bool) -> None:
    assert (QueueSnapshot(QUEUE, [], counted).remarks == []) == is_complete


def test_messages_that_stay_invisible_are_reported(failed: FakeSqs, capsys: pytest.CaptureFixture[str]) -> None:
    failed.rejections["ChangeMessageVisibilityBatch"] = lambda _: "InternalError"
    with lease_queue(Session().client("sqs"), STACK, QUEUE, decision_seconds=600):
        assert {message.visible_at for message in failed.queues[QUEUE]} == {665}
    assert "25 messages" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("expected", "decision_seconds", "seconds"),
    [(0, 0, 60), (100, 0, 80), (100, 600, 680), (10_000, 0, 2060), (10_000_000, 600, 43_200)],
)
def test_the_lease_is_longer_for_more_messages_and_a_decision_but_never_longer_than_sqs_allows(
    expected: int, decision_seconds: int, seconds: int
) -> None:
    assert lease_seconds(expected, decision_seconds) == seconds


class HangingCall:
    """The n-th call of an operation: it hangs until it may continue."""

    def __init__(self, aws: FakeWire, operation: str, number: int) -> None:
        self._respond = aws._responses[operation]
        self._calls = itertools.count(1)
        self._number = number
        self.hangs = threading.Event()
        self._may_continue = threading.Event()
        aws.respond(operation, self._hang)

    def end(self) -> None:
        """Let the call continue, and wait until the other threads have ended."""
        self._may_continue.set()
        for thread in threading.enumerate():
            if thread.name == "uninterrupted" and thread is not threading.current_thread():
                thread.join(5)

    def _hang(self, parameters: dict[str, Any]) -> HttpResponse:
        if next(self._calls) == self._number:
            self.hangs.set()
            self._may_continue.wait(5)
        return self._respond(parameters)


@pytest.fixture
def hang(aws: FakeWire, request: pytest.FixtureRequest) -> Callable[[str, int], HangingCall]:
    """Return a function that lets the n-th call of an operation hang, until the end of the test at the latest."""

    def hang(operation: str, number: int) -> HangingCall:
        call = HangingCall(aws, operation, number)
        request.addfinalizer(call.end)
        return call

    return hang


class Waits:
    """Stands for the wait for a call that hangs. Each wait is Ctrl-C, or a timeout, or sees the call end."""

    def __init__(self, call: HangingCall, *results: str) -> None:
        self.call = call
        self._results = list(results)
        self.timeouts: list[float | None] = []

    def __call__(self, _: object, timeout: float | None) -> None:
        self.timeouts.append(timeout)
        assert self.call.hangs.wait(5)
        result = self._results.pop(0)
        if result == "Ctrl-C":
            raise KeyboardInterrupt
        if result == "end":
            self.call.end()


@pytest.fixture
def lease_and_waits(
    failed: FakeSqs, hang: Callable[[str, int], HangingCall], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[QueueLease, Waits]]:
    """Return a function that makes a lease whose second return of a batch hangs, with the results of its waits."""
    assert len(failed.bodies(QUEUE)) == 25

    def lease_and_waits(*results: str) -> tuple[QueueLease, Waits]:
        waits = Waits(hang("ChangeMessageVisibilityBatch", 2), *results)
        monkeypatch.setattr(queue_lease, "wait", waits)
        return new_lease(), waits

    return lease_and_waits


def interrupt_at_25(received: int) -> None:
    if received == 25:
        raise KeyboardInterrupt


def test_ctrl_c_does_not_stop_the_return_of_messages(
    lease_and_waits: Callable[..., tuple[QueueLease, Waits]], sqs: FakeSqs
) -> None:
    lease, waits = lease_and_waits("Ctrl-C", "end")
    with pytest.raises(KeyboardInterrupt), lease:
        lease.receive_all(25)
    assert (lease.unreturned, sqs.in_flight(QUEUE), waits.timeouts) == (0, [], [None, GRACE_SECONDS])


@pytest.mark.parametrize(
    ("ends_block", "results", "timeouts"),
    [
        (False, ["Ctrl-C", "timeout"], [None, GRACE_SECONDS]),
        (False, ["Ctrl-C", "Ctrl-C"], [None, GRACE_SECONDS]),
        # It waits again, because a batch was returned meanwhile.
        (True, ["timeout", "timeout"], [GRACE_SECONDS, GRACE_SECONDS]),
        (True, ["Ctrl-C"], [GRACE_SECONDS]),
    ],
)
def test_after_ctrl_c_a_timeout_or_another_ctrl_c_ends_the_return_and_what_stays_invisible_is_counted(
    lease_and_waits: Callable[..., tuple[QueueLease, Waits]],
    sqs: FakeSqs,
    ends_block: bool,
    results: list[str],
    timeouts: list[float | None],
) -> None:
    lease, waits = lease_and_waits(*results)
    with pytest.raises(KeyboardInterrupt), lease:
        lease.receive_all(25, interrupt_at_25 if ends_block else lambda _: None)
    assert (lease.unreturned, waits.timeouts) == (15, timeouts)
    waits.call.end()
    assert len(sqs.in_flight(QUEUE)) == 5  # no other batch is returned after the count


def interrupt_while_hanging(call: HangingCall, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Ctrl-C interrupt the lease while ``call`` hangs: the ``number``-th call of the lease to SQS."""
    calls = itertools.count(1)

    def run_to_end(function: Callable[[], None]) -> None:
        if next(calls) != number:
            function()
            return
        start(function, Future())
        assert call.hangs.wait(5)
        raise KeyboardInterrupt

    monkeypatch.setattr(queue_lease, "run_to_end", run_to_end)


@pytest.mark.usefixtures("failed")
def test_what_a_receive_that_hangs_may_still_bring_is_counted(
    hang: Callable[[str, int], HangingCall], monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt_while_hanging(hang("ReceiveMessage", 2), 2, monkeypatch)
    lease = new_lease()
    with pytest.raises(KeyboardInterrupt), lease:
        lease.receive_all(25)
    assert lease.unreturned == 10


def test_a_message_that_is_deleted_while_it_is_returned_is_not_counted(
    failed: FakeSqs, aws: FakeWire, hang: Callable[[str, int], HangingCall], monkeypatch: pytest.MonkeyPatch
) -> None:
    change, delete = aws._responses["ChangeMessageVisibilityBatch"], hang("DeleteMessageBatch", 1)

    def change_before_delete(parameters: dict[str, Any]) -> HttpResponse:
        response = change(parameters)
        delete.end()
        return response

    aws.respond("ChangeMessageVisibilityBatch", change_before_delete)
    interrupt_while_hanging(delete, 5, monkeypatch)  # after four receives
    lease = new_lease()
    with pytest.raises(KeyboardInterrupt), lease:
        lease.delete(lease.receive_all(25)[:10])
    assert (lease.unreturned, len(failed.bodies(QUEUE)), failed.in_flight(QUEUE)) == (0, 15, [])
