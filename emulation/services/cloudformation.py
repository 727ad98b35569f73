"""CloudFormation: the protocol of custom resources.

AWS (CloudFormation user guide: crpg-ref.html, crpg-ref-requests.html, crpg-ref-responses.html; and
repost.aws/knowledge-center/best-practices-custom-cf-lambda):

* The function is invoked asynchronously: Lambda repeats an invocation that failed or was killed. ServiceTimeout runs
  from the request on.
* The response is a PUT to a presigned S3 URL, which fails if it has a content type. It echoes StackId, RequestId and
  LogicalResourceId, names a PhysicalResourceId, and has at most 4,096 bytes.
* When a Create failed, the rollback sends a Delete: with the PhysicalResourceId of the response, or, if there was none,
  one that CloudFormation makes up.
* DescribeStacks shows the Description of the template (API_Stack.html), however the stack was made.

ministack invokes once, starts the clock afterwards, accepts any response, and forgets a resource whose Create failed
and the Description of a stack that a change set made.
"""

import json
from dataclasses import dataclass
from typing import Any

from ministack.core.responses import new_uuid
from ministack.services import cloudformation, lambda_svc
from ministack.services.cloudformation import custom_resource

from emulation.services.patching import Patches

patches = Patches()

_LONGEST_RESPONSE = 4096
_LONGEST_TIMEOUT = 3600
_RESPONSE_PATH = "/_ministack/cfn-response/"
_MISSING = "Vendor response doesn't contain {} key in object"


@dataclass(frozen=True)
class _Abandoned:
    """A resource whose Create failed, as the rollback must delete it."""

    physical_id: str
    resource_type: str
    properties: dict[str, Any]


_abandoned: dict[tuple[str, str], _Abandoned] = {}


@patches.around("ministack.app._handle_post_body_shortcuts")
async def receive_response(original: Any, method: str, path: str, headers: Any, body: bytes, *more: Any) -> Any:
    """The PUT to ResponseURL."""
    if method != "PUT" or not path.startswith(_RESPONSE_PATH):
        return await original(method, path, headers, body, *more)
    if headers.get("content-type"):
        return 403, {"Content-Type": "application/xml"}, b"<Error><Code>SignatureDoesNotMatch</Code></Error>"
    custom_resource.deliver_response(path.removeprefix(_RESPONSE_PATH), {"body": body})
    return 200, {}, b""


@patches.around("ministack.services.cloudformation.custom_resource.invoke_custom_resource")
def invoke_custom_resource(
    _: Any,
    request_type: str,
    logical_id: str,
    properties: dict[str, Any],
    stack_name: str,
    stack_id: str,
    resource_type: str,
    physical_id: str | None = None,
    old_props: dict[str, Any] | None = None,
) -> tuple[str, dict[str, Any]]:
    """Send a request and wait for its response: the resource's physical id and its attributes."""
    function, configuration, name = lambda_svc._get_func_record_for_ref(properties.get("ServiceToken", ""))
    if function is None:
        raise ValueError(f"The function of the custom resource was not found: {name}")
    token = new_uuid()
    event = {
        "RequestType": request_type,
        "RequestId": new_uuid(),
        "StackId": stack_id,
        "ResponseURL": custom_resource._response_url(token),
        "ResourceType": resource_type,
        "LogicalResourceId": logical_id,
        "ResourceProperties": custom_resource._normalise_resource_properties(properties),
    }
    if physical_id is not None:
        event["PhysicalResourceId"] = physical_id
    if old_props is not None:
        event["OldResourceProperties"] = custom_resource._normalise_resource_properties(old_props)
    response = _ask(token, event, lambda_svc._execution_record_for_config(function, configuration))
    given_id = response.get("PhysicalResourceId") or physical_id
    if response["Status"] == "SUCCESS":
        return str(given_id), response.get("Data") or {}
    if request_type == "Create":
        made_up_id = f"{stack_name}-{logical_id}-{token[:13].upper()}"
        _abandoned[stack_id, logical_id] = _Abandoned(str(given_id or made_up_id), resource_type, properties)
    raise RuntimeError(response["Reason"])


@patches.around("ministack.services.cloudformation.stacks._roll_back_operation")
async def roll_back(original: Any, stack_name: str, stack_id: str, stack: Any, operation: Any, *more: Any) -> None:
    """Delete a custom resource whose Create failed like those whose Create succeeded."""
    logical_id = operation.get("failed_logical_id")
    resource = _abandoned.pop((stack_id, logical_id), None)
    if resource:
        stack.setdefault("_resources", {})[logical_id] = {
            "LogicalResourceId": logical_id,
            "PhysicalResourceId": resource.physical_id,
            "ResourceType": resource.resource_type,
            "Properties": resource.properties,
            "Attributes": {},
        }
        operation["created"].append(logical_id)
    await original(stack_name, stack_id, stack, operation, *more)


@patches.around("ministack.services.cloudformation.handlers._ACTION_HANDLERS", "DescribeStacks")
def describe_stacks(original: Any, parameters: dict[str, Any]) -> Any:
    """Describe stacks, each as its present template does."""
    for stack in cloudformation._stacks.values():
        stack["Description"] = stack.get("_template", {}).get("Description", "")
    return original(parameters)


def _ask(token: str, event: dict[str, Any], function: dict[str, Any]) -> dict[str, Any]:
    """Invoke the function, and wait for its response; a failure has a Reason in CloudFormation's words."""
    answered = custom_resource.register_token(token)
    lambda_svc.invoke_async_with_retry(function, event)
    answered.wait(int(event["ResourceProperties"].get("ServiceTimeout", _LONGEST_TIMEOUT)))
    with custom_resource._lock:
        delivery = custom_resource._pending.pop(token, {}).get("result")
    request_id = event["RequestId"]
    if delivery is None:
        reason = "CloudFormation did not receive a response from your Custom Resource. "
        return {"Status": "FAILED", "Reason": f"{reason}Please check your logs for requestId [{request_id}]."}
    complaint = _complaint(delivery["body"], event)
    if complaint:
        return {"Status": "FAILED", "Reason": complaint}
    response: dict[str, Any] = json.loads(delivery["body"])
    if response["Status"] == "FAILED":
        reason = "Received response status [FAILED] from custom resource. "
        response["Reason"] = f"{reason}Message returned: {response.get('Reason')} (RequestId: {request_id})"
    return response


def _complaint(body: bytes, event: dict[str, Any]) -> str | None:
    """What is wrong with a response."""
    if len(body) > _LONGEST_RESPONSE:
        return "Response object is too long."
    try:
        response = json.loads(body)
    except ValueError:
        return "Invalid response: not JSON."
    if response.get("Status") not in ("SUCCESS", "FAILED"):
        return _MISSING.format("Status")
    if not response.get("PhysicalResourceId"):
        return _MISSING.format("PhysicalResourceId")
    for key in ("StackId", "RequestId", "LogicalResourceId"):
        if response.get(key) != event[key]:
            return _MISSING.format(key)
    return None
