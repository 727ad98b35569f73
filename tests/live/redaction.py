"""Redact what AWS sent before it is saved as a fixture.

Redaction fails closed: a text is kept only if its key is known to hold no personal data and its value looks harmless.
Whatever is left and could identify someone is an error, and nothing is saved.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

MANAGEMENT, MEMBER, OTHER = "000000000000", "111122223333", "444455556666"
"""What replaces the management account, the account that the document is about, and every other account."""
MASK = "****"
"""What replaces a text."""

_KEPT = frozenset(
    {
        *("version", "detail-type", "source", "region", "time"),  # of EventBridge
        *("eventVersion", "eventTime", "eventSource", "eventName", "awsRegion", "eventType", "eventCategory"),
        *("apiVersion", "errorCode", "invokedBy"),  # of CloudTrail
        *("state", "status", "joinedMethod", "joinedTime", "requestedTimestamp", "completedTimestamp", "failureReason"),
        *("State", "Status", "JoinedMethod"),  # of Organizations
    }
)
"""Keys whose texts are kept if they match `_HARMLESS`."""
_INVOKER = frozenset({"sourceIPAddress", "userAgent"})
"""Keys whose texts are kept if AWS itself was the caller."""
_HARMLESS = re.compile(r"[A-Za-z0-9_ :,.+-]{1,64}")
_BY_AWS = re.compile(r"AWS Internal|[a-z-]+\.amazonaws\.com")
_ACCOUNT = re.compile(r"[0-9]{12}")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_KEY = re.compile(r"[A-Za-z][A-Za-z-]{0,63}")
_LEFT = {
    "an account ID": re.compile(rf"(?<![0-9])(?!{MANAGEMENT}|{MEMBER}|{OTHER})[0-9]{{12}}(?![0-9])"),
    "an email address": re.compile("@"),
    "an ARN": re.compile(r"arn:"),
    "an IP address": re.compile(r"\b(?:[0-9]{1,3}\.){3}[0-9]{1,3}\b"),
    "an ID of Organizations": re.compile(r"\b(?:o|r|ou|p|h|car)-[a-z0-9]{4,}"),
    "an access key": re.compile(r"\b(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{8,}"),
}


class RedactionError(Exception):
    """Something may be left that identifies someone. The text says where, and not what."""


def redact(document: Mapping[str, Any], *, management: str, member: str) -> dict[str, Any]:
    """Return a copy without account IDs, names, email addresses, ARNs, IP addresses and request IDs.

    Args:
        document: JSON as AWS sent it: an event or a response.
        management: the ID of the management account.
        member: the ID of the account that the document is about.

    Raises:
        RedactionError: something may be left.
    """
    accounts = {management: MANAGEMENT, member: MEMBER}
    redacted = {key: _redact(key, value, accounts) for key, value in document.items()}
    text = json.dumps(redacted)
    for what, pattern in _LEFT.items():
        if pattern.search(text):
            raise RedactionError(f"{what} is left in the document")
    return redacted


def save(document: Mapping[str, Any], name: str, folder: Path, *, management: str, member: str) -> Path:
    """Redact a document and write it as ``name.json``, or ``name-2.json`` if that exists; return the path.

    Raises:
        RedactionError: something may be left; no file is written.
    """
    text = json.dumps(redact(document, management=management, member=member), indent=2) + "\n"
    folder.mkdir(parents=True, exist_ok=True)
    path, number = folder / f"{name}.json", 1
    while path.exists() and path.read_text() != text:
        number += 1
        path = folder / f"{name}-{number}.json"
    path.write_text(text)
    return path


def event_file_name(event: Mapping[str, Any]) -> str:
    """Return the name of an event's fixture: `CreateAccountResult` becomes ``create-account-result``."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", str(event["detail"]["eventName"])).lower()


def _redact(key: str, value: object, accounts: Mapping[str, str]) -> object:
    if not _KEY.fullmatch(key):
        raise RedactionError("a key is no name of a field")
    if isinstance(value, Mapping):
        return {name: _redact(name, item, accounts) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_redact(key, item, accounts) for item in value]
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return 0
    return _redact_text(key, str(value), accounts)


def _redact_text(key: str, text: str, accounts: Mapping[str, str]) -> str:
    if _ACCOUNT.fullmatch(text):
        return accounts.get(text, OTHER)
    if _UUID.fullmatch(text):
        return re.sub("[0-9a-f]", "0", text)
    if (key in _KEPT and _HARMLESS.fullmatch(text)) or (key in _INVOKER and _BY_AWS.fullmatch(text)):
        return text
    return MASK
