"""IAM: actions, resources and condition keys of the services that the product calls.

AWS (service authorization reference: list_awsaccountmanagement.html, list_awsorganizations.html, list_amazonsqs.html):

* The resource of account:*AlternateContact is the caller's own account, `arn:aws:account::{account}:account`, or a
  member, `arn:aws:account::{management}:account/{organization}/{member}`. The condition key
  `account:AlternateContactTypes` has several values.
* DescribeAccount and the calls on one account, OU or root have an Organizations resource. Calls on the whole
  organization (ListAccounts, EnableAWSServiceAccess, ...) have no resource type: only Resource "*" allows them.
  EnableAWSServiceAccess and DisableAWSServiceAccess have the condition key `organizations:ServicePrincipal`.
* The batch calls of SQS need the action of the single call, such as sqs:SendMessage. The resource of the calls on
  message move tasks is the dead-letter queue, which the request has as an ARN or in the task handle.
* The resource of FilterLogEvents is the log group's streams, `...:log-group:{name}:log-stream:`, as in AWS's errors: a
  policy needs the ARN that ends in `:*` (iam-access-control-overview-cwl.html in the CloudWatch Logs documentation).

* GetParametersByPath is authorized on the requested path only (ps-retrieval-authorization.html in the Systems Manager
  user guide): whoever may read a path may read everything below it.

ministack has no route for the account API, one invented ARN for all calls of Organizations, "*" for move tasks and
GetParametersByPath, none of these condition keys, an action of its own for each batch call, and the log group itself
for FilterLogEvents. It sees only plain HTTP (`_ORIGIN`).
"""

import base64
import json
import re
from contextvars import ContextVar
from typing import Any

from ministack.core import iam_evaluator
from ministack.core.responses import get_region
from ministack.services import iam

from emulation.services import organizations
from emulation.services.patching import Patches
from emulation.settings import MANAGEMENT_ACCOUNT

patches = Patches()

# The emulation serves plain HTTP, on the loopback interface only. Calls from there count as TLS, so that policies which
# deny `aws:SecureTransport: false` stay as they are. The default is for ministack's own threads (scheduled rules).
_LOOPBACK = "127.0.0.1"
_ORIGIN: ContextVar[tuple[str, bool]] = ContextVar("request_origin", default=(_LOOPBACK, True))
patches.value("ministack.core.iam_evaluator._request_origin", _ORIGIN)

# The actions of the account API come from botocore's model, as for other services.
patches.value("ministack.core.iam_actions._BOTOCORE_SERVICE_MAP", ["account"], "account")


@patches.around("ministack.app.pin_request_origin")
def pin_request_origin(original: Any, source_ip: str, secure_transport: bool) -> None:
    """Store the origin of a request; the loopback interface counts as TLS."""
    original(source_ip, secure_transport or source_ip == _LOOPBACK)


@patches.around("ministack.core.iam_actions.extract_iam_action")
def extract_iam_action(original: Any, service: str, *request: Any) -> str | None:
    """Return the action that the caller needs."""
    action: str | None = original(service, *request)
    return action.removesuffix("Batch") if action and service == "sqs" else action


@patches.around("ministack.core.iam_actions.extract_resource_arn")
def extract_resource_arn(
    original: Any,
    service: str,
    method: str,
    path: str,
    headers: dict[str, str],
    body: bytes,
    query: Any,
    region: str,
    account: str,
) -> str:
    """Return the ARN of the resource that the caller needs the action on."""
    parameters = _parameters(service, body)
    if service == "account":
        member = parameters.get("AccountId")
        return f"arn:aws:account::{account}:account" + (
            f"/{organizations.organization_id()}/{member}" if member else ""
        )
    if service == "organizations":
        return _organizations_arn(parameters)
    if service == "sqs" and (source := parameters.get("SourceArn") or _source_of(parameters.get("TaskHandle"))):
        return str(source)
    if service == "ssm" and "Path" in parameters:
        return f"arn:aws:ssm:{region}:{account}:parameter{parameters['Path']}"
    arn = str(original(service, method, path, headers, body, query, region, account))
    if service == "logs" and headers.get("x-amz-target", "").endswith(".FilterLogEvents"):
        return f"{arn}:log-stream:"
    return arn


@patches.around("ministack.core.iam_actions.request_tag_context")
def request_tag_context(original: Any, service: str, action: str, body: bytes, query: Any) -> dict[str, Any]:
    """Return the condition keys of a request."""
    parameters = _parameters(service, body)
    context: dict[str, Any] = original(service, action, body, query)
    if service == "account" and "AlternateContactType" in parameters:
        context["account:AlternateContactTypes"] = [parameters["AlternateContactType"]]
    if service == "organizations" and "ServicePrincipal" in parameters:
        context["organizations:ServicePrincipal"] = parameters["ServicePrincipal"]
    return context


def caller_may(action: str, resource: str) -> bool:
    """Return whether the caller of the current request is allowed this action too."""
    access_key = iam_evaluator._verified_key.get()  # empty for the root user
    service = action.partition(":")[0]
    return not access_key or iam_evaluator.enforce(access_key, action, service, get_region(), resource) is None


def role_may(role_arn: str, service: str, action: str, resource: str) -> bool:
    """Return whether the AWS service (`events.amazonaws.com`, ...) may assume the role and the role is allowed this."""
    if not role_arn:
        return False
    account, name = role_arn.split(":")[4], role_arn.rpartition("/")[2]
    role = iam._roles.get_scoped(account, None, name)
    if role is None or not _trusts(role["AssumeRolePolicyDocument"], service):
        return False
    context = iam_evaluator.EvalContext(
        principal_arn=f"arn:aws:sts::{account}:assumed-role/{name}/{service}",
        principal_type="AssumedRole",
        principal_account=account,
        action=action,
        resource_arn=resource,
        region=get_region(),
    )
    policies = iam_evaluator._gather_role_policies(name, account)
    return bool(iam_evaluator.evaluate(context, policies).decision == "Allow")


def _trusts(document: str | dict[str, Any], service: str) -> bool:
    policy = json.loads(document) if isinstance(document, str) else document
    return any(
        iam_evaluator._service_principal_matches(statement.get("Principal"), service)
        for statement in policy["Statement"]
        if statement["Effect"] == "Allow"
    )


def _organizations_arn(parameters: dict[str, Any]) -> str:
    """Return the ARN of the account, OU or root that the request names, or "*"."""
    for name in ("AccountId", "ResourceId", "ChildId", "ParentId", "OrganizationalUnitId", "TargetId"):
        resource = str(parameters.get(name, ""))
        for resource_type, pattern in (("account", r"\d{12}"), ("ou", r"ou-.+"), ("root", r"r-.+")):
            if re.fullmatch(pattern, resource):
                path = f"{resource_type}/{organizations.organization_id()}/{resource}"
                return f"arn:aws:organizations::{MANAGEMENT_ACCOUNT}:{path}"
    return "*"


def _source_of(task_handle: str | None) -> str | None:
    """Return the source queue of a message move task; the handle is JSON in base64."""
    try:
        return str(json.loads(base64.b64decode(task_handle or ""))["sourceArn"])
    except (ValueError, LookupError, TypeError):
        return None


def _parameters(service: str, body: bytes) -> dict[str, Any]:
    """Return the request's JSON, for the services that this module handles."""
    if service not in ("account", "organizations", "sqs", "ssm") or not body.startswith(b"{"):
        return {}
    parameters: dict[str, Any] = json.loads(body)
    return parameters
