"""STS: who may assume a role.

AWS (STS API reference, API_AssumeRole.html; orgs_manage_accounts_access.html in the Organizations user guide): the root
user of an account may not assume any role. An access denied error names the caller, also if the role does not exist. An
account that CreateAccount made has a role for the management account.

ministack lets the root user assume every role that trusts its account or any service, and does not name the caller if
the role does not exist.
"""

from typing import Any
from urllib.parse import parse_qs

from ministack.core.iam_evaluator import caller_arn
from ministack.core.responses import get_account_id
from ministack.services import iam

from emulation.services import organizations
from emulation.services.patching import Patches

patches = Patches()

Response = tuple[int, dict[str, str], bytes]


@patches.around("ministack.services.sts.handle_request")
async def handle_request(original: Any, method: str, path: str, headers: Any, body: bytes, query: Any) -> Response:
    """Reject the root user, and complete the error for a role that does not exist."""
    parameters = {**query, **parse_qs(body.decode())}
    if parameters.get("Action") == ["AssumeRole"]:
        if caller_arn().endswith(":root"):
            error: Response = iam._error(403, "AccessDenied", "Roles may not be assumed by root accounts.", ns="sts")
            return error
        organizations.create_access_role("".join(parameters.get("RoleArn", [""])[0].split(":")[4:5]))
    status, response_headers, content = await original(method, path, headers, body, query)
    return status, response_headers, content.replace(b"User: is not", f"User: {caller_arn()} is not".encode())


@patches.around("ministack.services.iam.handle_request")
async def handle_iam_request(original: Any, *request: Any) -> Response:
    """Create the access role of an account before its first IAM call."""
    organizations.create_access_role(get_account_id())
    response: Response = await original(*request)
    return response
