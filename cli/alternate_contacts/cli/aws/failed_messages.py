"""From messages on FailedAccountQueue to one line for each account."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from alternate_contacts.cli.aws.failure_reasons import CRASH_OR_TIMEOUT, remedy
from alternate_contacts.cli.aws.queues import QueueMessage
from alternate_contacts.worker.errors import Permanent
from alternate_contacts.worker.message import parse_message

NO_ACCOUNT = "unknown"
"""The worker's word for the account of a message in which it found none."""


@dataclass(frozen=True)
class Failure:
    """Why one message is on FailedAccountQueue. ``tries`` is None where nobody counted."""

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
    """An account, or a message without one: its newest failure, and how many messages tell of it since when."""

    latest: Failure
    messages: int
    since: datetime

    def document(self) -> dict[str, object]:
        """For ``--json``."""
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
            "whatToDo": remedy(self.latest.reason),
        }


def parse_failure(message: QueueMessage) -> Failure:
    """Why the message is there, by the attributes that the worker gave it.

    What SQS moved there has none, or those of a former life on this queue: then nobody could say why, the account
    is read from the body, and the time is that of the letter.
    """
    told = message.attributes
    if message.redriven or "Reason" not in told:
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
    kinds = told.get("ContactTypes", "none")
    return Failure(
        account_id=told.get("AccountId", NO_ACCOUNT),
        reason=told["Reason"],
        error_code=told.get("ErrorCode", "none"),
        operation=told.get("Operation", "none"),
        contact_types=() if kinds == "none" else tuple(kinds.split(",")),
        tries=int(told["Tries"]) if told.get("Tries", "").isdigit() else None,
        failed_at=_time(told.get("FailedAt", "")) or message.sent,
        message_id=message.message_id,
    )


def by_account(failures: Iterable[Failure]) -> list[FailedAccount]:
    """The failures merged: several letters of one account may have failed. Messages without an account stay apart."""

    def key(failure: Failure) -> tuple[str, str]:
        return failure.account_id, failure.message_id if failure.account_id == NO_ACCOUNT else ""

    return [_merged(list(group)) for _, group in groupby(sorted(failures, key=key), key=key)]


def _merged(group: Sequence[Failure]) -> FailedAccount:
    return FailedAccount(
        latest=max(group, key=lambda failure: failure.failed_at),
        messages=len(group),
        since=min(failure.failed_at for failure in group),
    )


def _account_in(body: str) -> str:
    try:
        letter = parse_message(body)
    except Permanent:
        return NO_ACCOUNT
    return letter.account_id if letter else NO_ACCOUNT


def _time(text: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo else None
