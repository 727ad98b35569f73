"""Queues.

AWS (SQS API reference and developer guide):

* SendMessage rejects message attributes without a value, more than ten attributes, and a delay over 900 s.
* Name, type and value of the attributes count towards the queue's MaximumMessageSize
  (sqs-message-metadata.html#sqs-message-attributes).
* ChangeMessageVisibility takes 0 to 43,200 s for messages in flight, and at most 12 hours in total.
* Fair queues (sqs-fair-queues-detailed.html): if more than a tenth of the messages in flight on a standard queue have
  one MessageGroupId, messages of other groups and without a group are received first.

* A customer's key encrypts the messages of a queue with KmsMasterKeyId: who sends needs kms:GenerateDataKey and
  kms:Decrypt on it, who receives kms:Decrypt (sqs-key-management.html). Without them the error is
  KMS.AccessDeniedException (API_SendMessage.html).

ministack accepts all of this, receives from a standard queue in the order of sending, and has at most ten messages in a
batch for Lambda. Its poller for Lambda and its
request handlers replace a queue's list of messages in different threads without a common lock, and may undo each
other's changes: here all take the same lock.

Delays are divided by `delay_speed`, so that a retry after minutes takes seconds; a queue's VisibilityTimeout is not.
"""

import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from ministack import app
from ministack.core.concurrency import esm_wake
from ministack.core.responses import new_uuid
from ministack.services import sqs

from emulation.services import iam
from emulation.services.patching import Patches
from emulation.settings import Settings

patches = Patches()

Queue = dict[str, Any]
Message = dict[str, Any]
Parameters = dict[str, Any]

_MAX_VISIBILITY_TIMEOUT = 43_200
_MAX_DELAY = 900
_MAX_ATTRIBUTES = 10
_MAX_MESSAGE_SIZE = 1_048_576
_NOISY_SHARE = 0.1

# ministack's poller takes this lock and calls the functions below meanwhile: it must be re-entrant.
lock = threading.RLock()
patches.value("ministack.services.sqs._queues_lock", lock)
_delay_speed = 1.0


def configure(settings: Settings) -> None:
    """Set the divisor of delays."""
    global _delay_speed
    _delay_speed = settings.delay_speed


@patches.around("ministack.services.sqs._HANDLERS", "DeleteMessage")
@patches.around("ministack.services.sqs._HANDLERS", "DeleteMessageBatch")
@patches.around("ministack.services.sqs._HANDLERS", "PurgeQueue")
@patches.around("ministack.services.sqs._HANDLERS", "GetQueueAttributes")
@patches.around("ministack.services.sqs._expire_retained")
@patches.around("ministack.services.sqs._dlq_sweep")
@patches.around("ministack.services.eventbridge._dispatch_to_sqs")
def locked(original: Any, *arguments: Any) -> Any:
    """Read or change the messages of a queue under the lock."""
    with lock:
        return original(*arguments)


@patches.around("ministack.services.sqs._HANDLERS", "SendMessage")
@patches.around("ministack.services.sqs._HANDLERS", "SendMessageBatch")
def send_with_key(original: Any, parameters: Parameters, queue_url: str) -> Any:
    """Send as a caller who may use the key of the queue."""
    _check_key("sqs:SendMessage", parameters, queue_url)
    return original(parameters, queue_url)


@patches.around("ministack.services.sqs._HANDLERS", "ReceiveMessage")
async def receive_with_key(original: Any, parameters: Parameters, queue_url: str) -> Any:
    """Receive as a caller who may use the key of the queue."""
    _check_key("sqs:ReceiveMessage", parameters, queue_url)
    return await original(parameters, queue_url)


@patches.around("ministack.services.sqs._HANDLERS", "SendMessage")
@patches.around("ministack.services.sqs._act_send_message")
def send_message(original: Any, parameters: Parameters, queue_url: str) -> Any:
    """Check attributes, delay and size, then send."""
    attributes = parameters.get("MessageAttributes") or {}
    _check_attributes(attributes)
    delay = parameters.get("DelaySeconds")
    if delay is not None and not 0 <= int(delay) <= _MAX_DELAY:
        reason = f"Reason: DelaySeconds must be >= 0 and <= {_MAX_DELAY}."
        raise sqs._Err("InvalidParameterValue", f"Value {delay} for parameter DelaySeconds is invalid. {reason}")
    with lock:
        queue = sqs._get_q(parameters.get("QueueUrl", queue_url))
        if not fits(queue, parameters.get("MessageBody", ""), attributes):
            reason = f"Reason: Message must be shorter than {_limit(queue)} bytes."
            raise sqs._Err("InvalidParameterValue", f"One or more parameters are invalid. {reason}")
        response = original(parameters, queue_url)
        for message in queue["messages"][-1:]:
            if message["id"] == response["MessageId"]:
                message["visible_at"] = _sped_up(message["sent_at"], message["visible_at"])
    return response


@patches.around("ministack.services.sqs._HANDLERS", "ChangeMessageVisibility")
def change_visibility(original: Any, parameters: Parameters, queue_url: str) -> Any:
    """Change the visibility timeout of a message in flight."""
    with lock:
        return _change_visibility(original, parameters, queue_url)


@patches.around("ministack.services.sqs._HANDLERS", "ChangeMessageVisibilityBatch")
def change_visibility_batch(_: Any, parameters: Parameters, queue_url: str) -> dict[str, Any]:
    """Change up to ten messages, each with its own success or failure."""
    url = parameters.get("QueueUrl", queue_url)
    entries = parameters.get("Entries", [])
    sqs._validate_batch_entries(entries, "ChangeMessageVisibilityBatchRequestEntry")
    response: dict[str, Any] = {"Successful": [], "Failed": []}
    for entry in entries:
        try:
            sqs._HANDLERS["ChangeMessageVisibility"]({**entry, "QueueUrl": url}, url)
            response["Successful"].append({"Id": entry["Id"]})
        except sqs._Err as error:
            failure = {"Id": entry["Id"], "Code": error.code, "Message": error.message, "SenderFault": True}
            response["Failed"].append(failure)
    return response


@patches.around("ministack.services.sqs._collect_msgs")
def receive(original: Any, queue: Queue, count: int, visibility_timeout: int) -> list[Message]:
    """Receive messages from a queue; those of a noisy group come last."""
    with lock:
        now = time.time()
        # ministack gets a copy of the queue with the chosen messages only.
        chosen = queue["messages"] if queue["is_fifo"] else list(islice(_in_fair_order(queue["messages"], now), count))
        messages: list[Message] = original({**queue, "messages": chosen}, count, visibility_timeout)
        for message in messages:
            message["received_at"] = now
        return messages


@patches.around("ministack.services.sqs._receive_messages_for_esm")
def receive_batch(original: Any, queue_url: str, size: int) -> list[Message]:
    """Receive a batch for Lambda, which may have more messages than the ten of one receive."""
    batch: list[Message] = []
    with lock:
        while len(batch) < size and (messages := original(queue_url, size - len(batch))):
            batch += messages
    return batch


def put(queue: Queue, body: str, attributes: Mapping[str, str] | None = None) -> None:
    """Send a message as an AWS service; the caller has checked the queue's policy."""
    named = {name: {"DataType": "String", "StringValue": value} for name, value in (attributes or {}).items()}
    with lock:
        url = queue["url"]
        sqs._act_send_message({"QueueUrl": url, "MessageBody": body, "MessageAttributes": named}, url)


def fits(queue: Queue, body: str, attributes: Mapping[str, Mapping[str, Any]] | None = None) -> bool:
    """Return whether a message is within the MaximumMessageSize of a queue."""
    parts: list[str | bytes] = [body]
    for name, attribute in (attributes or {}).items():
        parts += [name, attribute.get("DataType", ""), attribute.get("StringValue") or attribute.get("BinaryValue", "")]
    return sum(len(part.encode() if isinstance(part, str) else part) for part in parts) <= _limit(queue)


def visible(queue: Queue) -> list[Message]:
    """Return the messages that are visible now."""
    with lock:
        return [message for message in queue["messages"] if message["visible_at"] <= time.time()]


def move(message: Message, source: Queue, destination: Queue) -> bool:
    """Move a message to another queue as a new one if it is still visible; return whether it was."""
    now = time.time()
    system = {**message["sys"], "SentTimestamp": str(int(now * 1000))}
    system.pop("DeadLetterQueueSourceArn", None)
    fresh = {"id": new_uuid(), "receipt_handle": None, "receive_count": 0, "first_receive_at": None}
    with lock:
        if message["visible_at"] > now or message not in source["messages"]:
            return False
        source["messages"].remove(message)
        destination["messages"].append({**message, **fresh, "sent_at": now, "visible_at": now, "sys": system})
    esm_wake.set()
    return True


def delete_messages() -> None:
    """Delete the messages of all queues, those in flight too."""
    with lock:
        for queue in sqs._queues.all_values():
            queue["messages"].clear()


def _check_key(action: str, parameters: Parameters, queue_url: str) -> None:
    queue = sqs._get_q(parameters.get("QueueUrl", queue_url))
    for key_action, key in iam.key_actions(action, queue):
        if not iam.caller_may(key_action, key):
            raise sqs._Err("KMS.AccessDeniedException", f"The caller is not authorized to perform: {key_action}.")


def _change_visibility(original: Any, parameters: Parameters, queue_url: str) -> Any:
    timeout = int(parameters["VisibilityTimeout"])
    queue = sqs._get_q(parameters.get("QueueUrl", queue_url), "sqs:ChangeMessageVisibility")
    message = next((m for m in queue["messages"] if m["receipt_handle"] == parameters.get("ReceiptHandle")), None)
    now = time.time()
    if message and message["visible_at"] <= now:
        raise sqs._Err("MessageNotInflight", "The message referred to isn't in flight.")
    if not 0 <= timeout <= _MAX_VISIBILITY_TIMEOUT:
        reason = f"Reason: VisibilityTimeout must be an integer between 0 and {_MAX_VISIBILITY_TIMEOUT}."
        raise sqs._Err("InvalidParameterValue", f"Value {timeout} for parameter VisibilityTimeout is invalid. {reason}")
    if message and now - message["received_at"] + timeout > _MAX_VISIBILITY_TIMEOUT:
        reason = (
            f"Reason: Total VisibilityTimeout for the message is beyond the limit [{_MAX_VISIBILITY_TIMEOUT} seconds]."
        )
        raise sqs._Err("InvalidParameterValue", f"Value {timeout} for parameter VisibilityTimeout is invalid. {reason}")
    response = original(parameters, queue_url)
    if message:
        message["visible_at"] = _sped_up(now, message["visible_at"])
    return response


def _sped_up(now: float, then: float) -> float:
    """Return `then` with its delay divided by `delay_speed`; Lambda's poller polls at that time."""
    delay = max(0.0, then - now) / _delay_speed
    if delay:
        loop = app._MAIN_LOOP
        loop.call_soon_threadsafe(loop.call_later, delay, esm_wake.set)
    return now + delay


def _check_attributes(attributes: Mapping[str, Mapping[str, Any]]) -> None:
    if len(attributes) > _MAX_ATTRIBUTES:
        message = f"Number of message attributes [{len(attributes)}] exceeds the allowed maximum [{_MAX_ATTRIBUTES}]."
        raise sqs._Err("InvalidParameterValue", message)
    for name, attribute in attributes.items():
        if not attribute.get("StringValue") and not attribute.get("BinaryValue"):
            data_type = attribute.get("DataType")
            message = f"Message (user) attribute '{name}' must contain a non-empty value of type '{data_type}'."
            raise sqs._Err("InvalidParameterValue", message)


def _limit(queue: Queue) -> int:
    return int(queue["attributes"].get("MaximumMessageSize", _MAX_MESSAGE_SIZE))


def _in_fair_order(messages: list[Message], now: float) -> Iterator[Message]:
    """Yield the visible messages in the order of a fair queue."""
    in_flight = Counter(m.get("group_id") for m in messages if m["receive_count"] and m["visible_at"] > now)
    limit = _NOISY_SHARE * in_flight.total()
    noisy = {group for group, count in in_flight.items() if group and count > limit}
    for is_noisy in (False, True):
        yield from (m for m in messages if m["visible_at"] <= now and (m.get("group_id") in noisy) is is_noisy)
