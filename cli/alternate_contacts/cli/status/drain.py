"""How far the worker has come with AccountQueue, and how long the rest takes."""

from dataclasses import dataclass
from datetime import timedelta

from alternate_contacts.cli.aws.queues import QueueDepth
from alternate_contacts.cli.aws.stack import Stack
from alternate_contacts.worker.decision import Policy
from alternate_contacts.worker.protocol import Mode


@dataclass(frozen=True)
class Pace:
    """Contacts that each letter is about, and what the worker may call in a second. ``puts`` is None in mode report."""

    contacts: int
    gets: float
    puts: float | None

    @classmethod
    def of(cls, stack: Stack) -> "Pace":
        """By the stack's parameters; a type that is ignored costs no call."""
        return cls(
            contacts=sum(assignment.policy is not Policy.IGNORE for assignment in stack.desired.values()),
            gets=stack.get_rate * stack.quota_share,
            puts=stack.put_rate * stack.quota_share if stack.mode is Mode.ENFORCE else None,
        )

    def time_left(self, letters: int) -> tuple[timedelta, timedelta]:
        """The time for so many letters if every contact is right, and if none is.

        Gets and Puts draw on separate quotas, so the slower of both counts.
        """
        calls = letters * self.contacts
        looks = calls / self.gets
        puts = calls / self.puts if self.puts else 0.0
        return timedelta(seconds=looks), timedelta(seconds=max(looks, puts))


class Drain:
    """What was seen of AccountQueue so far; SQS counts approximately, so one empty look is not enough."""

    _EMPTY_LOOKS = 2

    def __init__(self) -> None:
        self.most = 0
        self.left = 0
        self._empty = 0

    def seen(self, depth: QueueDepth) -> None:
        """Add a look at the queue."""
        self.left = depth.total
        self.most = max(self.most, self.left)
        self._empty = 0 if self.left else self._empty + 1

    @property
    def done(self) -> int:
        """Letters worked off since the first look, as far as can be seen."""
        return self.most - self.left

    @property
    def is_over(self) -> bool:
        return self._empty >= self._EMPTY_LOOKS
