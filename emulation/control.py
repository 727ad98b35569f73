"""The control door: what the emulation can do and AWS has no API for, as JSON under `/_emulation/`.

`organization.Emulation` knocks here. A request is a POST with the keyword arguments of one of the functions below; all
other requests go on to ministack.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from emulation.account_api import Fault
from emulation.services import account, organizations, sqs

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

_DOOR = "/_emulation/"


def contacts() -> dict[str, dict[str, dict[str, str]]]:
    """What the accounts really have, whatever the account API would answer."""
    return account.api.contacts()


def set_contact(account_id: str, contact: Mapping[str, str]) -> None:
    """Give an account a contact, past the quota and the counts."""
    account.api.set_contact(account_id, contact)


def counts() -> dict[str, int]:
    """How often the account API was called."""
    return account.api.counts


def set_faults(account_id: str, faults: list[dict[str, Any]]) -> None:
    """Let calls about an account go wrong."""
    account.api.set_fault(account_id, *(Fault(**fault) for fault in faults))


def clear_fault(account_id: str) -> None:
    """Let calls about an account go right again."""
    account.api.clear_fault(account_id)


def forget() -> None:
    """Start over with an organization of one account and empty queues, but keep what was deployed."""
    organizations.forget_members()
    account.api.reset()
    sqs.forget_messages()


_ROUTES: dict[str, Callable[..., object]] = {
    "contacts": contacts,
    "set-contact": set_contact,
    "counts": counts,
    "set-faults": set_faults,
    "clear-fault": clear_fault,
    "create-accounts": organizations.create_accounts,
    "set-state": organizations.set_state,
    "set-feature-set": organizations.set_feature_set,
    "throttle-organizations": organizations.throttle,
    "forget": forget,
}


def with_door(application: Application) -> Application:
    """The application, with the control door and with responses that get lost."""

    async def answer(scope: Message, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if scope["type"] != "http":
            await application(scope, receive, send)
        elif path.startswith(_DOOR):
            await _knock(path.removeprefix(_DOOR), receive, send)
        else:
            await application(scope, receive, _dropping(send))

    return answer


async def _knock(name: str, receive: Receive, send: Send) -> None:
    body = b""
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    status, result = _carry_out(name, json.loads(body or b"{}"))
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(result).encode()})


def _carry_out(name: str, arguments: Mapping[str, Any]) -> tuple[int, object]:
    if name not in _ROUTES:
        return 404, f"The control door has no {name}"
    try:
        return 200, _ROUTES[name](**arguments)
    except (KeyError, TypeError, ValueError) as error:
        return 400, f"{type(error).__name__}: {error}"


def _dropping(send: Send) -> Send:
    """Pass responses on, except those marked as dropped: of these the client sees the connection close."""
    dropped = False

    async def pass_on(message: Message) -> None:
        nonlocal dropped
        headers = message.get("headers", [])
        if any(name.decode().lower() == account.DROPPED for name, _ in headers):
            dropped = True
            # ASGI has no way to hang up; a body shorter than announced makes the server do it.
            await send({**message, "headers": [(b"content-length", b"1")]})
        elif not dropped:
            await send(message)

    return pass_on
