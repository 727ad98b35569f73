"""List every account and send one message per active account, both at the same time."""

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event
from typing import Protocol

from alternate_contacts.backfill.counts import BackfillCounts
from alternate_contacts.backfill.errors import BackfillError
from alternate_contacts.backfill.protocol import ACTIVE

BATCH_SIZE = 10
"""Entries of one SendMessageBatch.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html
"""
SENDS_AT_A_TIME = 4
"""Enough that listing never waits for sending: a page of 20 accounts is two batches, and ListAccounts takes longer for
a page than SQS takes for two batches."""

_ATTEMPTS = 8
"""With waits of 0.2 s, doubled each time: 0.2 x (2^7 - 1) = 25 s for SQS to recover."""


@dataclass(frozen=True)
class ListedAccount:
    """An account as ListAccounts returns it."""

    account_id: str
    state: str = ACTIVE


class AccountQueue(Protocol):
    """The queue that gets the account messages."""

    def send(self, bodies: Sequence[str], *, delay: int) -> Mapping[int, str]:
        """Send up to ten messages that become visible after ``delay`` seconds.

        Returns the error codes of the messages that SQS rejected, by their index in ``bodies``.
        """


def enqueue_accounts(
    accounts: Iterable[ListedAccount],
    queue: AccountQueue,
    make_body: Callable[[str], str],
    *,
    delay: int,
    counts: BackfillCounts,
    stop: Event,
) -> None:
    """Send one message per active account, with the body that ``make_body`` returns for the account ID.

    This thread lists while other threads send. Memory holds one page and a few batches at most, however large the
    organization is. ``counts`` is updated all the time, so that the caller can report it after setting ``stop``.

    Raises:
        BackfillError: SQS rejects messages in every attempt, or ``stop`` is set. The text includes the counts.
    """

    def list_active() -> Iterator[ListedAccount]:
        for account in accounts:
            counts.listed += 1
            if account.state == ACTIVE:
                yield account
            else:
                counts.skipped[account.state] += 1

    sends: deque[Future[None]] = deque()
    active = list_active()
    try:
        with ThreadPoolExecutor(SENDS_AT_A_TIME, "send") as pool:
            while batch := list(itertools.islice(active, BATCH_SIZE)):
                if stop.is_set():
                    raise BackfillError("The backfill ran out of time")
                bodies = [make_body(account.account_id) for account in batch]
                sends.append(pool.submit(_send, queue, bodies, delay, counts, stop))
                if len(sends) > SENDS_AT_A_TIME:
                    sends.popleft().result()
            while sends:
                sends.popleft().result()
    except BackfillError as error:
        # The counts are final here: leaving the pool has waited for all threads.
        raise BackfillError(f"{error}. {counts.summary}. Retry.") from None


def _send(queue: AccountQueue, bodies: Sequence[str], delay: int, counts: BackfillCounts, stop: Event) -> None:
    """Send one batch, and the rejected messages again."""
    for attempt in range(1, _ATTEMPTS + 1):
        rejected = queue.send(bodies, delay=delay)
        counts.add_enqueued(len(bodies) - len(rejected))
        bodies = [bodies[index] for index in rejected]
        if not bodies:
            return
        if attempt == _ATTEMPTS or stop.wait(0.1 * 2**attempt):
            codes = ", ".join(sorted(set(rejected.values())))
            raise BackfillError(f"SendMessageBatch failed for {len(bodies)} messages in {attempt} attempts: {codes}")
