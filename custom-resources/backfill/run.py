"""Lists every account and puts a letter for each on AccountQueue."""

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from backfill.figures import Figures
from backfill.letters import letter

ACTIVE = "ACTIVE"
BATCH_SIZE = 10
"""Entries of one SendMessageBatch.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html
"""

_SEND_TRIES = 5


class BackfillError(Exception):
    """The backfill could not be done. Its text is one sentence for the person who deploys."""


@dataclass(frozen=True)
class Account:
    """An account as ListAccounts tells of it; one that tells no state counts as ACTIVE."""

    account_id: str
    state: str = ACTIVE


class Organization(Protocol):
    """What the backfill asks of AWS Organizations."""

    def trusted_access(self) -> bool: ...

    def enable_trusted_access(self) -> None: ...

    def accounts(self) -> Iterator[Account]: ...


class AccountQueue(Protocol):
    """Where letters go."""

    def send(self, bodies: Sequence[str], *, delay: int) -> list[int]:
        """Send up to ten letters, to be read after ``delay`` seconds; the indexes of those that SQS did not take."""


def run(
    organization: Organization,
    queue: AccountQueue,
    *,
    delay: int,
    deadline: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Figures:
    """Enable trusted access if it is off, then send a letter for every account that ListAccounts calls ACTIVE.

    Page by page: no more than one page and one batch are ever held. ``deadline`` is a time of ``clock``.

    Raises:
        BackfillError: SQS keeps refusing letters, or the deadline comes first; the text carries the figures.
    """
    if not organization.trusted_access():
        organization.enable_trusted_access()
    figures = Figures()

    def active() -> Iterator[Account]:
        for account in organization.accounts():
            figures.listed += 1
            if account.state == ACTIVE:
                yield account
            else:
                figures.skipped[account.state] += 1

    accounts = active()
    while batch := list(itertools.islice(accounts, BATCH_SIZE)):
        if clock() >= deadline:
            raise BackfillError(f"Time ran out before every account was listed: {figures.summary()}.")
        _send(queue, [letter(account.account_id) for account in batch], delay, figures, sleep)
    return figures


def _send(
    queue: AccountQueue, letters: Sequence[str], delay: int, figures: Figures, sleep: Callable[[float], None]
) -> None:
    for attempt in range(_SEND_TRIES):
        refused = queue.send(letters, delay=delay)
        figures.enqueued += len(letters) - len(refused)
        letters = [letters[index] for index in refused]
        if not letters:
            return
        sleep(0.2 * 2**attempt)
    raise BackfillError(f"SQS did not take {len(letters)} letters in {_SEND_TRIES} tries: {figures.summary()}.")
