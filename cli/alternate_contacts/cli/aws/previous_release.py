"""Values that the previous release wrote and this release still reads.

Messages wait on the queues for up to 14 days, and log lines are read three months back.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

REASONS: Mapping[str, str] = MappingProxyType(
    {
        "not_authorized": "access_denied",
        "unreadable_letter": "invalid_message",
        "contact_refused": "invalid_contact",
    }
)
"""Failure reasons that were renamed: from old to new."""

LOG_MESSAGES: Mapping[str, str] = MappingProxyType(
    {"backfill done": "backfill completed", "reconcile stood back": "reconcile skipped"}
)
"""Log messages of BackfillFunction that were renamed: from old to new."""

_LOG_FIELDS: Mapping[str, str] = MappingProxyType({"reason": "trigger", "letters_waiting": "messages_waiting"})


def current_reason(reason: str) -> str:
    """Return the failure reason by its name of today."""
    return REASONS.get(reason, reason)


def current_log_line(line: Mapping[str, Any]) -> dict[str, Any]:
    """Return a log line of BackfillFunction with the message and the fields of today."""
    message = line.get("message")
    if not isinstance(message, str) or message not in LOG_MESSAGES:
        return dict(line)
    return {_LOG_FIELDS.get(name, name): value for name, value in line.items()} | {"message": LOG_MESSAGES[message]}
