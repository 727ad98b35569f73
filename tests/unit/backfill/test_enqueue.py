"""One message per active account: page by page, in batches of ten, and no message is lost."""

import re
import threading
from collections import Counter
from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alternate_contacts.backfill.counts import BackfillCounts
from alternate_contacts.backfill.enqueue import (
    BATCH_SIZE,
    SENDS_AT_A_TIME,
    ListedAccount,
    enqueue_accounts,
)
from alternate_contacts.backfill.errors import BackfillError
from alternate_contacts.backfill.message import account_message_body
from alternate_contacts.backfill.protocol import ACTIVE, Mode, Trigger
from alternate_contacts.backfill.rejected_messages import MAX_REJECTED, Message, RejectedMessages
from tests.fakes.backfill import FakeBackfillQueue
from tests.fakes.clock import FakeClock, FakeStop

STATES = [ACTIVE, "PENDING_ACTIVATION", "SUSPENDED", "PENDING_CLOSURE", "CLOSED"]
ATTEMPTS = 9
WAITS = [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8]
"""Before the third and each later attempt. The second is at once."""


def accounts(count: int) -> list[ListedAccount]:
    return [ListedAccount(f"{number:012}") for number in range(count)]


def ids(accounts: Iterable[ListedAccount]) -> list[str]:
    return [account.account_id for account in accounts]


def make_body(account_id: str) -> str:
    return account_message_body(account_id, trigger=Trigger.BACKFILL, mode=Mode.ENFORCE)


def backfill(
    accounts: Iterable[ListedAccount],
    queue: FakeBackfillQueue,
    *,
    delay: int = 0,
    stop: threading.Event | None = None,
    counts: BackfillCounts | None = None,
) -> BackfillCounts:
    counts = counts or BackfillCounts()
    enqueue_accounts(accounts, queue, make_body, delay=delay, counts=counts, stop=stop or FakeStop(), clock=FakeClock())
    return counts


def rejecting(*rejected: Sequence[int]) -> FakeBackfillQueue:
    """A queue that rejects these indexes of its first sends."""
    sends = iter(rejected)
    return FakeBackfillQueue(reject=lambda _: next(sends, ()))


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 20, 95])
def test_sends_one_message_per_account_in_batches_of_ten(count: int) -> None:
    queue = FakeBackfillQueue()
    counts = backfill(accounts(count), queue)
    assert sorted(queue.accepted) == ids(accounts(count))
    assert Counter(len(send) for send in queue.sends) == Counter([10] * (count // 10) + [count % 10] * (count % 10 > 0))
    assert counts == BackfillCounts(count, count)


@pytest.mark.parametrize("delay", [0, 180])
def test_every_message_has_the_delay(delay: int) -> None:
    queue = rejecting([3])
    backfill(accounts(10), queue, delay=delay)
    assert queue.delays == [delay, delay]


@pytest.mark.parametrize("state", STATES[1:])
def test_accounts_that_are_not_active_are_skipped(state: str) -> None:
    queue = FakeBackfillQueue()
    counts = backfill([ListedAccount("1" * 12, state), ListedAccount("2" * 12)], queue)
    assert queue.accepted == ["2" * 12]
    assert counts == BackfillCounts(2, 1, Counter({state: 1}))


def test_batches_are_full_even_if_many_accounts_are_skipped() -> None:
    mixed = [account for active in accounts(20) for account in (active, ListedAccount("9" * 12, "CLOSED"))]
    queue = FakeBackfillQueue()
    backfill(mixed, queue)
    assert [len(send) for send in queue.sends] == [10, 10]


def test_listing_is_a_few_batches_ahead_of_sending_at_most() -> None:
    """The messages of 50,000 accounts would not fit into memory."""
    queue, ahead = FakeBackfillQueue(), []

    def list_accounts() -> Iterator[ListedAccount]:
        for number, account in enumerate(accounts(500)):
            ahead.append(number - len(queue.bodies))
            yield account

    backfill(list_accounts(), queue)
    assert len(queue.bodies) == len(ahead) == 500
    assert max(ahead) <= BATCH_SIZE * (SENDS_AT_A_TIME + 2)


def test_listing_goes_on_while_all_threads_send() -> None:
    is_listed = threading.Event()

    def wait(_: list[str]) -> Sequence[int]:
        assert is_listed.wait(10)
        return ()

    def list_accounts() -> Iterator[ListedAccount]:
        yield from accounts(BATCH_SIZE * SENDS_AT_A_TIME)
        is_listed.set()

    assert backfill(list_accounts(), FakeBackfillQueue(reject=wait)).enqueued == BATCH_SIZE * SENDS_AT_A_TIME


def test_as_many_batches_as_intended_are_sent_at_the_same_time() -> None:
    queue, all_sending, threads = FakeBackfillQueue(), threading.Barrier(SENDS_AT_A_TIME), set()

    send = queue.send

    def wait_and_send(bodies: Sequence[str], *, delay: int) -> Mapping[int, str]:
        threads.add(threading.get_ident())
        all_sending.wait(10)
        return send(bodies, delay=delay)

    queue.send = wait_and_send  # type: ignore[method-assign]
    count = BATCH_SIZE * SENDS_AT_A_TIME * 10
    assert backfill(accounts(count), queue).enqueued == count
    assert len(threads) == SENDS_AT_A_TIME


# ---- Rejected messages ----------------------------------------------------------------------------------------------


def test_rejected_messages_alone_are_sent_again() -> None:
    queue, stop = rejecting([0, 4, 9], [1], [0]), FakeStop()
    counts = backfill(accounts(10), queue, stop=stop)
    every = ids(accounts(10))
    assert queue.sends == [every, [every[0], every[4], every[9]], [every[4]], [every[4]]]
    assert Counter(queue.accepted) == Counter(every)
    assert counts.enqueued == 10
    assert stop.waits == pytest.approx([0.2, 0.4])


def test_a_rejected_message_joins_a_later_batch_while_the_listing_goes_on() -> None:
    queue, is_rejected = rejecting([7]), threading.Event()
    send = queue.send

    def send_and_signal(bodies: Sequence[str], *, delay: int) -> Mapping[int, str]:
        result = send(bodies, delay=delay)
        is_rejected.set()
        return result

    queue.send = send_and_signal  # type: ignore[method-assign]

    def list_accounts() -> Iterator[ListedAccount]:
        yield from accounts(200)[:BATCH_SIZE]
        assert is_rejected.wait(10)
        yield from accounts(200)[BATCH_SIZE:]

    stop = FakeStop()
    assert backfill(list_accounts(), queue, stop=stop).enqueued == 200
    again = next(number for number, send in enumerate(queue.sends[1:], 1) if f"{7:012}" in send)
    assert (again < len(queue.sends) - 1, len(queue.sends[again])) == (True, BATCH_SIZE)
    assert stop.waits == []


def test_an_account_that_sqs_keeps_rejecting_fails_the_backfill_after_all_others_are_sent() -> None:
    stop = FakeStop()
    queue = FakeBackfillQueue(reject=lambda account_ids: find(account_ids, {f"{3:012}"}))
    counts = BackfillCounts()
    with pytest.raises(BackfillError) as raised:
        backfill([*accounts(600), ListedAccount("9" * 12, "CLOSED")], queue, stop=stop, counts=counts)
    assert Counter(queue.accepted) == Counter(ids(accounts(600))) - Counter([f"{3:012}"])
    assert sum(f"{3:012}" in send for send in queue.sends) == ATTEMPTS
    assert str(raised.value) == (
        "SendMessageBatch failed for 000000000003 in 9 attempts: InternalError. "
        "Accounts: 601 listed, 599 enqueued, skipped: 1 CLOSED. Retry."
    )
    assert sum(stop.waits) == pytest.approx(sum(WAITS))


def test_the_failure_has_the_number_of_accounts() -> None:
    queue = rejecting(*[[0, 1]] * ATTEMPTS)
    with pytest.raises(
        BackfillError, match=r"^SendMessageBatch failed for 0{11}\d and 1 more in 9 attempts: InternalError"
    ):
        backfill(accounts(2), queue)


def test_the_failure_has_each_error_code_once() -> None:
    rejected = RejectedMessages(FakeClock())
    for code in ("ServiceUnavailable", "InternalError", "InternalError"):
        rejected.add(Message("1" * 12, ATTEMPTS - 1), code)
    with pytest.raises(BackfillError) as raised:
        rejected.raise_failure()
    assert re.findall("ServiceUnavailable|InternalError", str(raised.value)) == ["InternalError", "ServiceUnavailable"]


@pytest.mark.parametrize("count", [20, 10_000])
def test_a_queue_that_rejects_everything_ends_the_backfill_after_its_waits(count: int) -> None:
    queue, stop = FakeBackfillQueue(reject=lambda account_ids: range(len(account_ids))), FakeStop()
    counts = BackfillCounts()
    with pytest.raises(BackfillError, match="listed, 0 enqueued"):
        backfill(accounts(count), queue, stop=stop, counts=counts)
    assert queue.accepted == []
    assert counts.listed <= min(count, MAX_REJECTED + BATCH_SIZE * (SENDS_AT_A_TIME + 1))
    assert sum(stop.waits) == pytest.approx(sum(WAITS), rel=0.2)


def test_listing_waits_while_too_many_messages_are_rejected() -> None:
    """Memory stays small, and no account is lost when SQS recovers."""
    queue, sends, ahead = FakeBackfillQueue(), iter(range(10**6)), []
    queue.reject = lambda account_ids: range(len(account_ids)) if next(sends) < 40 else ()

    def list_accounts() -> Iterator[ListedAccount]:
        for number, account in enumerate(accounts(500)):
            ahead.append(number - len(queue.bodies))
            yield account

    counts = backfill(list_accounts(), queue)
    assert counts.enqueued == 500
    assert Counter(queue.accepted) == Counter(ids(accounts(500)))
    assert max(ahead) <= MAX_REJECTED + BATCH_SIZE * (SENDS_AT_A_TIME + 1)


def test_the_stop_ends_the_wait_for_sqs() -> None:
    stop = FakeStop(when_waiting=threading.Event.set)
    with pytest.raises(BackfillError, match="ran out of time"):
        backfill(accounts(1), rejecting(*[[0]] * ATTEMPTS), stop=stop)
    assert len(stop.waits) == 1


def find(account_ids: Sequence[str], wanted: Container[str]) -> list[int]:
    return [index for index, account_id in enumerate(account_ids) if account_id in wanted]


@given(
    st.lists(st.sampled_from(STATES), max_size=60),
    st.lists(st.frozensets(st.integers(0, 9)), max_size=ATTEMPTS - 1),
)
def test_every_active_account_gets_exactly_one_message(states: list[str], rejected: list[frozenset[int]]) -> None:
    """Fewer sends reject than a message has attempts."""

    def reject(account_ids: list[str]) -> Iterable[int]:
        return sorted(index for index in rejected.pop() if index < len(account_ids)) if rejected else ()

    queue = FakeBackfillQueue(reject)
    listed = [ListedAccount(f"{number:012}", state) for number, state in enumerate(states)]
    counts = backfill(listed, queue)
    active = ids(account for account in listed if account.state == ACTIVE)
    assert Counter(queue.accepted) == Counter(active)
    assert all(0 < len(send) <= BATCH_SIZE for send in queue.sends)
    assert counts == BackfillCounts(len(listed), len(active), Counter(state for state in states if state != ACTIVE))


@given(st.integers(0, 250), st.sets(st.integers(0, 250)))
def test_every_active_account_is_enqueued_or_counted_as_missing(count: int, poisoned: set[int]) -> None:
    wanted = {f"{number:012}" for number in poisoned if number < count}
    queue, counts = FakeBackfillQueue(reject=lambda account_ids: find(account_ids, wanted)), BackfillCounts()
    if wanted:
        with pytest.raises(BackfillError, match=counts_pattern(wanted)):
            backfill(accounts(count), queue, counts=counts)
    else:
        backfill(accounts(count), queue, counts=counts)
    assert counts.enqueued == len(queue.accepted) == len(set(queue.accepted))
    assert set(queue.accepted).isdisjoint(wanted)
    if len(wanted) < MAX_REJECTED:
        assert (counts.listed, counts.enqueued) == (count, count - len(wanted))


def counts_pattern(wanted: Collection[str]) -> str:
    more = rf" and {len(wanted) - 1} more" if len(wanted) > 1 else ""
    return rf"failed for \d{{12}}{more} in" if len(wanted) < MAX_REJECTED else r"failed for \d{12} and \d+ more in"


# ---- Out of time ----------------------------------------------------------------------------------------------------


def test_the_stop_ends_the_backfill_with_its_counts() -> None:
    stop, queue = FakeStop(), FakeBackfillQueue()

    def list_accounts() -> Iterator[ListedAccount]:
        for number in range(10**6):
            if number == 25:
                stop.set()
            yield ListedAccount(f"{number:012}")

    with pytest.raises(BackfillError) as raised:
        backfill(list_accounts(), queue, stop=stop)
    assert len(queue.accepted) == 20
    assert str(raised.value).startswith("The backfill ran out of time. Accounts: 30 listed, 20 enqueued")


# ---- BackfillCounts -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("counts", "summary"),
    [
        (BackfillCounts(), "Accounts: 0 listed, 0 enqueued, skipped: none"),
        (
            BackfillCounts(7, 4, Counter({"SUSPENDED": 2, "CLOSED": 1})),
            "Accounts: 7 listed, 4 enqueued, skipped: 1 CLOSED, 2 SUSPENDED",
        ),
    ],
)
def test_the_summary_has_all_counts(counts: BackfillCounts, summary: str) -> None:
    assert counts.summary == summary


def test_two_counts_share_nothing() -> None:
    BackfillCounts().skipped["CLOSED"] += 1
    assert BackfillCounts().skipped == Counter()
