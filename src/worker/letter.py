"""Reads the body of a message on AccountQueue: an event of AWS as it came, or a letter of the backfill."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from worker.decision import Mode
from worker.errors import EventWithoutAccount, UnreadableLetter

LETTER_VERSION = 1

EVENT_ACCOUNT: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        # A real captured event: tests/events/create-account-result.json
        "CreateAccountResult": ("createAccountStatus", "accountId"),
        # https://docs.aws.amazon.com/controltower/latest/userguide/lifecycle-events.html
        "CreateManagedAccount": ("createManagedAccountStatus", "account", "accountId"),
        "UpdateManagedAccount": ("updateManagedAccountStatus", "account", "accountId"),
    }
)
"""Where the account stands below ``detail.serviceEventDetails``, by the event's name."""

_ACCOUNT_ID = re.compile(r"[0-9]{12}")
_REASON = re.compile(r"[A-Za-z_]{1,64}")


@dataclass(frozen=True)
class Letter:
    """One account to bring right, why, and how far to go."""

    account_id: str
    reason: str
    mode: Mode = Mode.ENFORCE


def read(body: str) -> Letter:
    """The letter in a message's ``body``.

    Raises:
        UnreadableLetter: it is neither an event that this package listens to nor a letter of a version it knows.
        EventWithoutAccount: an event whose account cannot be found, such as one that tells of a failure.
    """
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        raise UnreadableLetter("not_json") from None
    if not isinstance(content, dict):
        raise UnreadableLetter("not_an_object")
    return _from_event(content) if "detail" in content else _from_letter(content)


def _from_letter(content: dict[str, object]) -> Letter:
    version, account_id, reason = content.get("version"), content.get("accountId"), content.get("reason")
    if version != LETTER_VERSION or isinstance(version, bool):
        raise UnreadableLetter("unknown_version")
    if not _is_account_id(account_id):
        raise UnreadableLetter("no_account_id")
    if not isinstance(reason, str) or not _REASON.fullmatch(reason):
        raise UnreadableLetter("no_reason")
    try:
        mode = Mode(str(content.get("mode", Mode.ENFORCE)))
    except ValueError:
        raise UnreadableLetter("unknown_mode") from None
    return Letter(str(account_id), reason, mode)


def _from_event(content: dict[str, object]) -> Letter:
    detail = content["detail"]
    if not isinstance(detail, dict):
        raise UnreadableLetter("no_event_name")
    name = detail.get("eventName")
    path = EVENT_ACCOUNT.get(name) if isinstance(name, str) else None
    if path is None:
        raise UnreadableLetter("unknown_event")
    found: object = detail.get("serviceEventDetails")
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    if not _is_account_id(found):
        raise EventWithoutAccount("no_account_id")
    return Letter(str(found), str(name))


def _is_account_id(value: object) -> bool:
    return isinstance(value, str) and _ACCOUNT_ID.fullmatch(value) is not None
