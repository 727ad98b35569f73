"""Chosen messages onto AccountQueue: sent first, deleted after, so that none can be lost.

Should it end in between, a message is on both queues. That does no harm: an account that is right costs a look.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from alternate_contacts.cli.aws.queues import QueueLease, QueueMessage, batches, send_messages

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


@dataclass(frozen=True)
class Transfer:
    """How many messages are on AccountQueue now, and how many SQS did not take or did not delete."""

    sent: int = 0
    not_taken: int = 0
    not_deleted: int = 0

    @property
    def remarks(self) -> list[str]:
        """What there is to say of it, in sentences."""
        said: list[str] = []
        if self.not_taken:
            said.append(
                f"{self.not_taken} messages were not taken by AccountQueue and stay where they were: try again."
            )
        if self.not_deleted:
            said.append(
                f"{self.not_deleted} messages were sent but not deleted: they are on both queues, which does no harm."
            )
        return said


def transfer(
    client: "SQSClient", held: QueueLease, url: str, messages: Sequence[QueueMessage], told: Callable[[int], None]
) -> Transfer:
    """Send the bodies to the queue at ``url`` and delete the messages; ``told`` hears how many were dealt with."""
    sent = not_taken = not_deleted = 0
    for batch in batches(messages, size=lambda message: len(message.body.encode())):
        refused = send_messages(client, url, [message.body for message in batch])
        taken = [message for index, message in enumerate(batch) if index not in refused]
        not_deleted += held.delete(taken)
        sent += len(taken)
        not_taken += len(refused)
        told(sent + not_taken)
    return Transfer(sent, not_taken, not_deleted)
