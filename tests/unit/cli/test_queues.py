"""Messages are held for as long as needed, and always given back."""

import itertools
import signal
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alternate_contacts.cli.aws.queues import (
    BATCH,
    QueueDepth,
    QueueLease,
    batches,
    lease_seconds,
    queue_depth,
    send_messages,
)
from alternate_contacts.cli.aws.session import Session
from tests.fakes.cli import STACK, FakeSqs, denied
from tests.fakes.wire import FakeWire, HttpAnswer

URL = STACK.failed_account_queue_url


def held(seconds: int = 60) -> QueueLease:
    return QueueLease(Session().client("sqs"), URL, seconds=seconds)


def test_the_depth_tells_visible_and_in_flight_apart(sqs: FakeSqs) -> None:
    sqs.fail("111111111111")
    sqs.fail("222222222222").visible_at = 10
    assert queue_depth(Session().client("sqs"), URL) == QueueDepth(visible=1, in_flight=1, delayed=0)
    assert QueueDepth(1, 2, 3).total == 6


class TestHeld:
    def test_an_error_in_the_block_gives_everything_back(self, sqs: FakeSqs) -> None:
        sqs.fail("111111111111")
        messages = held()

        def break_off(_: int) -> None:
            assert len(sqs.hidden("FailedAccountQueue")) == 1
            raise ZeroDivisionError

        with messages, pytest.raises(ZeroDivisionError):
            messages.receive(1, break_off)
        assert sqs.hidden("FailedAccountQueue") == []

    def test_ctrl_c_while_giving_back_does_not_keep_the_rest(self, sqs: FakeSqs, aws: FakeWire) -> None:
        for number in range(25):
            sqs.fail(f"{number:012}")
        change, calls = aws._answers["ChangeMessageVisibilityBatch"], itertools.count(1)
        given_back = threading.Event()

        def interrupted(parameters: dict[str, Any]) -> HttpAnswer:
            call = next(calls)
            if call == 1:
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            answer = change(parameters)
            if call == 3:
                given_back.set()
            return answer

        aws.answer("ChangeMessageVisibilityBatch", interrupted)
        with pytest.raises(KeyboardInterrupt), held() as messages:
            messages.receive(25)
        assert given_back.wait(5)
        assert sqs.hidden("FailedAccountQueue") == []

    def test_what_was_deleted_is_not_given_back(self, sqs: FakeSqs, aws: FakeWire) -> None:
        for number in range(3):
            sqs.fail(f"{number:012}")
        with held() as messages:
            first, *_ = messages.receive(3)
            assert messages.delete([first]) == 0
        assert len(sqs.bodies("FailedAccountQueue")) == 2
        assert [len(asked["Entries"]) for asked in aws.asked("ChangeMessageVisibilityBatch")] == [2]

    def test_what_sqs_does_not_delete_is_counted_and_given_back(self, sqs: FakeSqs) -> None:
        for number in range(3):
            sqs.fail(f"{number:012}")
        sqs.refused["DeleteMessageBatch"] = lambda entry: "InternalError" if entry["Id"] == "1" else None
        with held() as messages:
            assert messages.delete(messages.receive(3)) == 1
        assert (len(sqs.bodies("FailedAccountQueue")), sqs.hidden("FailedAccountQueue")) == (1, [])

    def test_a_message_that_comes_twice_counts_once_with_the_receipt_that_is_valid(self, sqs: FakeSqs) -> None:
        sqs.fail("111111111111")
        with held(seconds=5) as messages:
            messages.receive(1)
            sqs.clock.now += 6
            assert len(messages.receive(2)) == 1
        assert messages.unreturned == 0
        assert sqs.hidden("FailedAccountQueue") == []

    def test_what_is_visible_already_needs_no_giving_back(self, sqs: FakeSqs) -> None:
        sqs.fail("111111111111")
        with held(seconds=5) as messages:
            messages.receive(1)
            sqs.clock.now += 6
        assert messages.unreturned == 0

    def test_a_call_that_fails_does_not_keep_the_others_from_being_given_back(
        self, sqs: FakeSqs, aws: FakeWire
    ) -> None:
        for number in range(25):
            sqs.fail(f"{number:012}")
        with held() as messages:
            messages.receive(25)
            denied(aws, "ChangeMessageVisibilityBatch")
        assert messages.unreturned == 25
        assert len(aws.asked("ChangeMessageVisibilityBatch")) == 3

    @pytest.mark.parametrize(("expected", "receives"), [(25, 4), (30, 6), (0, 4)])
    def test_it_asks_until_all_that_is_expected_came_or_nothing_comes_any_more(
        self, sqs: FakeSqs, aws: FakeWire, expected: int, receives: int
    ) -> None:
        for number in range(25):
            sqs.fail(f"{number:012}")
        told: list[int] = []
        with held() as messages:
            assert len(messages.receive(expected, told.append)) == 25
        assert len(aws.asked("ReceiveMessage")) == receives
        assert told[:3] == [10, 20, 25]


def test_messages_are_hidden_longer_the_more_there_are_but_never_longer_than_sqs_allows() -> None:
    assert [lease_seconds(expected) for expected in (0, 100, 10_000, 10_000_000)] == [60, 80, 2060, 43_200]


def test_what_sqs_does_not_take_is_told_by_its_index(sqs: FakeSqs) -> None:
    sqs.refused["SendMessageBatch"] = lambda entry: "InternalError" if entry["MessageBody"] == "b" else None
    assert send_messages(Session().client("sqs"), STACK.account_queue_url, ["a", "b", "c"]) == {1}
    assert sqs.bodies("AccountQueue") == ["a", "c"]


@given(st.lists(st.integers(0, 260_000), max_size=60))
def test_batches_keep_order_and_limits(sizes: list[int]) -> None:
    made = list(batches(sizes, size=lambda size: size))
    assert [size for batch in made for size in batch] == sizes
    assert all(1 <= len(batch) <= BATCH for batch in made)
    assert all(sum(batch) <= 200_000 or len(batch) == 1 for batch in made)
