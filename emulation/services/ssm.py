"""Systems Manager: throttled calls, on request. ministack never throttles."""

from dataclasses import dataclass
from typing import Any

from ministack.core.responses import error_response_json

from emulation.services.patching import Patches

patches = Patches()


@dataclass
class _State:
    """State that ministack does not keep."""

    throttled_calls: int = 0


_STATE = _State()


def throttle(calls: int) -> None:
    """Make the next calls fail with ThrottlingException."""
    _STATE.throttled_calls = calls


@patches.around("ministack.services.ssm.handle_request")
async def handle_request(original: Any, method: str, path: str, headers: Any, body: bytes, query: Any) -> Any:
    """Throttle the calls that `throttle` asked for."""
    if _STATE.throttled_calls:
        _STATE.throttled_calls -= 1
        return error_response_json("ThrottlingException", "Rate exceeded", 400)
    return await original(method, path, headers, body, query)


@patches.around("ministack.services.ssm.reset")
def reset(original: Any) -> None:
    """Delete the parameters, and stop throttling."""
    original()
    throttle(0)
