"""What IAM knows of the services that the product calls.

AWS (service authorization reference: list_awsaccountmanagement.html, list_awsorganizations.html, list_amazonsqs.html):

* account:*AlternateContact is about the own account, `arn:aws:account::{account}:account`, or about a member,
  `arn:aws:account::{management}:account/{organization}/{member}`. Its condition key `account:AlternateContactTypes`
  has several values.
* DescribeAccount and the calls on one account, unit or root name an Organizations resource. Those on the organization
  as a whole (ListAccounts, EnableAWSServiceAccess, ...) have no resource type: only Resource "*" allows them. Enabling
  or disabling a service has condition key `organizations:ServicePrincipal`.
* The batch calls of SQS need the action of the single call, such as sqs:SendMessage. The calls on message move tasks
  name the dead-letter queue, which the request holds as an ARN or in the task handle.
* FilterLogEvents is about a log group's streams, `...:log-group:{name}:log-stream:`, as AWS's refusals say: a policy
  needs the ARN that ends in `:*` (iam-access-control-overview-cwl.html in the CloudWatch Logs documentation).

ministack has no route for the account API, gives all calls of Organizations one made-up ARN and the move tasks "*",
knows none of these condition keys, makes actions of the batch calls, has FilterLogEvents be about the log group itself,
and sees plain HTTP wherever it looks (`_ORIGIN`).
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

# The emulation speaks HTTP, but on the loopback interface alone, where nobody can listen in: what comes from there
# counts as TLS, so that policies which deny `aws:SecureTransport: false` need no loosening. The default is for what
# ministack does in threads of its own, such as scheduled rules.
_LOOPBACK = "127.0.0.1"
_ORIGIN: ContextVar[tuple[str, bool]] = ContextVar("request_origin", default=(_LOOPBACK, True))
patches.value("ministack.core.iam_evaluator._request_origin", _ORIGIN)

# Route the account API's paths to its actions by botocore's model, as ministack does for other services.
patches.value("ministack.core.iam_actions._BOTOCORE_SERVICE_MAP", ["account"], "account")


@patches.around("ministack.app.pin_request_origin")
def pin_request_origin(original: Any, source_ip: str, secure_transport: bool) -> None:
    """Remember where a request comes from."""
    original(source_ip, secure_transport or source_ip == _LOOPBACK)


@patches.around("ministack.core.iam_actions.extract_iam_action")
def extract_iam_action(original: Any, service: str, *request: Any) -> str | None:
    """The action that a request must be allowed."""
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
    """The ARN that a request must be allowed on."""
    parameters = _parameters(service, body)
    if service == "account":
        member = parameters.get("AccountId")
        return f"arn:aws:account::{account}:account" + (f"/{organizations.identifier()}/{member}" if member else "")
    if service == "organizations":
        return _organizations_arn(parameters)
    if service == "sqs" and (source := parameters.get("SourceArn") or _source_of(parameters.get("TaskHandle"))):
        return str(source)
    arn = str(original(service, method, path, headers, body, query, region, account))
    if service == "logs" and headers.get("x-amz-target", "").endswith(".FilterLogEvents"):
        return f"{arn}:log-stream:"
    return arn


@patches.around("ministack.core.iam_actions.request_tag_context")
def request_tag_context(original: Any, service: str, action: str, body: bytes, query: Any) -> dict[str, Any]:
    """The condition keys that a request brings along."""
    parameters = _parameters(service, body)
    context: dict[str, Any] = original(service, action, body, query)
    if service == "account" and "AlternateContactType" in parameters:
        context["account:AlternateContactTypes"] = [parameters["AlternateContactType"]]
    if service == "organizations" and "ServicePrincipal" in parameters:
        context["organizations:ServicePrincipal"] = parameters["ServicePrincipal"]
    return context


def caller_may(action: str, resource: str) -> bool:
    """Whether the caller of the present request may do this as well."""
    access_key = iam_evaluator._verified_key.get()  # empty for the root user, who may do everything
    service = action.partition(":")[0]
    return not access_key or iam_evaluator.enforce(access_key, action, service, get_region(), resource) is None


def role_may(role_arn: str, service: str, action: str, resource: str) -> bool:
    """Whether the AWS service (`events.amazonaws.com`, ...) may assume the role, and the role may do this."""
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
    """The ARN of the one account, unit or root that a call is about, or "*"."""
    for name in ("AccountId", "ResourceId", "ChildId", "ParentId", "OrganizationalUnitId", "TargetId"):
        resource = str(parameters.get(name, ""))
        for kind, pattern in (("account", r"\d{12}"), ("ou", r"ou-.+"), ("root", r"r-.+")):
            if re.fullmatch(pattern, resource):
                return f"arn:aws:organizations::{MANAGEMENT_ACCOUNT}:{kind}/{organizations.identifier()}/{resource}"
    return "*"


def _source_of(task_handle: str | None) -> str | None:
    """The dead-letter queue that a message move task empties: its handle is JSON in base64."""
    try:
        return str(json.loads(base64.b64decode(task_handle or ""))["sourceArn"])
    except (ValueError, LookupError, TypeError):
        return None


def _parameters(service: str, body: bytes) -> dict[str, Any]:
    """The request's JSON, for the services that this module is about."""
    if service not in ("account", "organizations", "sqs") or not body.startswith(b"{"):
        return {}
    parameters: dict[str, Any] = json.loads(body)
    return parameters
