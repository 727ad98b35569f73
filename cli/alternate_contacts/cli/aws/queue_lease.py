"""Read the messages of a queue, and return them.

SQS has no read-only receive: a received message is invisible to other readers until its visibility timeout ends.
`QueueLease` makes every message that it received visible again, also after an error.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Self

from botocore.exceptions import BotoCoreError, ClientError

from alternate_contacts.cli.aws.queues import BATCH, QueueMessage, batches, queue_depth
from alternate_contacts.cli.aws.stack import Stack
from alternate_contacts.cli.aws.uninterrupted import GRACE_SECONDS, run_to_end, start
from alternate_contacts.cli.terminal import output

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import (
        ChangeMessageVisibilityBatchRequestEntryTypeDef,
        DeleteMessageBatchRequestEntryTypeDef,
        MessageTypeDef,
    )

LONG_POLL = 1
"""Seconds to wait for messages. A short poll (0) queries only a part of the servers of SQS, a long poll all of them.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html
"""
_EMPTY_RECEIVES = 3
"""Receives in a row without a new message after which the queue is read, even if SQS counts more messages."""
_MAX_VISIBILITY_TIMEOUT = 43_200


@dataclass(frozen=True)
class QueueSnapshot:
    """The messages that were read from ``queue``, and how many messages SQS counted."""

    queue: str
    messages: Sequence[QueueMessage]
    counted: int

    @property
    def remarks(self) -> list[str]:
        """A remark if the snapshot is not complete."""
        if len(self.messages) >= self.counted:
            return []
        return [
            f"{len(self.messages)} of {self.counted} messages on {self.queue} were read. The others are in flight (a "
            "replay or another reader), or the count of SQS is late. Try again in a few minutes."
        ]

    def document(self) -> dict[str, int]:
        """Return the numbers for ``--json``."""
        return {"read": len(self.messages), "counted": self.counted}


class QueueLease:
    """Received messages of a queue. At the end of the block, all but the deleted ones become visible again."""

    def __init__(self, client: "SQSClient", url: str, *, seconds: int) -> None:
        """``seconds``: visibility timeout of the received messages; see `lease_seconds`."""
        self._client = client
        self._url = url
        self._seconds = seconds
        self._messages: dict[str, QueueMessage] = {}
        self._is_receiving = False
        self._is_ended = False
        self.unreturned = 0
        """After the block: messages that stay invisible until their visibility timeout ends."""
        self.deleted = 0
        """Messages that were deleted."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._return_all(interrupted=isinstance(error, KeyboardInterrupt))

    def receive_all(self, expected: int, on_progress: Callable[[int], None] = lambda _: None) -> list[QueueMessage]:
        """Receive until SQS returns no new message; do not stop early below ``expected`` messages.

        ``on_progress`` is called with the number of messages received so far.
        """
        empty = 0
        while empty < (1 if len(self._messages) >= expected else _EMPTY_RECEIVES):
            known = len(self._messages)
            # A receive that Ctrl-C interrupted would hide its messages: it ends, so that they can be returned.
            run_to_end(self._receive)
            empty = 0 if len(self._messages) > known else empty + 1
            on_progress(len(self._messages))
        return list(self._messages.values())

    def delete(self, messages: Sequence[QueueMessage]) -> int:
        """Delete the messages; return how many SQS did not delete. Those become visible again after the block."""
        before = self.deleted
        for batch in batches(messages):
            run_to_end(partial(self._delete, batch))
        return len(messages) - (self.deleted - before)

    def _delete(self, batch: Sequence[QueueMessage]) -> None:
        entries: list[DeleteMessageBatchRequestEntryTypeDef] = [
            {"Id": str(index), "ReceiptHandle": message.receipt_handle} for index, message in enumerate(batch)
        ]
        response = self._client.delete_message_batch(QueueUrl=self._url, Entries=entries)
        for entry in response.get("Successful", []):
            del self._messages[batch[int(entry["Id"])].message_id]
            self.deleted += 1

    def _receive(self) -> None:
        self._is_receiving = True
        try:
            response = self._client.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=BATCH,
                WaitTimeSeconds=LONG_POLL,
                VisibilityTimeout=self._seconds,
                MessageAttributeNames=["All"],
                MessageSystemAttributeNames=["All"],
            )
            # A message that is received twice counts once, with its newest receipt handle.
            for message in map(_message, response.get("Messages", [])):
                self._messages[message.message_id] = message
        finally:
            self._is_receiving = False

    def _return_all(self, *, interrupted: bool) -> None:
        """Make all messages visible, and count those that stay invisible.

        Ctrl-C does not stop the return, but from then on the operator waits only as long as SQS responds; a second
        Ctrl-C ends the wait.

        Raises:
            KeyboardInterrupt: the operator pressed Ctrl-C, before or meanwhile.
        """
        returning: Future[None] = Future()
        is_started = False
        while not returning.done():
            remaining = len(self._messages)
            try:
                if not is_started:
                    is_started = True
                    start(self._return_batches, returning)
                wait([returning], timeout=GRACE_SECONDS if interrupted else None)
                if len(self._messages) == remaining:
                    break
            except KeyboardInterrupt:
                if interrupted:
                    break
                interrupted = True
        self._is_ended = True
        # What a receive that hangs may still bring, nothing can return.
        self.unreturned = len(self._messages) + (BATCH if self._is_receiving else 0)
        if interrupted:
            raise KeyboardInterrupt

    def _return_batches(self) -> None:
        for batch in batches(list(self._messages.values())):
            if not self._is_ended:
                self._return(batch)

    def _return(self, batch: Sequence[QueueMessage]) -> None:
        entries: list[ChangeMessageVisibilityBatchRequestEntryTypeDef] = [
            {"Id": str(index), "ReceiptHandle": message.receipt_handle, "VisibilityTimeout": 0}
            for index, message in enumerate(batch)
        ]
        try:
            response = self._client.change_message_visibility_batch(QueueUrl=self._url, Entries=entries)
        except (BotoCoreError, ClientError):
            # The other batches must be returned too, and this error must not hide the error that ended the block.
            return
        rejected = {
            failed["Id"] for failed in response.get("Failed", []) if not failed["Code"].endswith("MessageNotInflight")
        }
        for index, message in enumerate(batch):
            if str(index) not in rejected:
                self._messages.pop(message.message_id, None)


def lease_seconds(expected: int, decision_seconds: int) -> int:
    """Return the visibility timeout in seconds for this number of messages.

    A minute, 0.2 s per message (ten messages take three calls of at most 0.5 s: receive, send, delete), and the time
    in which the operator can confirm a plan.
    """
    return min(60 + expected // 5 + decision_seconds, _MAX_VISIBILITY_TIMEOUT)


def read_queue(client: "SQSClient", stack: Stack, queue: str) -> QueueSnapshot:
    """Read a queue of the stack, and return all its messages."""
    with lease_queue(client, stack, queue) as (_, snapshot):
        return snapshot


@contextmanager
def lease_queue(
    client: "SQSClient", stack: Stack, queue: str, *, decision_seconds: int = 0
) -> Iterator[tuple[QueueLease, QueueSnapshot]]:
    """Read a queue of the stack, and lease its messages for the block; at most for `lease_seconds`."""
    url = stack.queue_url(queue)
    depth = queue_depth(client, url)
    seconds = lease_seconds(depth.visible, decision_seconds)
    lease = QueueLease(client, url, seconds=seconds)
    try:
        with lease:
            with output.progress_bar(f"Reading {queue}", depth.visible) as on_progress:
                messages = lease.receive_all(depth.visible, on_progress)
            yield lease, QueueSnapshot(queue, messages, max(depth.total, len(messages)))
    finally:
        if lease.unreturned:
            output.notes().print(
                f"{output.count(lease.unreturned, 'message')} could not be returned to {queue}. SQS makes them visible "
                f"again within {-(-seconds // 60)} minutes."
            )


def _message(received: "MessageTypeDef") -> QueueMessage:
    system_attributes = received["Attributes"]
    return QueueMessage(
        message_id=received["MessageId"],
        receipt_handle=received["ReceiptHandle"],
        body=received["Body"],
        attributes={
            name: value.get("StringValue", "") for name, value in received.get("MessageAttributes", {}).items()
        },
        sent=datetime.fromtimestamp(int(system_attributes["SentTimestamp"]) / 1000, UTC),
        redriven="DeadLetterQueueSourceArn" in system_attributes,
    )
