"""Messages on UndeliveredQueue, distinguished by the shape of the body. A body may hold secrets: never print it."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from enum import StrEnum

from alternate_contacts.backfill.message import account_message_body
from alternate_contacts.backfill.protocol import Mode, Trigger
from alternate_contacts.cli.aws.queues import QueueMessage
from alternate_contacts.worker.errors import Permanent
from alternate_contacts.worker.message import parse_message

_PARAMETER_STORE = "aws.ssm"


class UndeliveredKind(StrEnum):
    """What could not be delivered: an event, or an invocation of the backfill by Lambda or EventBridge Scheduler.

    A change of the contact configuration is an event of EventBridge, or a message of ChangeQueue that no backfill could
    apply. An account message arrives here only if an operator sent it here; it belongs on AccountQueue.
    """

    EVENT = "event"
    ACCOUNT_MESSAGE = "account message"
    CONFIGURATION_CHANGE = "configuration change"
    INVOCATION = "failed invocation"


def undelivered_kind(message: QueueMessage) -> UndeliveredKind:
    """Return what a message is. Every body of another shape is a failed invocation."""
    try:
        content = json.loads(message.body)
    except (ValueError, RecursionError):
        return UndeliveredKind.INVOCATION
    if isinstance(content, dict):
        if content.keys() >= {"source", "detail"}:
            is_change = content["source"] == _PARAMETER_STORE
            return UndeliveredKind.CONFIGURATION_CHANGE if is_change else UndeliveredKind.EVENT
        if content.keys() >= {"version", "accountId"}:
            return UndeliveredKind.ACCOUNT_MESSAGE
        if content.keys() >= {"version", "parameter"}:
            return UndeliveredKind.CONFIGURATION_CHANGE
    return UndeliveredKind.INVOCATION


def reduce_move(message: QueueMessage) -> QueueMessage:
    """Return the event of a move as the account message to which the rule reduces it, any other message unchanged.

    EventBridge keeps the whole event, with the name of the session that moved the account.
    """
    try:
        parsed = parse_message(message.body)
    except Permanent:
        return message
    if parsed is None or parsed.trigger != Trigger.ACCOUNT_MOVED:
        return message
    body = account_message_body(parsed.account_id, trigger=Trigger.ACCOUNT_MOVED, mode=Mode(parsed.mode.value))
    return replace(message, body=body)


def count_kinds(messages: Iterable[QueueMessage]) -> dict[str, int]:
    """Return the number of messages of each kind."""
    return dict(sorted(Counter(undelivered_kind(message).value for message in messages).items()))
