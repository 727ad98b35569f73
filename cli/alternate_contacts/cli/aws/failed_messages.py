"""Parse the messages on FailedAccountQueue, and merge them by account."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby

from alternate_contacts.cli.aws.failure_reasons import CRASH_OR_TIMEOUT, remedy
from alternate_contacts.cli.aws.previous_release import current_reason
from alternate_contacts.cli.aws.queues import QueueMessage
from alternate_contacts.worker.errors import Permanent
from alternate_contacts.worker.message import parse_message

NO_ACCOUNT = "unknown"
"""Account of a message without an account ID, as the worker records it."""


@dataclass(frozen=True)
class Failure:
    """Why one message is on FailedAccountQueue. ``tries`` is None if the worker recorded none."""

    account_id: str
    reason: str
    error_code: str
    operation: str
    contact_types: tuple[str, ...]
    tries: int | None
    failed_at: datetime
    message_id: str


@dataclass(frozen=True)
class FailedAccount:
    """An account, or a message without one: its newest failure, the number of messages, and the time of the first."""

    latest: Failure
    messages: int
    since: datetime

    def document(self) -> dict[str, object]:
        """Return the failure for ``--json``."""
        return {
            "accountId": self.latest.account_id,
            "reason": self.latest.reason,
            "errorCode": self.latest.error_code,
            "operation": self.latest.operation,
            "contactTypes": list(self.latest.contact_types),
            "tries": self.latest.tries,
            "since": self.since.isoformat(),
            "failedAt": self.latest.failed_at.isoformat(),
            "messages": self.messages,
            "messageId": self.latest.message_id,
            "remedy": remedy(self.latest.reason),
        }


def parse_failure(message: QueueMessage) -> Failure:
    """Return why a message is on FailedAccountQueue, by the attributes that the worker wrote.

    A message that SQS moved there has no attributes, or attributes of an earlier failure that do not count. The account
    is then in the body, and the time is that of the message.
    """
    attributes = message.attributes
    if message.redriven or "Reason" not in attributes:
        return Failure(
            account_id=_account_in(message.body),
            reason=CRASH_OR_TIMEOUT,
            error_code="none",
            operation="none",
            contact_types=(),
            tries=None,
            failed_at=message.sent,
            message_id=message.message_id,
        )
    contact_types = attributes.get("ContactTypes", "none")
    return Failure(
        account_id=attributes.get("AccountId", NO_ACCOUNT),
        reason=current_reason(attributes["Reason"]),
        error_code=attributes.get("ErrorCode", "none"),
        operation=attributes.get("Operation", "none"),
        contact_types=() if contact_types == "none" else tuple(contact_types.split(",")),
        tries=_parse_number(attributes.get("Tries", "")),
        failed_at=_parse_time(attributes.get("FailedAt", "")) or message.sent,
        message_id=message.message_id,
    )


def by_account(failures: Iterable[Failure]) -> list[FailedAccount]:
    """Merge the failures of each account. Failures of messages without an account stay separate."""

    def key(failure: Failure) -> tuple[str, str]:
        return failure.account_id, failure.message_id if failure.account_id == NO_ACCOUNT else ""

    return [_merge(list(group)) for _, group in groupby(sorted(failures, key=key), key=key)]


def _merge(failures: Sequence[Failure]) -> FailedAccount:
    return FailedAccount(
        latest=max(failures, key=lambda failure: failure.failed_at),
        messages=len(failures),
        since=min(failure.failed_at for failure in failures),
    )


def _account_in(body: str) -> str:
    try:
        message = parse_message(body)
    except Permanent:
        return NO_ACCOUNT
    return message.account_id if message else NO_ACCOUNT


def _parse_number(text: str) -> int | None:
    return int(text) if re.fullmatch("[0-9]{1,9}", text) else None


def _parse_time(text: str) -> datetime | None:
    """Return the time in UTC; None if the text is not a time with a time zone."""
    try:
        time = datetime.fromisoformat(text)
        return time.astimezone(UTC) if time.tzinfo else None
    except (ValueError, OverflowError):
        return None
