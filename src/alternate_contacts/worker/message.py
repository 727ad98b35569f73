"""Parse the body of a message on AccountQueue: an event of AWS as it came, or an account message.

The backfill writes account messages, and the rule AccountMovesRule reduces an event to one.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from alternate_contacts.worker.errors import EventWithoutAccount, InvalidMessage
from alternate_contacts.worker.protocol import READABLE_MESSAGE_VERSIONS, Mode, Trigger

EVENT_ACCOUNT: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        # A recorded event: tests/events/create-account-result.json
        "CreateAccountResult": ("createAccountStatus", "accountId"),
        # https://docs.aws.amazon.com/controltower/latest/userguide/lifecycle-events.html
        "CreateManagedAccount": ("createManagedAccountStatus", "account", "accountId"),
        "UpdateManagedAccount": ("updateManagedAccountStatus", "account", "accountId"),
    }
)
"""The path of the account ID below ``detail.serviceEventDetails``, by the event's name."""

ACCOUNT_JOINED = "AccountJoinedOrganization"
"""An account was created in the organization or accepted its invitation. AWS has published the name, not the shape.

https://aws.amazon.com/about-aws/whats-new/2026/05/aws-organizations-cloudtrail/
"""
NEW_ACCOUNT_EVENTS = frozenset({*EVENT_ACCOUNT, ACCOUNT_JOINED})
"""The events of an account that is new in the organization or in Control Tower."""

MOVE_ACCOUNT = "MoveAccount"
"""An account was moved to another OU, or the call failed. A message with the whole event is not from the rule.

https://docs.aws.amazon.com/organizations/latest/APIReference/API_MoveAccount.html
"""

_DETAIL_KEYS = ("serviceEventDetails", "requestParameters", "responseElements")
"""The parts of that event's detail in which the account ID may be."""
_ACCOUNT_KEYS = ("memberAccountId", "accountId", "account", "id")
"""The keys that may hold the account ID, the most specific first. Any other key comes after them."""
_MAX_DEPTH = 8
"""How deep the search for the account ID goes. AWS's own events are half as deep."""

_ACCOUNT_ID = re.compile(r"[0-9]{12}")
_TRIGGER = re.compile(r"[A-Za-z_]{1,64}")


@dataclass(frozen=True)
class AccountMessage:
    """One account to process, what triggered the message, and the mode."""

    account_id: str
    trigger: str
    mode: Mode = Mode.ENFORCE


def parse_message(body: str) -> AccountMessage | None:
    """Return the account message in ``body``, or None if there is nothing to do.

    There is nothing to do for the first event of a new organization, whose management account joined it, and for a move
    that failed.

    Raises:
        InvalidMessage: the body is neither a known event nor an account message of a known version.
        EventWithoutAccount: the event names no account, such as the event of a failed account creation.
    """
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        raise InvalidMessage("not_json") from None
    if not isinstance(content, dict):
        raise InvalidMessage("not_an_object")
    return _from_event(content) if "detail" in content else _from_account_message(content)


def _from_account_message(content: dict[str, object]) -> AccountMessage:
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
        return _from_account_joined(detail, content.get("account", detail.get("recipientAccountId")))
    if name == MOVE_ACCOUNT:
        return _from_move(detail)
    path = EVENT_ACCOUNT.get(name) if isinstance(name, str) else None
    if path is None:
        raise InvalidMessage("unknown_event")
    value: object = detail.get("serviceEventDetails")
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    if not _is_account_id(value):
        raise EventWithoutAccount("no_account_id")
    return AccountMessage(str(value), str(name))


def _from_move(detail: dict[str, object]) -> AccountMessage | None:
    if "errorCode" in detail:
        return None
    parameters = detail.get("requestParameters")
    account_id = parameters.get("accountId") if isinstance(parameters, dict) else None
    if not _is_account_id(account_id):
        raise EventWithoutAccount("no_account_id")
    return AccountMessage(str(account_id), Trigger.ACCOUNT_MOVED)


def _from_account_joined(detail: dict[str, object], management_account: object) -> AccountMessage | None:
    candidates = [candidate for key in _DETAIL_KEYS for candidate in _account_ids(detail.get(key))]
    members = sorted((rank, account_id) for rank, account_id in candidates if account_id != management_account)
    if members:
        return AccountMessage(members[0][1], ACCOUNT_JOINED)
    if any(rank < len(_ACCOUNT_KEYS) for rank, _ in candidates):
        return None  # The management account, at a key that holds the account which joined.
    raise EventWithoutAccount("no_account_id")


def _account_ids(value: object, depth: int = _MAX_DEPTH) -> Iterator[tuple[int, str]]:
    """Yield every account ID in ``value``, each after the rank of its key."""
    if not depth or not isinstance(value, dict | list):
        return
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(item, str) and _is_account_id(item):
            yield _ACCOUNT_KEYS.index(key) if key in _ACCOUNT_KEYS else len(_ACCOUNT_KEYS), item
        else:
            yield from _account_ids(item, depth - 1)


def _is_account_id(value: object) -> bool:
    return isinstance(value, str) and _ACCOUNT_ID.fullmatch(value) is not None
