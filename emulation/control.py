"""The control API: what the emulation can do and AWS has no API for, as JSON below `/_emulation/`.

`organization.Emulation` is its client. A request is a POST with the keyword arguments of one of the functions below.
All other requests are passed on to ministack.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from emulation.account_api import Fault
from emulation.services import account, organizations, sqs, ssm

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

_PREFIX = "/_emulation/"


def contacts() -> dict[str, dict[str, dict[str, str]]]:
    """Return the contacts of all accounts."""
    return account.api.contacts()


def contact_count() -> int:
    """Return the number of contacts of all accounts."""
    return account.api.contact_count


def set_contact(account_id: str, contact: Mapping[str, str]) -> None:
    """Store a contact; neither the quota nor the counts apply."""
    account.api.set_contact(account_id, contact)


def counts() -> dict[str, int]:
    """Return the number of calls of the account API."""
    return account.api.counts


def set_faults(account_id: str, faults: list[dict[str, Any]]) -> None:
    """Replace the faults that calls on an account meet."""
    account.api.set_faults(account_id, *(Fault(**fault) for fault in faults))


def clear_faults(account_id: str) -> None:
    """Remove the faults of an account."""
    account.api.clear_faults(account_id)


def enforce_quotas(speed: float) -> None:
    """Throttle Organizations and Systems Manager at AWS's published rates, until the next reset."""
    organizations.enforce_quotas(speed)
    ssm.enforce_quotas(speed)


def reset_data() -> None:
    """Restore an organization of one account and empty queues, and keep what was deployed."""
    organizations.remove_members()
    account.api.reset()
    sqs.delete_messages()
    ssm.remove_quotas()


_ROUTES: dict[str, Callable[..., object]] = {
    "contacts": contacts,
    "contact-count": contact_count,
    "set-contact": set_contact,
    "counts": counts,
    "set-faults": set_faults,
    "clear-faults": clear_faults,
    "create-accounts": organizations.create_accounts,
    "set-state": organizations.set_state,
    "set-feature-set": organizations.set_feature_set,
    "throttle-organizations": organizations.throttle,
    "throttle-parameter-store": ssm.throttle,
    "enforce-quotas": enforce_quotas,
    "reset-data": reset_data,
}


def with_control_api(application: Application) -> Application:
    """Add the control API to the application, and dropped responses (`account.DROPPED`)."""

    async def respond(scope: Message, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if scope["type"] != "http":
            await application(scope, receive, send)
        elif path.startswith(_PREFIX):
            await _call_control_api(path.removeprefix(_PREFIX), receive, send)
        else:
            await application(scope, receive, _dropping(send))

    return respond


async def _call_control_api(name: str, receive: Receive, send: Send) -> None:
    body = b""
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    status, result = _call(name, json.loads(body or b"{}"))
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(result).encode()})


def _call(name: str, arguments: Mapping[str, Any]) -> tuple[int, object]:
    if name not in _ROUTES:
        return 404, f"The control API has no {name}"
    try:
        return 200, _ROUTES[name](**arguments)
    except (KeyError, TypeError, ValueError) as error:
        return 400, f"{type(error).__name__}: {error}"


def _dropping(send: Send) -> Send:
    """Send responses, but close the connection instead of one that is marked as dropped."""
    dropped = False

    async def send_or_drop(message: Message) -> None:
        nonlocal dropped
        headers = message.get("headers", [])
        if any(name.decode().lower() == account.DROPPED for name, _ in headers):
            dropped = True
            # ASGI cannot close a connection; a body shorter than announced makes the server close it.
            await send({**message, "headers": [(b"content-length", b"1")]})
        elif not dropped:
            await send(message)

    return send_or_drop
