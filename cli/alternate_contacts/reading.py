"""Looks at all that is on a queue, as far as others let it, and says how far that was."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from alternate_contacts import terminal
from alternate_contacts.queues import Held, Message, depth, hold_seconds

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


@dataclass(frozen=True)
class Reading:
    """Messages that were read from ``queue``, of how many by SQS's count."""

    queue: str
    messages: Sequence[Message]
    counted: int

    @property
    def remarks(self) -> list[str]:
        """What there is to say of it, in sentences."""
        if len(self.messages) >= self.counted:
            return []
        return [
            f"{len(self.messages)} of {self.counted} messages on {self.queue} read: somebody else holds the others "
            "(a replay, or another reader), or SQS counts late. Look again in a few minutes."
        ]

    def document(self) -> dict[str, int]:
        """For ``--json``."""
        return {"read": len(self.messages), "counted": self.counted}


def look(client: "SQSClient", url: str, queue: str) -> Reading:
    """Read ``queue``, as its name is, and give everything back."""
    with holding(client, url, queue) as (_, reading):
        return reading


@contextmanager
def holding(client: "SQSClient", url: str, queue: str, *, thinking: int = 0) -> Iterator[tuple[Held, Reading]]:
    """Read ``queue`` with a progress bar, and hold its messages for the block; then give back what is left of them.

    ``thinking``: seconds that somebody may take to read a plan and agree, until SQS shows the messages to others.
    """
    waiting = depth(client, url)
    seconds = hold_seconds(waiting.visible) + thinking
    held = Held(client, url, seconds=seconds)
    try:
        with held:
            with terminal.progress() as bar:
                task = bar.add_task(f"reading {queue}", total=waiting.visible)
                messages = held.receive(waiting.visible, told=lambda number: bar.update(task, completed=number))
            yield held, Reading(queue, messages, max(waiting.total, len(messages)))
    finally:
        if held.not_given_back:
            terminal.notes().print(
                f"{terminal.count(held.not_given_back, 'message')} could not be given back: SQS shows them again by "
                f"itself within {-(-seconds // 60)} minutes."
            )
