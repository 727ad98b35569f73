"""The account API: alternate contacts.

AWS: `emulation.account_api` has the rules and their sources. ministack has none of the three operations.
"""

import asyncio
import json
from typing import Any

from ministack.core.iam_evaluator import caller_arn
from ministack.core.responses import get_account_id

from emulation.account_api import OPERATIONS, AccountApi
from emulation.services.organizations import MembershipView
from emulation.services.patching import Patches
from emulation.settings import Settings

patches = Patches()
api: AccountApi

#: The header of a response that must not be sent: the server closes the connection instead.
DROPPED = "x-emulation-dropped"


def configure(settings: Settings) -> None:
    """Create the API with these quotas and delays."""
    global api
    membership = MembershipView(settings.trusted_access_delay)
    api = AccountApi(membership, speed=settings.quota_speed)


@patches.around("ministack.services.account.handle_request")
async def handle_request(
    original: Any, method: str, path: str, headers: Any, body: bytes, query: Any
) -> tuple[int, dict[str, str], bytes]:
    """Call `AccountApi` for its three operations."""
    operation = OPERATIONS.get(path)
    if operation is None:
        result: tuple[int, dict[str, str], bytes] = await original(method, path, headers, body, query)
        return result
    response = api.call(operation, json.loads(body or b"{}"), get_account_id(), caller_arn())
    await asyncio.sleep(response.latency)
    response_headers = {"Content-Type": "application/json"}
    if response.error:
        response_headers["x-amzn-errortype"] = response.error
    if response.dropped:
        response_headers[DROPPED] = "true"
    return response.status, response_headers, json.dumps(response.body).encode()


@patches.around("ministack.services.account.reset")
def reset(original: Any) -> None:
    """Delete contacts, faults and counts."""
    original()
    api.reset()
