"""CloudFormation: the states of stacks, template URLs, and the protocol of custom resources.

AWS (CloudFormation user guide: view-stack-events.html, crpg-ref.html, crpg-ref-requests.html, crpg-ref-responses.html;
and repost.aws/knowledge-center/best-practices-custom-cf-lambda):

* A stack can be updated in the states CREATE_COMPLETE, UPDATE_COMPLETE and UPDATE_ROLLBACK_COMPLETE, and after an
  import. In ROLLBACK_COMPLETE it can only be deleted (recorded in https://github.com/aws/aws-sam-cli/issues/1865).
  Until then its name is taken.
* TemplateURL is a path-style or virtual-hosted S3 URL.
* The function of a custom resource is invoked asynchronously: Lambda retries an invocation that failed or timed
  out. ServiceTimeout starts with the request.
* The response is a PUT to a presigned S3 URL, which rejects a content type. The response repeats StackId, RequestId and
  LogicalResourceId, names a PhysicalResourceId, and has at most 4,096 bytes.
* After a failed Create, the rollback sends a Delete with the PhysicalResourceId of the response. Without a response,
  CloudFormation invents that ID.
* DescribeStacks returns the Description of the template (API_Stack.html).
* A resource whose condition is false is not created (conditions-section-structure.html), so no change set lists it.

ministack creates change sets in every state and a new stack in place of a rolled back one, reads path-style URLs only,
invokes the function once, starts ServiceTimeout afterwards, accepts any response, sends no Delete after a failed
Create, loses the Description of a stack that a change set created, and lists resources whose condition is false.
"""

import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import yaml
from ministack.core.responses import new_uuid
from ministack.services import cloudformation, lambda_svc
from ministack.services.cloudformation import custom_resource, engine, handlers, helpers

from emulation.services import lambda_functions, scheduler
from emulation.services.patching import Patches

patches = Patches()

_UPDATABLE = (
    "CREATE_COMPLETE",
    "UPDATE_COMPLETE",
    "UPDATE_ROLLBACK_COMPLETE",
    "IMPORT_COMPLETE",
    "IMPORT_ROLLBACK_COMPLETE",
)
_VIRTUAL_HOST = re.compile(r"(?P<bucket>.+)\.s3([.-][a-z0-9-]+)?\.amazonaws\.com(\.cn)?")
_MAX_RESPONSE_BYTES = 4096
_DEFAULT_TIMEOUT = 3600
_RESPONSE_PATH = "/_ministack/cfn-response/"
_MISSING = "Vendor response doesn't contain {} key in object"


@dataclass(frozen=True)
class _FailedResource:
    """A resource whose Create failed and that the rollback deletes."""

    physical_id: str
    resource_type: str
    properties: dict[str, Any]


_failed_resources: dict[tuple[str, str], _FailedResource] = {}


class _FastLoader(yaml.CSafeLoader):
    """ministack's loader on libyaml, which takes a tenth of the time for a template."""

    yaml_constructors = engine.CfnLoader.yaml_constructors


patches.value("ministack.services.cloudformation.engine.CfnLoader", _FastLoader)


@patches.around("ministack.services.cloudformation.handlers._ACTION_HANDLERS", "CreateStack")
def create_stack(original: Any, parameters: dict[str, Any]) -> Any:
    """Create a stack unless one has this name."""
    name = helpers._p(parameters, "StackName")
    stack = handlers._resolve_stack(name)
    if stack and stack["StackStatus"] != "DELETE_COMPLETE":
        return helpers._error("AlreadyExistsException", f"Stack [{name}] already exists")
    return original(parameters)


@patches.around("ministack.services.cloudformation.handlers._ACTION_HANDLERS", "CreateChangeSet")
@patches.around("ministack.services.cloudformation.handlers._ACTION_HANDLERS", "UpdateStack")
def change_stack(original: Any, parameters: dict[str, Any]) -> Any:
    """Reject the change of a stack whose state does not allow it."""
    name = helpers._p(parameters, "StackName")
    stack = handlers._resolve_stack(name)
    status = stack["StackStatus"] if stack else "DELETE_COMPLETE"
    if status in ("DELETE_COMPLETE", "REVIEW_IN_PROGRESS"):
        return original(parameters)
    if helpers._p(parameters, "ChangeSetType") == "CREATE":
        change_set = helpers._p(parameters, "ChangeSetName")
        message = f"Stack [{name}] already exists and cannot be created again with the changeSet [{change_set}]."
        return helpers._error("ValidationError", message)
    if status not in _UPDATABLE:
        message = f"Stack:{stack['StackId']} is in {status} state and can not be updated."
        return helpers._error("ValidationError", message)
    return original(parameters)


@patches.around("ministack.services.cloudformation.changesets._resolve_props_for_diff")
def resolve_changes(original: Any, template: dict[str, Any], parameters: dict[str, Any], *more: Any) -> dict[str, Any]:
    """Return the resources that a change set compares, without those whose condition is false."""
    resolved: dict[str, Any] = original(template, parameters, *more)
    if template:
        conditions = engine._evaluate_conditions(template, parameters)
        resolved["Resources"] = {
            logical_id: resource
            for logical_id, resource in resolved["Resources"].items()
            if conditions.get(resource.get("Condition"), True)
        }
    return resolved


@patches.around("ministack.services.cloudformation.helpers._resolve_document")
def resolve_document(original: Any, parameters: dict[str, Any], body_key: str, url_key: str, label: str) -> Any:
    """Read a template from its URL; ministack gets the path-style form."""
    url = urlsplit(helpers._p(parameters, url_key))
    host = _VIRTUAL_HOST.fullmatch(url.hostname or "")
    if host:
        parameters = {**parameters, url_key: [f"https://s3.amazonaws.com/{host['bucket']}{url.path}"]}
    return original(parameters, body_key, url_key, label)


@patches.around("ministack.services.cloudformation.stacks._provision_resource")
def provision_resource(
    original: Any, resource_type: str, logical_id: str, properties: dict[str, Any], *more: Any
) -> Any:
    """Create a resource that passes the checks of its service, whose API ministack does not call for it."""
    scheduler.check_resource(resource_type, properties)
    lambda_functions.check_resource(resource_type, properties)
    resource = original(resource_type, logical_id, properties, *more)
    lambda_functions.check_created(resource_type, resource[0])
    return resource


@patches.around("ministack.services.cloudformation.stacks._update_resource")
def update_resource(
    original: Any, resource_type: str, physical_id: str, old: Any, new: dict[str, Any], *more: Any
) -> Any:
    """Update a resource to one that passes the checks of its service."""
    scheduler.check_resource(resource_type, new)
    lambda_functions.check_resource(resource_type, new, physical_id)
    return original(resource_type, physical_id, old, new, *more)


@patches.around("ministack.app._handle_post_body_shortcuts")
async def receive_response(original: Any, method: str, path: str, headers: Any, body: bytes, *more: Any) -> Any:
    """Receive the PUT to a ResponseURL."""
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
    """Send a request, wait for the response, and return the resource's physical ID and attributes."""
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
    response = _request(token, event, lambda_svc._execution_record_for_config(function, configuration))
    returned_id = response.get("PhysicalResourceId") or physical_id
    if response["Status"] == "SUCCESS":
        return str(returned_id), response.get("Data") or {}
    if request_type == "Create":
        deleted_id = str(returned_id or f"{stack_name}-{logical_id}-{token[:13].upper()}")
        _failed_resources[stack_id, logical_id] = _FailedResource(deleted_id, resource_type, properties)
    raise RuntimeError(response["Reason"])


@patches.around("ministack.services.cloudformation.stacks._roll_back_operation")
async def roll_back(original: Any, stack_name: str, stack_id: str, stack: Any, operation: Any, *more: Any) -> None:
    """Include custom resources whose Create failed in the rollback."""
    logical_id = operation.get("failed_logical_id")
    resource = _failed_resources.pop((stack_id, logical_id), None)
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
    """Add each stack's Description from its current template."""
    for stack in cloudformation._stacks.values():
        stack["Description"] = stack.get("_template", {}).get("Description", "")
    return original(parameters)


def _request(token: str, event: dict[str, Any], function: dict[str, Any]) -> dict[str, Any]:
    """Invoke the function and wait for its response; a failure has the Reason that CloudFormation shows."""
    received = custom_resource.register_token(token)
    lambda_svc.invoke_async_with_retry(function, event)
    received.wait(int(event["ResourceProperties"].get("ServiceTimeout", _DEFAULT_TIMEOUT)))
    with custom_resource._lock:
        delivery = custom_resource._pending.pop(token, {}).get("result")
    request_id = event["RequestId"]
    if delivery is None:
        reason = "CloudFormation did not receive a response from your Custom Resource. "
        return {"Status": "FAILED", "Reason": f"{reason}Please check your logs for requestId [{request_id}]."}
    violation = _violation(delivery["body"], event)
    if violation:
        return {"Status": "FAILED", "Reason": violation}
    response: dict[str, Any] = json.loads(delivery["body"])
    if response["Status"] == "FAILED":
        reason = "Received response status [FAILED] from custom resource. "
        response["Reason"] = f"{reason}Message returned: {response.get('Reason')} (RequestId: {request_id})"
    return response


def _violation(body: bytes, event: dict[str, Any]) -> str | None:
    """Describe why a response is invalid."""
    if len(body) > _MAX_RESPONSE_BYTES:
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
