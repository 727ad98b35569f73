"""The messages that SQS rejected in a batch, and when each is sent again."""

import heapq
from collections.abc import Callable
from threading import Event
from typing import NamedTuple

from alternate_contacts.backfill.errors import BackfillError

_RETRY_WAITS = (0, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8)
"""Seconds until a message joins a batch again, after its first, second … rejection: 25.4 s in all for SQS to recover.
The first retry is at once, because SQS usually rejects single messages for a moment only."""
MAX_REJECTED = 100
"""While this many messages are rejected, listing waits. So memory stays small, and a queue that rejects everything ends
the backfill after 25 s. 100 is far more than the few that wait at a time if SQS rejects some percent of the messages:
at 667 messages a second (a page of 20 takes 30 ms) 2 % are 13 rejections a second, and most of them wait 0 s."""


class Message(NamedTuple):
    """The message of one account, and how often SQS has rejected it."""

    account_id: str
    rejections: int = 0


class RejectedMessages:
    """The messages that SQS rejected: those that wait for a retry, and those that have no attempt left."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._waited_until = clock()
        self._waiting: list[tuple[float, Message]] = []
        """A heap of messages, each with the time from which it may be sent again."""
        self._failed: list[str] = []
        self._codes: set[str] = set()

    def add(self, message: Message, code: str) -> None:
        """Add a message that SQS rejected with an error code."""
        if message.rejections < len(_RETRY_WAITS):
            due = self._now() + _RETRY_WAITS[message.rejections]
            heapq.heappush(self._waiting, (due, Message(message.account_id, message.rejections + 1)))
        else:
            self._failed.append(message.account_id)
            self._codes.add(code)

    def take_due(self, count: int) -> list[Message]:
        """Remove and return the messages to send again now, ``count`` at most."""
        now, due = self._now(), list[Message]()
        while self._waiting and self._waiting[0][0] <= now and len(due) < count:
            due.append(heapq.heappop(self._waiting)[1])
        return due

    def wait(self, stop: Event) -> bool:
        """Wait until a message is due, or ``stop`` is set. Return False if no message waits."""
        if not self._waiting:
            return False
        due = self._waiting[0][0]
        stop.wait(due - self._now())
        self._waited_until = due
        return True

    @property
    def is_full(self) -> bool:
        return len(self._waiting) + len(self._failed) >= MAX_REJECTED

    def raise_failure(self) -> None:
        """Report the messages that have no attempt left.

        Raises:
            BackfillError: there are such messages. The text has one account, the number of others, and the error codes.
        """
        if self._failed:
            more = f" and {len(self._failed) - 1} more" if len(self._failed) > 1 else ""
            attempts, codes = len(_RETRY_WAITS) + 1, ", ".join(sorted(self._codes))
            raise BackfillError(f"SendMessageBatch failed for {self._failed[0]}{more} in {attempts} attempts: {codes}")

    def _now(self) -> float:
        return max(self._clock(), self._waited_until)
