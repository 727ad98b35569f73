"""List every account and send one message per active account, both at the same time."""

import itertools
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event
from typing import Protocol

from alternate_contacts.backfill.counts import BackfillCounts
from alternate_contacts.backfill.errors import BackfillError
from alternate_contacts.backfill.protocol import ACTIVE
from alternate_contacts.backfill.rejected_messages import Message, RejectedMessages

Rejections = list[tuple[Message, str]]
"""Messages of a batch that SQS rejected, each with the error code."""

BATCH_SIZE = 10
"""Entries of one SendMessageBatch.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html
"""
SENDS_AT_A_TIME = 4
"""Enough that listing never waits for sending: a page of 20 accounts is two batches, and ListAccounts takes longer for
a page than SQS takes for two batches."""


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
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Send one message per active account, with the body that ``make_body`` returns for the account ID.

    This thread lists while other threads send. A message that SQS rejects joins a later batch, so that listing goes on.
    If a message is rejected in every attempt, the others are still sent. Memory holds one page, a few batches and
    `MAX_REJECTED` messages at most, however large the organization is. ``counts`` is updated all the time, so that the
    caller can report it after setting ``stop``.

    Raises:
        BackfillError: SQS rejects messages in every attempt, or ``stop`` is set. The text includes the counts.
    """

    rejected = RejectedMessages(clock)

    def send(batch: Sequence[Message]) -> Rejections:
        codes = queue.send([make_body(message.account_id) for message in batch], delay=delay)
        counts.add_enqueued(len(batch) - len(codes))
        return [(batch[index], code) for index, code in codes.items()]

    try:
        with ThreadPoolExecutor(SENDS_AT_A_TIME) as pool:
            _send_all(_list_active(accounts, counts), lambda batch: pool.submit(send, batch), rejected, stop)
        rejected.raise_failure()
    except BackfillError as error:
        # The counts are final here: leaving the pool has waited for all threads.
        raise BackfillError(f"{error}. {counts.summary}. Retry.") from None


def _list_active(accounts: Iterable[ListedAccount], counts: BackfillCounts) -> Iterator[Message]:
    for account in accounts:
        counts.listed += 1
        if account.state == ACTIVE:
            yield Message(account.account_id)
        else:
            counts.skipped[account.state] += 1


def _send_all(
    messages: Iterator[Message],
    submit: Callable[[Sequence[Message]], Future[Rejections]],
    rejected: RejectedMessages,
    stop: Event,
) -> None:
    """Send all messages in batches. On return ``rejected`` has the messages without an attempt left."""
    sends: deque[Future[Rejections]] = deque()
    while True:
        batch = rejected.take_due(BATCH_SIZE)
        if not rejected.is_full:
            batch += itertools.islice(messages, BATCH_SIZE - len(batch))
        if stop.is_set():
            raise BackfillError("The backfill ran out of time")
        if batch:
            sends.append(submit(batch))
        elif not sends and not rejected.wait(stop):
            return
        while sends and (not batch or len(sends) > SENDS_AT_A_TIME or sends[0].done()):
            for message, code in sends.popleft().result():
                rejected.add(message, code)
