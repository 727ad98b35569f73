"""SQS as an operator needs it: how much is on a queue, what is on it, and letters onto it.

SQS has no read-only receive: a received message is invisible to other readers. `QueueLease` returns every message
that it received, also after an error.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import (
        ChangeMessageVisibilityBatchRequestEntryTypeDef,
        DeleteMessageBatchRequestEntryTypeDef,
        MessageTypeDef,
        SendMessageBatchRequestEntryTypeDef,
    )

Item = TypeVar("Item")

BATCH = 10
"""Entries of one batch call, and messages of one receive.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html
"""
_BATCH_BYTES = 200_000
"""Bodies of one batch call: less than the smallest limit that SQS ever had for all of them, 256 KiB."""

_TWELVE_HOURS = 43_200
LONG_POLL = 1
"""Seconds to wait for messages: with any at all SQS asks all of its servers, with none only some.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html
"""
_EMPTY_RECEIVES = 3
"""Answers in a row with nothing new, after which a queue counts as read, though its counts say that there is more."""


@dataclass(frozen=True)
class QueueDepth:
    """Messages on a queue, as SQS counts them: approximately, and up to a minute late."""

    visible: int
    in_flight: int
    delayed: int

    @property
    def total(self) -> int:
        return self.visible + self.in_flight + self.delayed


def queue_depth(client: "SQSClient", url: str) -> QueueDepth:
    """How much is on the queue."""
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
    """The queue's ARN."""
    return client.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


@dataclass(frozen=True)
class QueueMessage:
    """A received message. ``body`` may hold what nobody is to see, so ``repr`` leaves it out.

    ``redriven``: SQS itself moved it here from another queue, after too many receives.
    """

    message_id: str
    receipt_handle: str = field(repr=False)
    body: str = field(repr=False)
    attributes: Mapping[str, str]
    sent: datetime
    redriven: bool


class QueueLease:
    """Messages of a queue, hidden from others for as long as the block lasts; all but deleted ones are given back."""

    def __init__(self, client: "SQSClient", url: str, *, seconds: int) -> None:
        """``seconds``: how long a message stays hidden should it not be given back; see `hold_seconds`."""
        self._client = client
        self._url = url
        self._seconds = seconds
        self._messages: dict[str, QueueMessage] = {}
        # Ctrl-C is for the main thread. Here a receive under way comes to its end, and what it brings is given back.
        self._thread = ThreadPoolExecutor(1, "held")
        self.unreturned = 0
        """Known after the block: messages that only come back when their time is over."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        given_back = self._thread.submit(self._give_back)
        self._thread.shutdown()
        if error is None:
            given_back.result()

    def receive(self, expected: int, told: Callable[[int], None] = lambda _: None) -> list[QueueMessage]:
        """Receive until nothing more comes: at least ``expected``, if they are to be had.

        ``told`` hears how many were received so far.
        """
        empty = 0
        while empty < (1 if len(self._messages) >= expected else _EMPTY_RECEIVES):
            new = self._thread.submit(self._receive).result()
            empty = 0 if new else empty + 1
            told(len(self._messages))
        return list(self._messages.values())

    def delete(self, messages: Sequence[QueueMessage]) -> int:
        """Delete these; how many SQS did not delete: those are given back at the end of the block."""
        left = 0
        for batch in batches(messages):
            entries: list[DeleteMessageBatchRequestEntryTypeDef] = [
                {"Id": str(index), "ReceiptHandle": message.receipt_handle} for index, message in enumerate(batch)
            ]
            answer = self._client.delete_message_batch(QueueUrl=self._url, Entries=entries)
            for done in answer.get("Successful", []):
                del self._messages[batch[int(done["Id"])].message_id]
            left += len(answer.get("Failed", []))
        return left

    def _receive(self) -> int:
        answer = self._client.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=BATCH,
            WaitTimeSeconds=LONG_POLL,
            VisibilityTimeout=self._seconds,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["All"],
        )
        messages = [_message(each) for each in answer.get("Messages", [])]
        known = len(self._messages)
        # One that comes twice counts once, with the receipt that is valid.
        self._messages.update((message.message_id, message) for message in messages)
        return len(self._messages) - known

    def _give_back(self) -> None:
        for batch in batches(list(self._messages.values())):
            self.unreturned += self._not_given_back(batch)

    def _not_given_back(self, batch: Sequence[QueueMessage]) -> int:
        entries: list[ChangeMessageVisibilityBatchRequestEntryTypeDef] = [
            {"Id": str(index), "ReceiptHandle": message.receipt_handle, "VisibilityTimeout": 0}
            for index, message in enumerate(batch)
        ]
        try:
            answer = self._client.change_message_visibility_batch(QueueUrl=self._url, Entries=entries)
        except (BotoCoreError, ClientError):
            # The other batches have to be given back all the same, and an error on its way out must not be hidden.
            return len(batch)
        return sum(not each["Code"].endswith("MessageNotInflight") for each in answer.get("Failed", []))


def lease_seconds(expected: int) -> int:
    """How long to hide messages: a minute, and for each expected one what receiving, sending and deleting may take.

    Three calls for ten messages, at most half a second each, are 0.15 s.
    """
    return min(60 + expected // 5, _TWELVE_HOURS)


def send_messages(client: "SQSClient", url: str, bodies: Sequence[str]) -> set[int]:
    """Send up to ten messages; the indexes of those that SQS did not take.

    Without a message group, so that they overtake the letters of a backfill.
    """
    entries: list[SendMessageBatchRequestEntryTypeDef] = [
        {"Id": str(index), "MessageBody": body} for index, body in enumerate(bodies)
    ]
    answer = client.send_message_batch(QueueUrl=url, Entries=entries)
    return {int(each["Id"]) for each in answer.get("Failed", [])}


def batches(items: Sequence[Item], size: Callable[[Item], int] = lambda _: 0) -> Iterator[Sequence[Item]]:
    """``items`` in tens, or fewer where together they would be larger than a batch call may be, by their ``size``."""
    batch: list[Item] = []
    for item in items:
        if len(batch) == BATCH or (batch and sum(map(size, [*batch, item])) > _BATCH_BYTES):
            yield batch
            batch = []
        batch.append(item)
    if batch:
        yield batch


def _message(received: "MessageTypeDef") -> QueueMessage:
    system = {**received.get("Attributes", {})}
    return QueueMessage(
        message_id=received.get("MessageId", ""),
        receipt_handle=received.get("ReceiptHandle", ""),
        body=received.get("Body", ""),
        attributes={
            name: value.get("StringValue", "") for name, value in received.get("MessageAttributes", {}).items()
        },
        sent=datetime.fromtimestamp(int(system["SentTimestamp"]) / 1000, UTC),
        redriven="DeadLetterQueueSourceArn" in system,
    )
