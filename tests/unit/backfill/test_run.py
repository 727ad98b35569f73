"""A letter for every active account: page by page, in batches of ten, and no letter lost on the way."""

from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfill.figures import Figures
from backfill.run import ACTIVE, BATCH_SIZE, Account, BackfillError, run
from tests.fakes.backfill import FakeAccountQueue, FakeOrganization
from tests.fakes.clock import FakeClock

STATES = [ACTIVE, "PENDING_ACTIVATION", "SUSPENDED", "PENDING_CLOSURE", "CLOSED"]
TRIES = 5


def accounts(count: int) -> list[Account]:
    return [Account(f"{number:012}") for number in range(count)]


def ids(found: list[Account]) -> list[str]:
    return [account.account_id for account in found]


def backfill(
    organization: FakeOrganization,
    queue: FakeAccountQueue,
    *,
    delay: int = 0,
    deadline: float = 100,
    clock: FakeClock | None = None,
) -> Figures:
    clock = clock or FakeClock()
    return run(organization, queue, delay=delay, deadline=deadline, clock=clock, sleep=clock.sleep)


def test_trusted_access_is_enabled_where_it_is_off() -> None:
    organization = FakeOrganization(trusted=False)
    backfill(organization, FakeAccountQueue())
    assert organization.enabled == 1


def test_trusted_access_is_left_alone_where_it_is_on() -> None:
    organization = FakeOrganization(trusted=True)
    backfill(organization, FakeAccountQueue())
    assert organization.enabled == 0


def test_an_empty_organization_is_done() -> None:
    queue = FakeAccountQueue()
    assert backfill(FakeOrganization(), queue) == Figures()
    assert queue.sends == []


@pytest.mark.parametrize("count", [1, 9, 10, 11, 20, 95])
def test_sends_a_letter_for_every_account_in_batches_of_ten(count: int) -> None:
    queue = FakeAccountQueue()
    figures = backfill(FakeOrganization(accounts(count)), queue)
    assert queue.taken == ids(accounts(count))
    assert [len(send) for send in queue.sends] == [10] * (count // 10) + [count % 10] * (count % 10 > 0)
    assert (figures.listed, figures.enqueued, figures.skipped) == (count, count, Counter())


@pytest.mark.parametrize("delay", [0, 180])
def test_every_letter_waits_as_long_as_it_is_told_to(delay: int) -> None:
    queue = FakeAccountQueue(refusals=[[3]])
    backfill(FakeOrganization(accounts(25)), queue, delay=delay)
    assert set(queue.delays) == {delay}


@pytest.mark.parametrize("state", STATES[1:])
def test_skips_what_is_not_active(state: str) -> None:
    queue = FakeAccountQueue()
    figures = backfill(FakeOrganization([Account("1" * 12, state), Account("2" * 12)]), queue)
    assert queue.taken == ["2" * 12]
    assert (figures.listed, figures.enqueued, figures.skipped) == (2, 1, Counter({state: 1}))


def test_an_account_that_tells_no_state_counts_as_active() -> None:
    queue = FakeAccountQueue()
    backfill(FakeOrganization([Account("1" * 12)]), queue)
    assert queue.taken == ["1" * 12]


def test_batches_are_full_even_if_many_accounts_are_skipped() -> None:
    listing = [account for each in accounts(20) for account in (each, Account("9" * 12, "CLOSED"))]
    queue = FakeAccountQueue()
    backfill(FakeOrganization(listing), queue)
    assert [len(send) for send in queue.sends] == [10, 10]


def test_never_more_than_one_batch_ahead() -> None:
    """An organization of 50,000 accounts does not fit into memory as letters, and need not."""
    queue = FakeAccountQueue()
    drawn = []

    def listing() -> Iterator[Account]:
        for number, account in enumerate(accounts(95)):
            assert len(queue.taken) == number // BATCH_SIZE * BATCH_SIZE
            drawn.append(account)
            yield account

    backfill(FakeOrganization(listing()), queue)
    assert len(drawn) == len(queue.taken) == 95


# ---- Letters that SQS does not take ---------------------------------------------------------------------------------


def test_letters_that_sqs_did_not_take_are_sent_again_and_no_others() -> None:
    queue, clock = FakeAccountQueue(refusals=[[0, 4, 9], [1]]), FakeClock()
    figures = backfill(FakeOrganization(accounts(12)), queue, clock=clock)
    every = ids(accounts(12))
    assert queue.sends == [every[:10], [every[0], every[4], every[9]], [every[4]], every[10:]]
    assert Counter(queue.taken) == Counter(every)
    assert figures.enqueued == 12
    assert clock.sleeps == [0.2, 0.4]


def test_gives_up_on_letters_that_sqs_keeps_refusing_and_tells_how_far_it_came() -> None:
    queue = FakeAccountQueue(refusals=[[], [1, 2], *[[0, 1]] * (TRIES - 1)])
    listing = [*accounts(20), Account("9" * 12, "CLOSED")]
    with pytest.raises(BackfillError) as caught:
        backfill(FakeOrganization(listing), queue)
    assert len(queue.sends) == 1 + TRIES
    assert str(caught.value) == (
        "SQS did not take 2 letters in 5 tries: "
        "20 accounts listed, 18 put on AccountQueue for the worker to bring right, skipped: none."
    )


def test_waits_longer_and_longer_but_seconds_only() -> None:
    clock = FakeClock()
    with pytest.raises(BackfillError):
        backfill(FakeOrganization(accounts(1)), FakeAccountQueue(refusals=[[0]] * TRIES), clock=clock)
    assert clock.sleeps[:4] == [0.2, 0.4, 0.8, 1.6]
    assert clock.now < 10


@given(
    st.lists(st.sampled_from(STATES), max_size=60),
    st.lists(st.frozensets(st.integers(0, 9), max_size=10), max_size=4),
)
def test_every_active_account_gets_one_letter(states: list[str], refusals: list[frozenset[int]]) -> None:
    class Stubborn(FakeAccountQueue):
        def send(self, bodies: object, *, delay: int) -> list[int]:
            assert isinstance(bodies, list)
            # Never two refusals in a row, and none of a letter that is not there.
            refused = refusals.pop() if refusals and len(self.sends) % 2 == 0 else frozenset()
            self.refusals = [[index for index in refused if index < len(bodies)]]
            return super().send(bodies, delay=delay)

    queue = Stubborn()
    listing = [Account(f"{number:012}", state) for number, state in enumerate(states)]
    figures = backfill(FakeOrganization(listing), queue)
    active = [account.account_id for account in listing if account.state == ACTIVE]
    assert Counter(queue.taken) == Counter(active)
    assert all(0 < len(send) <= BATCH_SIZE for send in queue.sends)
    assert figures.listed == len(listing)
    assert figures.enqueued == len(active)
    assert figures.skipped == Counter(state for state in states if state != ACTIVE)


# ---- Time -----------------------------------------------------------------------------------------------------------


def test_stops_at_the_deadline_and_tells_how_far_it_came() -> None:
    clock, queue = FakeClock(), FakeAccountQueue()

    def slow() -> Iterator[Account]:
        for account in accounts(100):
            clock.now += 1
            yield account

    with pytest.raises(BackfillError) as caught:
        backfill(FakeOrganization(slow()), queue, deadline=25, clock=clock)
    assert len(queue.taken) == 20
    assert str(caught.value).startswith("Time ran out before every account was listed: 30 accounts listed, 20 put on")
    assert clock.now <= 30


def test_an_organization_that_is_done_at_the_deadline_is_done() -> None:
    clock = FakeClock()

    def slow() -> Iterator[Account]:
        yield from accounts(10)
        clock.now += 1000

    assert backfill(FakeOrganization(slow()), FakeAccountQueue(), deadline=25, clock=clock).enqueued == 10


# ---- Figures --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("figures", "summary"),
    [
        (Figures(), "0 accounts listed, 0 put on AccountQueue for the worker to bring right, skipped: none"),
        (
            Figures(7, 4, Counter({"SUSPENDED": 2, "CLOSED": 1})),
            "7 accounts listed, 4 put on AccountQueue for the worker to bring right, skipped: 1 CLOSED, 2 SUSPENDED",
        ),
    ],
)
def test_figures_make_a_sentence(figures: Figures, summary: str) -> None:
    assert figures.summary() == summary


def test_figures_do_not_share_their_counts() -> None:
    Figures().skipped["CLOSED"] += 1
    assert Figures().skipped == Counter()
