"""A letter for every active account: page by page, in batches of ten, and no letter lost on the way."""

import json
import re
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alternate_contacts.backfill.counts import BackfillCounts
from alternate_contacts.backfill.enqueue import BATCH_SIZE, SENDS_AT_A_TIME, ListedAccount, enqueue_accounts
from alternate_contacts.backfill.errors import BackfillError
from alternate_contacts.backfill.message import account_message_body
from alternate_contacts.backfill.protocol import ACTIVE, Mode, Trigger
from tests.fakes.backfill import FakeAccountQueue
from tests.fakes.clock import FakeStop

STATES = [ACTIVE, "PENDING_ACTIVATION", "SUSPENDED", "PENDING_CLOSURE", "CLOSED"]
TRIES = 8


def accounts(count: int) -> list[ListedAccount]:
    return [ListedAccount(f"{number:012}") for number in range(count)]


def ids(found: list[ListedAccount]) -> list[str]:
    return [account.account_id for account in found]


def write(account_id: str) -> str:
    return account_message_body(account_id, trigger=Trigger.BACKFILL, mode=Mode.ENFORCE)


def backfill(
    listing: Iterable[ListedAccount], queue: FakeAccountQueue, *, delay: int = 0, stop: threading.Event | None = None
) -> BackfillCounts:
    figures = BackfillCounts()
    enqueue_accounts(listing, queue, write, delay=delay, figures=figures, stop=stop or FakeStop())
    return figures


def test_an_empty_organization_is_done() -> None:
    queue = FakeAccountQueue()
    assert backfill([], queue) == BackfillCounts()
    assert queue.sends == []


@pytest.mark.parametrize("count", [1, 9, 10, 11, 20, 95])
def test_sends_a_letter_for_every_account_in_batches_of_ten(count: int) -> None:
    queue = FakeAccountQueue()
    figures = backfill(accounts(count), queue)
    assert sorted(queue.taken) == ids(accounts(count))
    assert Counter(len(send) for send in queue.sends) == Counter([10] * (count // 10) + [count % 10] * (count % 10 > 0))
    assert (figures.listed, figures.enqueued, figures.skipped) == (count, count, Counter())


@pytest.mark.parametrize("delay", [0, 180])
def test_every_letter_waits_as_long_as_it_is_told_to(delay: int) -> None:
    queue = FakeAccountQueue(refusals=[[3]])
    backfill(accounts(25), queue, delay=delay)
    assert set(queue.delays) == {delay}


@pytest.mark.parametrize("state", STATES[1:])
def test_skips_what_is_not_active(state: str) -> None:
    queue = FakeAccountQueue()
    figures = backfill([ListedAccount("1" * 12, state), ListedAccount("2" * 12)], queue)
    assert queue.taken == ["2" * 12]
    assert (figures.listed, figures.enqueued, figures.skipped) == (2, 1, Counter({state: 1}))


def test_an_account_that_tells_no_state_counts_as_active() -> None:
    queue = FakeAccountQueue()
    backfill([ListedAccount("1" * 12)], queue)
    assert queue.taken == ["1" * 12]


def test_batches_are_full_even_if_many_accounts_are_skipped() -> None:
    listing = [account for each in accounts(20) for account in (each, ListedAccount("9" * 12, "CLOSED"))]
    queue = FakeAccountQueue()
    backfill(listing, queue)
    assert [len(send) for send in queue.sends] == [10, 10]


def test_the_listing_runs_ahead_of_the_sending_by_a_few_batches_at_most() -> None:
    """An organization of 50,000 accounts does not fit into memory as letters, and need not."""
    queue, ahead = FakeAccountQueue(), []

    def listing() -> Iterator[ListedAccount]:
        for number, account in enumerate(accounts(500)):
            ahead.append(number - len(queue.taken))
            yield account

    backfill(listing(), queue)
    assert len(queue.taken) == len(ahead) == 500
    assert max(ahead) <= BATCH_SIZE * (SENDS_AT_A_TIME + 2)


def test_the_next_accounts_are_listed_while_a_send_is_under_way() -> None:
    listed_further = threading.Event()

    class Slow(FakeAccountQueue):
        def send(self, bodies: Sequence[str], *, delay: int) -> list[int]:
            assert listed_further.wait(10)
            return super().send(bodies, delay=delay)

    def listing() -> Iterator[ListedAccount]:
        yield from accounts(BATCH_SIZE * 3)
        listed_further.set()

    assert backfill(listing(), Slow()).enqueued == BATCH_SIZE * 3


# ---- Letters that SQS does not take ---------------------------------------------------------------------------------


def test_letters_that_sqs_did_not_take_are_sent_again_and_no_others() -> None:
    queue, stop = FakeAccountQueue(refusals=[[0, 4, 9], [1]]), FakeStop()
    figures = backfill(accounts(10), queue, stop=stop)
    every = ids(accounts(10))
    assert queue.sends == [every, [every[0], every[4], every[9]], [every[4]]]
    assert Counter(queue.taken) == Counter(every)
    assert figures.enqueued == 10
    assert stop.waits == [0.2, 0.4]


def test_gives_up_on_letters_that_sqs_keeps_refusing_and_tells_how_far_it_came() -> None:
    queue, stop = FakeAccountQueue(refusals=[[1, 2], *[[0, 1]] * (TRIES - 1)]), FakeStop()
    with pytest.raises(BackfillError) as caught:
        backfill([*accounts(10), ListedAccount("9" * 12, "CLOSED")], queue, stop=stop)
    assert len(queue.sends) == TRIES
    assert str(caught.value) == (
        "SQS did not take 2 letters, tried again and again: "
        "11 accounts listed, 8 put on AccountQueue for the worker to bring right, skipped: 1 CLOSED."
    )
    assert 20 < sum(stop.waits) < 30


def test_figures_of_a_failure_count_every_letter_that_sqs_took() -> None:
    class Stubborn(FakeAccountQueue):
        def send(self, bodies: Sequence[str], *, delay: int) -> list[int]:
            first = json.loads(bodies[0])["accountId"] == f"{0:012}"
            taken = bodies[1:] if first else bodies
            if taken:
                super().send(taken, delay=delay)
            return [0] if first else []

    queue = Stubborn()
    with pytest.raises(BackfillError) as caught:
        backfill(accounts(60), queue)
    listed, enqueued = map(int, re.findall(r"(\d+) (?:accounts|put)", str(caught.value)))
    assert enqueued == len(queue.taken) < listed


def test_a_backfill_that_is_told_to_stop_waits_for_sqs_no_longer() -> None:
    stop = FakeStop(when_waiting=threading.Event.set)
    with pytest.raises(BackfillError):
        backfill(accounts(1), FakeAccountQueue(refusals=[[0]] * TRIES), stop=stop)
    assert len(stop.waits) == 1


@given(
    st.lists(st.sampled_from(STATES), max_size=60),
    st.lists(st.frozensets(st.integers(0, 9), max_size=10), max_size=4),
)
def test_every_active_account_gets_one_letter(states: list[str], refusals: list[frozenset[int]]) -> None:
    class Stubborn(FakeAccountQueue):
        def send(self, bodies: Sequence[str], *, delay: int) -> list[int]:
            # Of whole batches only, so that what is sent again goes through.
            refused = refusals.pop() if refusals and len(bodies) == BATCH_SIZE else frozenset()
            refused = frozenset() if len(refused) == BATCH_SIZE else refused
            with self._lock:
                taken = [body for index, body in enumerate(bodies) if index not in refused]
            super().send(taken, delay=delay)
            return sorted(refused)

    queue = Stubborn()
    listing = [ListedAccount(f"{number:012}", state) for number, state in enumerate(states)]
    figures = backfill(listing, queue)
    active = [account.account_id for account in listing if account.state == ACTIVE]
    assert Counter(queue.taken) == Counter(active)
    assert all(0 < len(send) <= BATCH_SIZE for send in queue.sends)
    assert figures.listed == len(listing)
    assert figures.enqueued == len(active)
    assert figures.skipped == Counter(state for state in states if state != ACTIVE)


# ---- Time -----------------------------------------------------------------------------------------------------------


def test_stops_when_it_is_told_to_and_tells_how_far_it_came() -> None:
    stop, queue = FakeStop(), FakeAccountQueue()

    def endless() -> Iterator[ListedAccount]:
        for number in range(10**6):
            if number == 25:
                stop.set()
            yield ListedAccount(f"{number:012}")

    with pytest.raises(BackfillError) as caught:
        backfill(endless(), queue, stop=stop)
    assert len(queue.taken) == 20
    assert str(caught.value).startswith("Time ran out before every account was listed: 30 accounts listed, ")


# ---- BackfillCounts --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("figures", "summary"),
    [
        (BackfillCounts(), "0 accounts listed, 0 put on AccountQueue for the worker to bring right, skipped: none"),
        (
            BackfillCounts(7, 4, Counter({"SUSPENDED": 2, "CLOSED": 1})),
            "7 accounts listed, 4 put on AccountQueue for the worker to bring right, skipped: 1 CLOSED, 2 SUSPENDED",
        ),
    ],
)
def test_figures_make_a_sentence(figures: BackfillCounts, summary: str) -> None:
    assert figures.summary() == summary


def test_figures_do_not_share_their_counts() -> None:
    BackfillCounts().skipped["CLOSED"] += 1
    assert BackfillCounts().skipped == Counter()
