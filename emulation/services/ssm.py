"""Systems Manager: the quota of GetParametersByPath, on request.

AWS: 40 calls a second per account and region by default, shared with GetParameter and GetParameters
(https://docs.aws.amazon.com/general/latest/gr/ssm.html); the burst is not published. ministack never throttles.
"""

from typing import Any

from ministack.core.responses import error_response_json, get_account_id

from emulation.quotas import Quota, Throttle
from emulation.services.patching import Patches

patches = Patches()

_SHARED = "GetParametersByPath"
_OPERATIONS = ("GetParameter", "GetParameters", _SHARED)
QUOTAS = {_SHARED: Quota(40, 40)}
_throttle = Throttle({})


def enforce_quotas(speed: float) -> None:
    """Throttle at AWS's published rate, multiplied by ``speed``."""
    global _throttle
    _throttle = Throttle(QUOTAS, speed=speed)


def remove_quotas() -> None:
    """Never throttle."""
    global _throttle
    _throttle = Throttle({})


@patches.around("ministack.services.ssm.handle_request")
async def handle_request(original: Any, method: str, path: str, headers: Any, body: bytes, query: Any) -> Any:
    """Throttle the calls that read parameters."""
    operation = headers.get("x-amz-target", "").rpartition(".")[2]
    if operation in _OPERATIONS and not _throttle.take(get_account_id(), _SHARED):
        return error_response_json("ThrottlingException", "Rate exceeded", 400)
    return await original(method, path, headers, body, query)


@patches.around("ministack.services.ssm.reset")
def reset(original: Any) -> None:
    """Delete the parameters, and stop throttling."""
    original()
    remove_quotas()
