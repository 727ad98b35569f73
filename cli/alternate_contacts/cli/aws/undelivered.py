"""Messages on UndeliveredQueue, distinguished by the shape of the body. A body may hold secrets: never print it."""

import json
from collections import Counter
from collections.abc import Iterable
from enum import StrEnum

from alternate_contacts.cli.aws.queues import QueueMessage


class UndeliveredKind(StrEnum):
    """What could not be delivered: an event, or an invocation of the backfill by Lambda or EventBridge Scheduler.

    An account message arrives here only if an operator sent it here; it belongs on AccountQueue.
    """

    EVENT = "event"
    ACCOUNT_MESSAGE = "account message"
    INVOCATION = "failed invocation"


def undelivered_kind(message: QueueMessage) -> UndeliveredKind:
    """Return what a message is. Every body that is neither event nor account message is a failed invocation."""
    try:
        content = json.loads(message.body)
    except (ValueError, RecursionError):
        return UndeliveredKind.INVOCATION
    if isinstance(content, dict):
        if content.keys() >= {"source", "detail"}:
            return UndeliveredKind.EVENT
        if content.keys() >= {"version", "accountId"}:
            return UndeliveredKind.ACCOUNT_MESSAGE
    return UndeliveredKind.INVOCATION


def count_kinds(messages: Iterable[QueueMessage]) -> dict[str, int]:
    """Return the number of messages of each kind."""
    return dict(sorted(Counter(undelivered_kind(message).value for message in messages).items()))
