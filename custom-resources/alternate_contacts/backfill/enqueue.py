"""Lists every account and puts a letter for each on AccountQueue, both at the same time."""

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
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
"""Enough that sending never holds up the listing: a page is two batches, and takes longer than two sends."""

_SEND_TRIES = 8
"""With waits of 0.2 s, doubled each time: 0.2 x (2^7 - 1) = 25 s for SQS to recover."""


@dataclass(frozen=True)
class ListedAccount:
    """An account as ListAccounts tells of it; one that tells no state counts as ACTIVE."""

    account_id: str
    state: str = ACTIVE


class AccountQueue(Protocol):
    """Where letters go."""

    def send(self, bodies: Sequence[str], *, delay: int) -> list[int]:
        """Send up to ten letters, to be read after ``delay`` seconds; the indexes of those that SQS did not take."""


def enqueue_accounts(
    accounts: Iterable[ListedAccount],
    queue: AccountQueue,
    write: Callable[[str], str],
    *,
    delay: int,
    figures: BackfillCounts,
    stop: Event,
) -> None:
    """Send a letter, as ``write`` makes it of an account id, for every account that ListAccounts calls ACTIVE.

    While pages are listed here, threads send: no more than one page and a few batches are ever held, however large the
    organization is. ``figures`` counts along, so that whoever sets ``stop`` can tell how far it came.

    Raises:
        BackfillError: SQS keeps refusing letters, or ``stop`` was set; the text carries the figures.
    """

    def active() -> Iterator[ListedAccount]:
        for account in accounts:
            figures.listed += 1
            if account.state == ACTIVE:
                yield account
            else:
                figures.skipped[account.state] += 1

    under_way: deque[Future[None]] = deque()
    source = active()
    try:
        with ThreadPoolExecutor(SENDS_AT_A_TIME, "send") as pool:
            while batch := list(itertools.islice(source, BATCH_SIZE)):
                if stop.is_set():
                    raise BackfillError("Time ran out before every account was listed")
                letters = [write(account.account_id) for account in batch]
                under_way.append(pool.submit(_send, queue, letters, delay, figures, stop))
                if len(under_way) > SENDS_AT_A_TIME:
                    under_way.popleft().result()
            while under_way:
                under_way.popleft().result()
    except BackfillError as error:
        # Only now, when no thread sends any more, are the figures what they will stay.
        raise BackfillError(f"{error}: {figures.summary()}.") from None


def _send(queue: AccountQueue, letters: Sequence[str], delay: int, figures: BackfillCounts, stop: Event) -> None:
    """Send one batch, its refused letters again."""
    for attempt in range(_SEND_TRIES):
        refused = queue.send(letters, delay=delay)
        figures.sent(len(letters) - len(refused))
        letters = [letters[index] for index in refused]
        if not letters:
            return
        if attempt < _SEND_TRIES - 1 and stop.wait(0.2 * 2**attempt):
            break
    raise BackfillError(f"SQS did not take {len(letters)} letters, tried again and again")
