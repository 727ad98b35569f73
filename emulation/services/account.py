"""The account API: alternate contacts.

AWS: see `emulation.account_api`, which holds the rules and their sources. ministack answers the paths of
Put-, Get- and DeleteAlternateContact with "Unsupported account path"; here those rules are behind them.
"""

import asyncio
import json
from typing import Any

from ministack.core.responses import get_account_id

from emulation.account_api import QUOTAS, AccountApi
from emulation.services.organizations import MembershipView
from emulation.services.patching import Patches
from emulation.settings import Settings

patches = Patches()
api: AccountApi

_OPERATIONS = {
    "/putAlternateContact": "PutAlternateContact",
    "/getAlternateContact": "GetAlternateContact",
    "/deleteAlternateContact": "DeleteAlternateContact",
}
#: The header of a response that is never to arrive: the server closes the connection instead.
DROPPED = "x-emulation-dropped"


def configure(settings: Settings) -> None:
    """Make the rules that are put behind the paths."""
    global api
    quotas = QUOTAS if settings.quotas else None
    organization = MembershipView(settings.settling)
    api = AccountApi(organization, quotas=quotas, speed=settings.quota_speed, latency=settings.latency)


@patches.around("ministack.services.account.handle_request")
async def handle_request(
    original: Any, method: str, path: str, headers: Any, body: bytes, query: Any
) -> tuple[int, dict[str, str], bytes]:
    """Answer by the rules of `AccountApi`."""
    operation = _OPERATIONS.get(path)
    if operation is None:
        response: tuple[int, dict[str, str], bytes] = await original(method, path, headers, body, query)
        return response
    answer = api.answer(operation, json.loads(body or b"{}"), get_account_id())
    await asyncio.sleep(answer.latency)
    reply = {"Content-Type": "application/json"}
    if answer.error:
        reply["x-amzn-errortype"] = answer.error
    if answer.dropped:
        reply[DROPPED] = "true"
    return answer.status, reply, json.dumps(answer.body).encode()


@patches.around("ministack.services.account.reset")
def reset(original: Any) -> None:
    """Forget contacts, faults and counts."""
    original()
    api.reset()
