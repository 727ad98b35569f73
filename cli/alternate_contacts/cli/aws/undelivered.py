"""What lies on UndeliveredQueue: told apart by the shape of the body, which may hold secrets and is never shown."""

import json
from collections import Counter
from collections.abc import Iterable
from enum import StrEnum

from alternate_contacts.cli.aws.queues import QueueMessage


class Kind(StrEnum):
    """What could not be handed over: by EventBridge an event, or by Lambda or Scheduler a call of the backfill.

    A letter is neither, and yet at home on AccountQueue: somebody may have put it there.
    """

    EVENT = "event"
    LETTER = "letter"
    INVOCATION = "failed invocation"


def kind(message: QueueMessage) -> Kind:
    """An event has a source and a detail, a letter a version and an account; whatever else is a failed invocation."""
    try:
        content = json.loads(message.body)
    except (ValueError, RecursionError):
        return Kind.INVOCATION
    if isinstance(content, dict):
        if content.keys() >= {"source", "detail"}:
            return Kind.EVENT
        if content.keys() >= {"version", "accountId"}:
            return Kind.LETTER
    return Kind.INVOCATION


def count(messages: Iterable[QueueMessage]) -> dict[str, int]:
    """How many of each kind there are."""
    return dict(sorted(Counter(kind(message).value for message in messages).items()))
