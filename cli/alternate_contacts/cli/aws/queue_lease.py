"""Looks at all that is on a queue, as far as others let it, and says how far that was."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from alternate_contacts.cli.aws.queues import QueueLease, QueueMessage, lease_seconds, queue_depth
from alternate_contacts.cli.terminal import output

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


@dataclass(frozen=True)
class QueueSnapshot:
    """Messages that were read from ``queue``, of how many by SQS's count."""

    queue: str
    messages: Sequence[QueueMessage]
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


def read_queue(client: "SQSClient", url: str, queue: str) -> QueueSnapshot:
    """Read ``queue``, as its name is, and give everything back."""
    with lease_queue(client, url, queue) as (_, reading):
        return reading


@contextmanager
def lease_queue(
    client: "SQSClient", url: str, queue: str, *, thinking: int = 0
) -> Iterator[tuple[QueueLease, QueueSnapshot]]:
    """Read ``queue`` with a progress bar, and hold its messages for the block; then give back what is left of them.

    ``thinking``: seconds that somebody may take to read a plan and agree, until SQS shows the messages to others.
    """
    waiting = queue_depth(client, url)
    seconds = lease_seconds(waiting.visible) + thinking
    held = QueueLease(client, url, seconds=seconds)
    try:
        with held:
            with output.progress() as bar:
                task = bar.add_task(f"reading {queue}", total=waiting.visible)
                messages = held.receive(waiting.visible, told=lambda number: bar.update(task, completed=number))
            yield held, QueueSnapshot(queue, messages, max(waiting.total, len(messages)))
    finally:
        if held.unreturned:
            output.notes().print(
                f"{output.count(held.unreturned, 'message')} could not be given back: SQS shows them again by "
                f"itself within {-(-seconds // 60)} minutes."
            )
