"""Systems Manager: the quota of GetParametersByPath, and throttled calls, on request.

AWS: 40 calls a second per account and region by default, shared with GetParameter and GetParameters
(https://docs.aws.amazon.com/general/latest/gr/ssm.html); the burst is not published. ministack never throttles.
"""

from dataclasses import dataclass
from typing import Any

from ministack.core.responses import error_response_json, get_account_id

from emulation.quotas import Quota, Throttle
from emulation.services.patching import Patches

patches = Patches()

_SHARED = "GetParametersByPath"
_OPERATIONS = ("GetParameter", "GetParameters", _SHARED)
QUOTAS = {_SHARED: Quota(40, 40)}
_throttle = Throttle({})


@dataclass
class _State:
    """State that ministack does not keep."""

    throttled_calls: int = 0


_STATE = _State()


def throttle(calls: int) -> None:
    """Make the next calls that read parameters fail with ThrottlingException."""
    _STATE.throttled_calls = calls


def enforce_quotas(speed: float) -> None:
    """Throttle at AWS's published rate, multiplied by ``speed``."""
    global _throttle
    _throttle = Throttle(QUOTAS, speed=speed)


def remove_quotas() -> None:
    """Never throttle."""
    global _throttle
    _throttle = Throttle({})
    throttle(0)


@patches.around("ministack.services.ssm.handle_request")
async def handle_request(original: Any, method: str, path: str, headers: Any, body: bytes, query: Any) -> Any:
    """Throttle the calls that read parameters."""
    operation = headers.get("x-amz-target", "").rpartition(".")[2]
    if operation not in _OPERATIONS:
        return await original(method, path, headers, body, query)
    if _STATE.throttled_calls or not _throttle.take(get_account_id(), _SHARED):
        _STATE.throttled_calls = max(_STATE.throttled_calls - 1, 0)
        return error_response_json("ThrottlingException", "Rate exceeded", 400)
    return await original(method, path, headers, body, query)


@patches.around("ministack.services.ssm.reset")
def reset(original: Any) -> None:
    """Delete the parameters, and stop throttling."""
    original()
    remove_quotas()
