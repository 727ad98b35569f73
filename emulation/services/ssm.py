"""Systems Manager: the events of Parameter Store, and on request the quota of GetParametersByPath and throttled calls.

AWS:

* 40 calls a second per account and region by default, shared with GetParameter and GetParameters
  (https://docs.aws.amazon.com/general/latest/gr/ssm.html); the burst is not published.
* Each change of a parameter emits Parameter Store Change in the region of the parameter, with its description if it
  has one (Systems Manager user guide, monitoring-systems-manager-event-examples.html#SSM-Parameter-Store-event-types).

ministack never throttles, and emits nothing.
"""

import json
from typing import Any

from ministack.core.responses import error_response_json, get_account_id
from ministack.services import ssm

from emulation.quotas import Quota, Throttle
from emulation.services.events import emit
from emulation.services.patching import Patches

patches = Patches()

_SHARED = "GetParametersByPath"
_OPERATIONS = ("GetParameter", "GetParameters", _SHARED)
QUOTAS = {_SHARED: Quota(40, 40)}
_throttle = Throttle({})
_throttled_calls = 0


def throttle(calls: int) -> None:
    """Make the next calls that read parameters fail with ThrottlingException."""
    global _throttled_calls
    _throttled_calls = calls


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
    global _throttled_calls
    operation = headers.get("x-amz-target", "").rpartition(".")[2]
    if operation not in _OPERATIONS:
        return await original(method, path, headers, body, query)
    if _throttled_calls or not _throttle.take(get_account_id(), _SHARED):
        _throttled_calls = max(_throttled_calls - 1, 0)
        return error_response_json("ThrottlingException", "Rate exceeded", 400)
    return await original(method, path, headers, body, query)


@patches.around("ministack.services.ssm._put_parameter")
def put_parameter(original: Any, parameters: dict[str, Any]) -> Any:
    """Create or update a parameter, and emit the change; CloudFormation calls this too."""
    existed = parameters.get("Name") in ssm._parameters
    response = original(parameters)
    if response[0] == 200:
        _publish_change("Update" if existed else "Create", ssm._parameters[parameters["Name"]])
    return response


@patches.around("ministack.services.ssm._delete_parameter")
def delete_parameter(original: Any, parameters: dict[str, Any]) -> Any:
    """Delete a parameter, and emit the change; CloudFormation calls this too."""
    _, deleted = ssm._lookup_parameter(parameters.get("Name", ""))
    response = original(parameters)
    if response[0] == 200:
        _publish_change("Delete", deleted)
    return response


@patches.around("ministack.services.ssm._delete_parameters")
def delete_parameters(original: Any, parameters: dict[str, Any]) -> Any:
    """Delete parameters, and emit a change of each."""
    existing = {name: ssm._lookup_parameter(name)[1] for name in parameters.get("Names", [])}
    response = original(parameters)
    for name in json.loads(response[2])["DeletedParameters"]:
        _publish_change("Delete", existing[name])
    return response


@patches.around("ministack.services.ssm._label_parameter_version")
def label_parameter_version(original: Any, parameters: dict[str, Any]) -> Any:
    """Label a version of a parameter, and emit the change."""
    response = original(parameters)
    if response[0] == 200:
        _publish_change("LabelParameterVersion", ssm._parameters[parameters["Name"]])
    return response


def _publish_change(operation: str, parameter: dict[str, Any]) -> None:
    detail = {"operation": operation, "name": parameter["Name"], "type": parameter["Type"]}
    described = {"description": parameter["Description"]} if parameter["Description"] else {}
    emit("aws.ssm", "Parameter Store Change", {**detail, **described}, [parameter["ARN"]])


@patches.around("ministack.services.ssm.reset")
def reset(original: Any) -> None:
    """Delete the parameters, and stop throttling."""
    original()
    remove_quotas()
