"""SQS: queue depth, messages, and batches to send."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

ACCOUNT_QUEUE, FAILED_ACCOUNT_QUEUE, UNDELIVERED_QUEUE = "AccountQueue", "FailedAccountQueue", "UndeliveredQueue"
QUEUES = (ACCOUNT_QUEUE, FAILED_ACCOUNT_QUEUE, UNDELIVERED_QUEUE)
"""Of every stack."""
CHANGE_QUEUE = "ChangeQueue"
"""Only of a stack with a contact configuration."""

QUEUE_DOES_NOT_EXIST = ("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist")
"""Error codes of SQS's two protocols for a queue that was deleted."""

Item = TypeVar("Item")

BATCH = 10
"""Entries of one batch call, and messages of one receive.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html
"""
_BATCH_BYTES = 200_000
"""Bytes of all bodies of one batch call: below 256 KiB, the smallest limit that SQS ever had."""


@dataclass(frozen=True)
class QueueDepth:
    """Number of messages on a queue. SQS counts approximately, and up to a minute late."""

    visible: int
    in_flight: int
    delayed: int

    @property
    def total(self) -> int:
        return self.visible + self.in_flight + self.delayed


def queue_depth(client: "SQSClient", url: str) -> QueueDepth:
    """Return the number of messages on the queue."""
    attributes = client.get_queue_attributes(
        QueueUrl=url,
        AttributeNames=[
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesNotVisible",
            "ApproximateNumberOfMessagesDelayed",
        ],
    )["Attributes"]
    return QueueDepth(
        visible=int(attributes["ApproximateNumberOfMessages"]),
        in_flight=int(attributes["ApproximateNumberOfMessagesNotVisible"]),
        delayed=int(attributes["ApproximateNumberOfMessagesDelayed"]),
    )


def queue_arn(client: "SQSClient", url: str) -> str:
    """Return the ARN of the queue."""
    return client.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


@dataclass(frozen=True)
class QueueMessage:
    """A received message. ``repr`` omits the body, which may hold secrets.

    ``redriven``: SQS moved it here from another queue, after too many receives.
    """

    message_id: str
    receipt_handle: str = field(repr=False)
    body: str = field(repr=False)
    attributes: Mapping[str, str]
    sent: datetime
    redriven: bool


def send_messages(client: "SQSClient", url: str, bodies: Sequence[str]) -> set[int]:
    """Send up to ten messages; return the indexes of those that SQS rejected.

    The messages have no message group, so that they overtake the messages of a backfill.
    """
    entries: list[SendMessageBatchRequestEntryTypeDef] = [
        {"Id": str(index), "MessageBody": body} for index, body in enumerate(bodies)
    ]
    response = client.send_message_batch(QueueUrl=url, Entries=entries)
    return {int(failed["Id"]) for failed in response.get("Failed", [])}


def batches(items: Sequence[Item], size: Callable[[Item], int] = lambda _: 0) -> Iterator[Sequence[Item]]:
    """Yield ``items`` in batches of ten, or of fewer if their ``size`` in bytes exceeds the limit of a call."""
    batch: list[Item] = []
    for item in items:
        if len(batch) == BATCH or (batch and sum(map(size, [*batch, item])) > _BATCH_BYTES):
            yield batch
            batch = []
        batch.append(item)
    if batch:
        yield batch
