"""Reads the body of a message on AccountQueue: an event of AWS as it came, or a letter of the backfill."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from alternate_contacts.worker.errors import EventWithoutAccount, InvalidMessage
from alternate_contacts.worker.protocol import READABLE_MESSAGE_VERSIONS, Mode

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

ACCOUNT_JOINED = "AccountJoinedOrganization"
"""An account was created in the organization or accepted its invitation. AWS has published the name, not the shape.

https://aws.amazon.com/about-aws/whats-new/2026/05/aws-organizations-cloudtrail/
"""
_PLACES = ("serviceEventDetails", "requestParameters", "responseElements")
_ACCOUNT_KEYS = ("memberAccountId", "accountId", "account", "id")
"""Names under which an account's id may stand, the most telling first; any other name comes after them."""
_DEPTH = 8
"""How deep it is looked for; AWS's own events are half as deep."""

_ACCOUNT_ID = re.compile(r"[0-9]{12}")
_TRIGGER = re.compile(r"[A-Za-z_]{1,64}")


@dataclass(frozen=True)
class AccountMessage:
    """One account to bring right, why, and how far to go."""

    account_id: str
    trigger: str
    mode: Mode = Mode.ENFORCE


def parse_message(body: str) -> AccountMessage | None:
    """The letter in a message's ``body``; None where it tells of nothing to do.

    That is so when an organization is created: its management account joins it, which is here already.

    Raises:
        InvalidMessage: it is neither an event that this package listens to nor a letter of a version it knows.
        EventWithoutAccount: an event whose account cannot be found, such as one that tells of a failure.
    """
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        raise InvalidMessage("not_json") from None
    if not isinstance(content, dict):
        raise InvalidMessage("not_an_object")
    return _from_event(content) if "detail" in content else _from_letter(content)


def _from_letter(content: dict[str, object]) -> AccountMessage:
    version, account_id = content.get("version"), content.get("accountId")
    trigger = content.get("trigger", content.get("reason"))
    if type(version) is not int or version not in READABLE_MESSAGE_VERSIONS:
        raise InvalidMessage("unknown_version")
    if not _is_account_id(account_id):
        raise InvalidMessage("no_account_id")
    if not isinstance(trigger, str) or not _TRIGGER.fullmatch(trigger):
        raise InvalidMessage("no_trigger")
    try:
        mode = Mode(str(content.get("mode", Mode.ENFORCE)))
    except ValueError:
        raise InvalidMessage("unknown_mode") from None
    return AccountMessage(str(account_id), trigger, mode)


def _from_event(content: dict[str, object]) -> AccountMessage | None:
    detail = content["detail"]
    if not isinstance(detail, dict):
        raise InvalidMessage("no_event_name")
    name = detail.get("eventName")
    if name == ACCOUNT_JOINED:
        return _from_joining(detail, content.get("account", detail.get("recipientAccountId")))
    path = EVENT_ACCOUNT.get(name) if isinstance(name, str) else None
    if path is None:
        raise InvalidMessage("unknown_event")
    found: object = detail.get("serviceEventDetails")
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    if not _is_account_id(found):
        raise EventWithoutAccount("no_account_id")
    return AccountMessage(str(found), str(name))


def _from_joining(detail: dict[str, object], management_account: object) -> AccountMessage | None:
    found = [each for place in _PLACES for each in _account_ids(detail.get(place))]
    members = sorted((rank, account_id) for rank, account_id in found if account_id != management_account)
    if members:
        return AccountMessage(members[0][1], ACCOUNT_JOINED)
    if any(rank < len(_ACCOUNT_KEYS) for rank, _ in found):
        return None  # the management account itself, where a member would stand
    raise EventWithoutAccount("no_account_id")


def _account_ids(value: object, depth: int = _DEPTH) -> Iterator[tuple[int, str]]:
    """Every account id somewhere in ``value``, with the rank of the name that it stands under."""
    if not depth or not isinstance(value, dict | list):
        return
    for name, each in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(each, str) and _is_account_id(each):
            yield _ACCOUNT_KEYS.index(name) if name in _ACCOUNT_KEYS else len(_ACCOUNT_KEYS), each
        else:
            yield from _account_ids(each, depth - 1)


def _is_account_id(value: object) -> bool:
    return isinstance(value, str) and _ACCOUNT_ID.fullmatch(value) is not None
