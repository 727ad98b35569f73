"""Queues of SQS: visibility, receive counts, redrive, delays, sizes, duplicates and reordered deliveries.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_Operations.html
"""

import heapq
import itertools
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.campaign.virtual_time import VirtualTime
from tests.fakes.wire import HttpResponse, error_response

_MAX_BATCH = 10
_MAX_BATCH_BYTES = 1_048_576
_MAX_DELAY = 900
_MAX_VISIBILITY_TIMEOUT = 43_200
_MAX_ATTRIBUTES = 10
_ENTRY_ID = re.compile("[A-Za-z0-9_-]{1,80}")
_INVALID_CHARACTERS = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html"""


@dataclass(eq=False)
class StoredMessage:
    """A message on a queue. ``source_arn`` is that of the queue from which SQS moved it here."""

    message_id: str
    body: str
    attributes: Mapping[str, str]
    source_arn: str | None = None
    receives: int = 0
    visible_at: float = 0.0
    is_in_flight: bool = False
    is_deleted: bool = False
    deliveries: int = 0
    """The receipt handle of the newest delivery ends with this number."""

    @property
    def receipt_handle(self) -> str:
        return f"{self.message_id}#{self.deliveries}"


@dataclass
class Deliveries:
    """How SQS deviates from one delivery in the order of sending, as it may."""

    dice: Random
    duplicates: float = 0.0
    """The share of deliveries and of deletions that are followed by another delivery of the message."""
    rejected_entries: float = 0.0
    """The share of entries of a batch that SQS rejects."""

    def stop(self) -> None:
        """Deliver each message once from now on, and accept every entry."""
        self.duplicates = self.rejected_entries = 0.0


@dataclass(eq=False)
class SimulatedQueue:
    """A standard queue: SQS delivers any visible message, and some messages more than once."""

    name: str
    time: VirtualTime
    deliveries: Deliveries
    visibility_timeout: int
    max_message_size: int
    max_receive_count: int = 0
    dead_letter_queue: "SimulatedQueue | None" = None
    messages: dict[str, StoredMessage] = field(default_factory=dict)
    duplicates: int = 0
    rejected: int = 0
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)
    _due: list[tuple[float, int, StoredMessage]] = field(default_factory=list)
    _visible: list[StoredMessage] = field(default_factory=list)

    @property
    def arn(self) -> str:
        return f"arn:aws:sqs:us-east-1:000000000000:{self.name}"

    def add(
        self, body: str, attributes: Mapping[str, str] | None = None, *, delay: float = 0, source_arn: str | None = None
    ) -> StoredMessage:
        """Store a message that becomes visible after ``delay`` seconds."""
        number = next(self._numbers)
        message = StoredMessage(f"{self.name}-{number}", body, dict(attributes or {}), source_arn)
        self.messages[message.message_id] = message
        self._schedule(message, delay)
        return message

    def receive(self, count: int, *, visibility_timeout: int | None = None) -> list[StoredMessage]:
        """Deliver up to ``count`` messages; move those with too many receives to the dead-letter queue."""
        received: list[StoredMessage] = []
        while len(received) < count and (message := self._take_visible()):
            message.receives += 1
            if self.dead_letter_queue and message.receives > self.max_receive_count:
                self._remove(message)
                self.dead_letter_queue.add(message.body, message.attributes, source_arn=self.arn)
                continue
            message.is_in_flight = True
            message.deliveries += 1
            timeout: float = self.visibility_timeout if visibility_timeout is None else visibility_timeout
            if self.deliveries.dice.random() < self.deliveries.duplicates:
                # Some server of SQS has not seen the receive, and delivers the message again.
                timeout = self.deliveries.dice.uniform(0, 5)
                self.duplicates += 1
            self._schedule(message, timeout)
            received.append(message)
        return received

    def delete(self, message: StoredMessage) -> None:
        """Delete a message. SQS may deliver a deleted message once more."""
        if message.is_deleted:
            return
        if self.deliveries.dice.random() < self.deliveries.duplicates:
            self.duplicates += 1
            self._schedule(message, self.deliveries.dice.uniform(0, 60))
        else:
            self._remove(message)

    def seconds_until_visible(self) -> float:
        """Return the time until a message becomes visible; infinite if there is no message."""
        self._move_due()
        return 0 if self._visible else self._due[0][0] - self.time.monotonic() if self._due else math.inf

    def purge(self) -> None:
        """Delete all messages."""
        for message in list(self.messages.values()):
            self._remove(message)

    def respond(self, operation: str, parameters: Mapping[str, Any]) -> HttpResponse:
        """Return the response to a call, without injected faults but those of `deliveries`."""
        responses = {
            "SendMessage": self._send_message,
            "SendMessageBatch": self._send_message_batch,
            "ReceiveMessage": self._receive_message,
            "DeleteMessageBatch": self._delete_message_batch,
            "ChangeMessageVisibility": self._change_visibility,
            "ChangeMessageVisibilityBatch": self._change_visibility_batch,
            "GetQueueAttributes": self._get_attributes,
        }
        return responses[operation](parameters)

    def _send_message(self, parameters: Mapping[str, Any]) -> HttpResponse:
        if code := self._violation(parameters):
            return error_response(code, 400)
        message = self.add(parameters["MessageBody"], _attributes(parameters), delay=parameters.get("DelaySeconds", 0))
        return HttpResponse(body={"MessageId": message.message_id})

    def _send_message_batch(self, parameters: Mapping[str, Any]) -> HttpResponse:
        entries = parameters["Entries"]
        ids = [entry["Id"] for entry in entries]
        if not 1 <= len(entries) <= _MAX_BATCH or len(set(ids)) < len(ids) or not all(map(_ENTRY_ID.fullmatch, ids)):
            return error_response("InvalidBatchEntryId", 400)
        if sum(_size(entry) for entry in entries) > _MAX_BATCH_BYTES:
            return error_response("BatchRequestTooLong", 400)
        failed, successful = [], []
        for entry in entries:
            code = self._violation(entry)
            if code is None and self.deliveries.dice.random() < self.deliveries.rejected_entries:
                code = "InternalError"
                self.rejected += 1
            if code:
                failed.append({"Id": entry["Id"], "Code": code, "SenderFault": code != "InternalError"})
            else:
                message = self.add(entry["MessageBody"], _attributes(entry), delay=entry.get("DelaySeconds", 0))
                successful.append({"Id": entry["Id"], "MessageId": message.message_id})
        return HttpResponse(body={"Successful": successful, "Failed": failed})

    def _receive_message(self, parameters: Mapping[str, Any]) -> HttpResponse:
        messages = self.receive(
            parameters.get("MaxNumberOfMessages", 1), visibility_timeout=parameters.get("VisibilityTimeout")
        )
        return HttpResponse(body={"Messages": [_as_received(message) for message in messages]} if messages else {})

    def _delete_message_batch(self, parameters: Mapping[str, Any]) -> HttpResponse:
        for entry in parameters["Entries"]:
            if message := self._by_handle(entry["ReceiptHandle"]):
                self._remove(message)
        return HttpResponse(body={"Successful": [{"Id": entry["Id"]} for entry in parameters["Entries"]]})

    def _change_visibility(self, parameters: Mapping[str, Any]) -> HttpResponse:
        code = self._change_one(parameters)
        return error_response(code, 400) if code else HttpResponse()

    def _change_visibility_batch(self, parameters: Mapping[str, Any]) -> HttpResponse:
        codes = {entry["Id"]: self._change_one(entry) for entry in parameters["Entries"]}
        return HttpResponse(
            body={
                "Successful": [{"Id": entry_id} for entry_id, code in codes.items() if not code],
                "Failed": [
                    {"Id": entry_id, "Code": code, "SenderFault": True} for entry_id, code in codes.items() if code
                ],
            }
        )

    def _change_one(self, parameters: Mapping[str, Any]) -> str | None:
        seconds, message = parameters["VisibilityTimeout"], self._by_handle(parameters["ReceiptHandle"])
        if not 0 <= seconds <= _MAX_VISIBILITY_TIMEOUT:
            return "InvalidParameterValue"
        if message is None:
            return "ReceiptHandleIsInvalid"
        self._move_due()
        if not message.is_in_flight:
            return "MessageNotInflight"
        self._schedule(message, seconds)
        return None

    def _get_attributes(self, _: Mapping[str, Any]) -> HttpResponse:
        self._move_due()
        in_flight = sum(message.is_in_flight for message in self.messages.values())
        visible = len({message.message_id for message in self._visible if not message.is_deleted})
        counts = {
            "ApproximateNumberOfMessages": visible,
            "ApproximateNumberOfMessagesNotVisible": in_flight,
            "ApproximateNumberOfMessagesDelayed": len(self.messages) - visible - in_flight,
        }
        return HttpResponse(body={"Attributes": {name: str(value) for name, value in counts.items()}})

    def _violation(self, parameters: Mapping[str, Any]) -> str | None:
        attributes = _attributes(parameters)
        body = parameters["MessageBody"]
        if (
            not body
            or not 0 <= parameters.get("DelaySeconds", 0) <= _MAX_DELAY
            or _size(parameters) > (self.max_message_size)
        ):
            return "InvalidParameterValue"
        if _INVALID_CHARACTERS.search(body):
            return "InvalidMessageContents"
        if len(attributes) > _MAX_ATTRIBUTES or not all(attributes.values()):
            return "InvalidParameterValue"
        return None

    def _schedule(self, message: StoredMessage, seconds: float) -> None:
        message.visible_at = self.time.monotonic() + seconds
        heapq.heappush(self._due, (message.visible_at, next(self._numbers), message))

    def _move_due(self) -> None:
        now = self.time.monotonic()
        while self._due and self._due[0][0] <= now:
            visible_at, _, message = heapq.heappop(self._due)
            # An entry with another time is out of date: the visibility was changed since.
            if not message.is_deleted and message.visible_at == visible_at:
                message.is_in_flight = False
                self._visible.append(message)

    def _take_visible(self) -> StoredMessage | None:
        self._move_due()
        while self._visible:
            index = self.deliveries.dice.randrange(len(self._visible))
            self._visible[index], self._visible[-1] = self._visible[-1], self._visible[index]
            message = self._visible.pop()
            if not message.is_deleted:
                return message
        return None

    def _remove(self, message: StoredMessage) -> None:
        message.is_deleted = True
        self.messages.pop(message.message_id, None)

    def _by_handle(self, receipt_handle: str) -> StoredMessage | None:
        return self.messages.get(receipt_handle.partition("#")[0])


def _attributes(parameters: Mapping[str, Any]) -> dict[str, str]:
    return {name: value["StringValue"] for name, value in parameters.get("MessageAttributes", {}).items()}


def _size(parameters: Mapping[str, Any]) -> int:
    """Return the bytes that count: the body, and name, type and value of each attribute."""
    attributes = parameters.get("MessageAttributes", {})
    parts = [parameters["MessageBody"], *_names_types_and_values(attributes)]
    return sum(len(part.encode("utf-8", "surrogatepass")) for part in parts)


def _names_types_and_values(attributes: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    for name, value in attributes.items():
        yield from (name, value["DataType"], value["StringValue"])


def _as_received(message: StoredMessage) -> dict[str, Any]:
    source = {"DeadLetterQueueSourceArn": message.source_arn} if message.source_arn else {}
    return {
        "MessageId": message.message_id,
        "ReceiptHandle": message.receipt_handle,
        "Body": message.body,
        "Attributes": {"SentTimestamp": "0", "ApproximateReceiveCount": str(message.receives), **source},
        "MessageAttributes": {
            name: {"DataType": "String", "StringValue": value} for name, value in message.attributes.items()
        },
    }
