"""Organizations' policies: what they may hold, where they are attached, and the resource type of CloudFormation.

AWS (botocore model `organizations` 2016-11-28, the Organizations API reference, and as named):

* A root, OU or account has at most 10 service control policies (SCPs), FullAWSAccess included, and an SCP has at most
  10,240 characters (orgs_reference_limits.html; the texts of both errors are recorded in
  https://github.com/hashicorp/terraform-provider-aws/issues/41493 and
  https://github.com/awslabs/aws-deployment-framework/issues/380). It has no principal
  (orgs_manage_policies_scps_syntax.html).
* FullAWSAccess is attached to every root, OU and account. To disable SCPs detaches every SCP and deletes none; if they
  are enabled again, only FullAWSAccess is attached (disable-policy-type.html).
* SCPs limit all principals of a member account, its root user too, and none of the management account. Each level, from
  the root to the account, has to allow an action (orgs_manage_policies_scps_evaluation.html).
* CloudFormation creates a policy and then attaches it to TargetIds, attaches before it detaches in an update, and
  detaches from TargetIds alone before it deletes: the handlers of AWS::Organizations::Policy in
  https://github.com/aws-cloudformation/aws-cloudformation-resource-providers-organizations. The text of a failed
  attachment is recorded in https://github.com/infiquetra/infiquetra-aws-infra (workflow run 24933501603).

ministack limits neither the number nor the size of policies, keeps the attachments of a disabled type and to deleted
targets, attaches FullAWSAccess only to some targets, evaluates no SCPs and does not have the resource type.

One thing is less than AWS: FullAWSAccess cannot be detached.
"""

import json
from collections.abc import Mapping
from typing import Any

from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, new_uuid, request_scope
from ministack.services import organizations

from emulation.services import organizations as emulated_organizations
from emulation.services.organizations import respond, respond_with_error
from emulation.services.patching import Patches
from emulation.settings import MANAGEMENT_ACCOUNT

patches = Patches()
_DISPATCH = "ministack.services.organizations._DISPATCH"

Response = tuple[int, dict[str, str], bytes]
Parameters = Mapping[str, Any]

_SCP = "SERVICE_CONTROL_POLICY"
_FULL_ACCESS = organizations.FULL_ACCESS_POLICY_ID
_MAX_ATTACHED_SCPS = 10
_MAX_SCP_CHARACTERS = 10_240

_HANDLER_ERROR_CODES = {
    "AccessDeniedException": "AccessDenied",
    "ConstraintViolationException": "ServiceLimitExceeded",
    "DuplicatePolicyAttachmentException": "AlreadyExists",
    "DuplicatePolicyException": "AlreadyExists",
    "InvalidInputException": "InvalidRequest",
    "MalformedPolicyDocumentException": "InvalidRequest",
    "PolicyNotAttachedException": "NotFound",
    "PolicyNotFoundException": "NotFound",
    "PolicyTypeNotEnabledException": "InvalidRequest",
    "TargetNotFoundException": "NotFound",
}
"""BaseHandlerStd.java of the resource type; any other error is GeneralServiceException."""


def service_control_policies(account_id: str) -> list[list[str]]:
    """Return the documents of the SCPs that limit an account, one list for each level from the root to the account.

    It is empty if nothing but FullAWSAccess is attached, and for an account that SCPs do not limit.
    """
    if account_id == MANAGEMENT_ACCOUNT or not emulated_organizations.is_member(account_id):
        return []
    with request_scope(MANAGEMENT_ACCOUNT, "us-east-1"):
        levels = [_attached_policies(target, _SCP) for target in emulated_organizations.ancestry(account_id)]
        if all(level == [_FULL_ACCESS] for level in levels):
            return []
        return [[organizations._policies[policy_id]["_Content"] for policy_id in level] for level in levels if level]


@patches.around(_DISPATCH, "CreatePolicy")
@patches.around(_DISPATCH, "UpdatePolicy")
def write_policy(original: Any, parameters: Parameters) -> Response:
    """Reject the document of an SCP that AWS rejects."""
    stored = organizations._policies.get(parameters.get("PolicyId", "")) or {}
    content = parameters.get("Content")
    if parameters.get("Type", stored.get("Type")) == _SCP and content is not None:
        if len(content) > _MAX_SCP_CHARACTERS:
            return _violated_limit("POLICY_CONTENT_LIMIT_EXCEEDED", "You have exceeded the maximum policy size.")
        if iam_evaluator.validate_policy_document(content) or _names_principals(content):
            return respond_with_error(
                "MalformedPolicyDocumentException",
                "The provided policy document does not meet the requirements of the specified policy type.",
            )
    response: Response = original(parameters)
    return response


@patches.around(_DISPATCH, "AttachPolicy")
def attach_policy(original: Any, parameters: Parameters) -> Response:
    """Attach a policy unless its type is disabled or the target has the most that it may have."""
    policy_id, target_id = parameters["PolicyId"], parameters["TargetId"]
    policy_type = (organizations._policies.get(policy_id) or {}).get("Type")
    if policy_type and organizations._target(target_id)[0] is not None:
        if not organizations._policy_type_enabled(policy_type):
            return respond_with_error(
                "PolicyTypeNotEnabledException", "This operation can be performed only for enabled policy types."
            )
        attached = _attached_policies(target_id, policy_type)
        if policy_id in attached:
            return respond_with_error(
                "DuplicatePolicyAttachmentException", "A policy with the same name is already attached to the target."
            )
        if policy_type == _SCP and len(attached) >= _MAX_ATTACHED_SCPS:
            return _violated_limit(
                "MAX_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED",
                "You have attached the maximum number of policies to the specified target.",
            )
    response: Response = original(parameters)
    return response


@patches.around(_DISPATCH, "DetachPolicy")
def detach_policy(original: Any, parameters: Parameters) -> Response:
    """Detach any policy but FullAWSAccess."""
    if organizations._target(parameters["TargetId"])[0] is None:
        return _target_not_found()
    if parameters["PolicyId"] == _FULL_ACCESS:
        return _violated_limit(
            "MIN_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED", "The emulation does not detach FullAWSAccess."
        )
    response: Response = original(parameters)
    return response


@patches.around(_DISPATCH, "DeletePolicy")
def delete_policy(original: Any, parameters: Parameters) -> Response:
    """Delete a policy that is attached to no target; one that was deleted does not count."""
    policy_id = parameters["PolicyId"]
    if policy_id in organizations._attachments:
        targets = organizations._attachments[policy_id]
        organizations._attachments[policy_id] = [
            target for target in targets if organizations._target(target)[0] is not None
        ]
    response: Response = original(parameters)
    return response


@patches.adds(_DISPATCH, "ListPoliciesForTarget")
def list_policies_for_target(parameters: Parameters) -> Response:
    """List the policies that are attached to the target itself."""
    target_id = parameters["TargetId"]
    if organizations._target(target_id)[0] is None:
        return _target_not_found()
    attached = _attached_policies(target_id, parameters["Filter"])
    return respond({"Policies": [organizations._policy_summary(organizations._policies[each]) for each in attached]})


@patches.around(_DISPATCH, "DisablePolicyType")
def disable_policy_type(original: Any, parameters: Parameters) -> Response:
    """Disable a type and detach every policy of it."""
    response: Response = original(parameters)
    if response[0] == 200:
        for policy_id, policy in organizations._policies.items():
            if policy["Type"] == parameters["PolicyType"]:
                organizations._attachments[policy_id] = []
    return response


def _attached_policies(target_id: str, policy_type: str) -> list[str]:
    """Return the IDs of the policies that are attached to the target itself."""
    attached = [
        policy_id
        for policy_id, policy in organizations._policies.items()
        if policy_id != _FULL_ACCESS
        and policy["Type"] == policy_type
        and target_id in organizations._attachments.get(policy_id, [])
    ]
    if policy_type == _SCP and organizations._policy_type_enabled(_SCP):
        return [_FULL_ACCESS, *attached]
    return attached


def _names_principals(content: str) -> bool:
    statements = json.loads(content)["Statement"]
    return any(
        {"Principal", "NotPrincipal"} & statement.keys()
        for statement in (statements if isinstance(statements, list) else [statements])
    )


# The resource type of CloudFormation.


def create_resource(_logical_id: str, properties: dict[str, Any], _stack_name: str) -> tuple[str, dict[str, Any]]:
    """Create the policy and attach it."""
    described = {"Description": "", **_written(properties), "Type": properties["Type"]}
    policy = _call("CreatePolicy", described)["Policy"]["PolicySummary"]
    policy_id = policy["Id"]
    try:
        for target_id in properties.get("TargetIds", []):
            _call("AttachPolicy", {"PolicyId": policy_id, "TargetId": target_id})
    except RuntimeError:
        # The rollback deletes a resource whose Create failed after it had an ID; ministack does not.
        delete_resource(policy_id, properties)
        raise
    return policy_id, {"Id": policy_id, "Arn": policy["Arn"], "AwsManaged": policy["AwsManaged"]}


def update_resource(
    policy_id: str, old: dict[str, Any], new: dict[str, Any], _stack_name: str
) -> tuple[str, dict[str, Any]]:
    """Update the policy, attach it to new targets, then detach it from those that are gone."""
    policy = _call("UpdatePolicy", {"PolicyId": policy_id, **_written(new)})["Policy"]["PolicySummary"]
    before, after = old.get("TargetIds", []), new.get("TargetIds", [])
    for target_id in [target for target in after if target not in before]:
        tolerated = "DuplicatePolicyAttachmentException"
        _call("AttachPolicy", {"PolicyId": policy_id, "TargetId": target_id}, tolerated)
    for target_id in [target for target in before if target not in after]:
        _call("DetachPolicy", {"PolicyId": policy_id, "TargetId": target_id}, "PolicyNotAttachedException")
    return policy_id, {"Id": policy_id, "Arn": policy["Arn"], "AwsManaged": policy["AwsManaged"]}


def delete_resource(policy_id: str, properties: dict[str, Any]) -> None:
    """Detach the policy from its own targets, and delete it."""
    tolerated = "PolicyNotAttachedException", "TargetNotFoundException"
    for target_id in properties.get("TargetIds", []):
        _call("DetachPolicy", {"PolicyId": policy_id, "TargetId": target_id}, *tolerated)
    _call("DeletePolicy", {"PolicyId": policy_id}, "PolicyNotFoundException")


_PROVISIONERS = "ministack.services.cloudformation.provisioners"
_RESOURCE_TYPE = "AWS::Organizations::Policy"
patches.value(
    f"{_PROVISIONERS}._RESOURCE_HANDLERS",
    {"create": create_resource, "update": update_resource, "delete": delete_resource},
    _RESOURCE_TYPE,
)
# createOnlyProperties of the resource type's schema.
patches.value(f"{_PROVISIONERS}._REPLACING_PROPERTIES", ("Type",), _RESOURCE_TYPE)


def _written(properties: dict[str, Any]) -> dict[str, str]:
    """Return the parameters that CreatePolicy and UpdatePolicy share."""
    content = properties["Content"]
    # CloudFormation sends JSON without white space, which would count towards the size.
    text = content if isinstance(content, str) else json.dumps(content, separators=(",", ":"))
    description = {"Description": properties["Description"]} if "Description" in properties else {}
    return {"Name": properties["Name"], "Content": text, **description}


def _call(operation: str, parameters: Parameters, *tolerated: str) -> dict[str, Any]:
    """Call Organizations as the account of the stack, and return its response.

    Raises:
        RuntimeError: the call failed with an error that is not ``tolerated``; the text is that of a stack event.
    """
    if get_account_id() == MANAGEMENT_ACCOUNT:
        _, _, body = emulated_organizations.call(operation, parameters)
    else:
        _, _, body = respond_with_error("AccessDeniedException", "You don't have permissions to access this resource.")
    response: dict[str, Any] = json.loads(body)
    code = str(response.get("__type", ""))
    if not code or code in tolerated:
        return response
    message = response.get("Message") or response.get("message")
    handler_error = _HANDLER_ERROR_CODES.get(code, "GeneralServiceException")
    raise RuntimeError(
        f'Resource handler returned message: "{message} (Service: Organizations, Status Code: 400, '
        f'Request ID: {new_uuid()})" (RequestToken: {new_uuid()}, HandlerErrorCode: {handler_error})'
    )


def _violated_limit(reason: str, message: str) -> Response:
    return respond_with_error("ConstraintViolationException", message, {"Reason": reason})


def _target_not_found() -> Response:
    return respond_with_error("TargetNotFoundException", "You specified a target that doesn't exist.")
