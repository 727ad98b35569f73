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
* The resource of GetParametersByPath is the requested path (ps-retrieval-authorization.html in the Systems Manager user
  guide).
* An access denied error names caller, action and resource; SQS writes the action in lower case.
* A service assumes a role only if the role's trust policy allows it, with its conditions. The keys `aws:SourceArn` and
  `aws:SourceAccount` are those of the resource that the service acts for.
* Service control policies limit the principals of a member account (`emulation.services.policies`). An access denied
  error names the type of policy that denied (troubleshoot_access-denied.html in the IAM user guide).
* `aws:PrincipalArn` of a role session is the role's ARN (reference_policies_condition-keys.html), and
  `aws:PrincipalOrgID` of every member the organization's ID.
* The resource of SimulatePrincipalPolicy is the simulated role. It evaluates the role's policies and permissions
  boundary with the condition keys of the request (API_SimulatePrincipalPolicy.html in the IAM API reference).

ministack has no route for the account API, one invented ARN for all calls of Organizations, "*" for move tasks and
GetParametersByPath, none of these condition keys, an action of its own for each batch call, the log group itself for
FilterLogEvents, no service control policies, and mostly no resource in its errors. It takes the session's ARN for
`aws:PrincipalArn`, and each account for an organization. Its policy simulator knows neither condition keys nor
boundaries.
"""

import base64
import itertools
import json
import re
from contextvars import ContextVar
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs

from ministack.core import iam_actions, iam_evaluator
from ministack.core.responses import get_region
from ministack.services import iam, sqs

from emulation.services import organizations, policies
from emulation.services.patching import Patches
from emulation.settings import MANAGEMENT_ACCOUNT

patches = Patches()

_DECISIONS = {"Allow": "allowed", "Deny": "explicitDeny", "ImplicitDeny": "implicitDeny"}
"""https://docs.aws.amazon.com/IAM/latest/APIReference/API_EvaluationResult.html"""

# For ministack's own threads, such as scheduled rules: AWS services call each other over TLS.
_ORIGIN: ContextVar[tuple[str, bool]] = ContextVar("request_origin", default=("127.0.0.1", True))
patches.value("ministack.core.iam_evaluator._request_origin", _ORIGIN)

#: sqs-key-management.html#sqs-what-permissions-for-sse in the SQS developer guide.
_KEY_ACTIONS = {"sqs:SendMessage": ("kms:GenerateDataKey", "kms:Decrypt"), "sqs:ReceiveMessage": ("kms:Decrypt",)}
_ALLOW_ALL = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
#: The Sid of statements in service control policies, and then the policy that a denial names.
_SCP = "service control policy"

# The actions of the account API come from botocore's model, as for other services.
patches.value("ministack.core.iam_actions._BOTOCORE_SERVICE_MAP", ["account"], "account")


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
        if member:
            return f"arn:aws:account::{MANAGEMENT_ACCOUNT}:account/{organizations.organization_id()}/{member}"
        return f"arn:aws:account::{account}:account"
    if service == "organizations":
        return _organizations_arn(parameters)
    if service == "sqs" and (source := parameters.get("SourceArn") or _source_of(parameters.get("TaskHandle"))):
        return str(source)
    if service == "ssm" and headers.get("x-amz-target", "").endswith(".GetParametersByPath"):
        return f"arn:aws:ssm:{region}:{account}:parameter{str(parameters.get('Path')).rstrip('/')}"
    if service == "iam" and (source := parse_qs(body.decode()).get("PolicySourceArn")):
        return source[0]
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


@patches.around("ministack.core.iam_actions.access_denied_response")
def access_denied_response(
    original: Any, service: str, action: str, principal_arn: str, *rest: Any, **more: Any
) -> Any:
    """Return an access denied error that names caller, action and resource."""
    if more.get("resource_policy_arn") == _SCP:
        reason = f"with an explicit deny in a {_SCP}"
        more["message"] = (
            f"User: {principal_arn} is not authorized to perform: {action} on resource: {more['resource_arn']} {reason}"
        )
    elif not more.get("error_code") and not more.get("message") and not more.get("resource_policy_arn"):
        shown = action.lower() if service == "sqs" else action
        more["message"] = iam_actions.identity_denial_message(
            shown, principal_arn, more.get("resource_arn", "*"), bool(more.get("explicit_deny"))
        )
    return original(service, action, principal_arn, *rest, **more)


@patches.around("ministack.core.iam_evaluator.resolve_principal")
def resolve_principal(original: Any, *arguments: Any) -> Any:
    """Return the principal with the service control policies of its account."""
    principal = original(*arguments)
    if isinstance(principal, iam_evaluator.AuthError):
        return principal
    levels = policies.service_control_policies(principal.account)
    if not levels:
        return principal
    limits = [[_parse_service_control_policy(document) for document in level] for level in levels]
    # ministack allows a root user everything, without an evaluation.
    own = [iam_evaluator.parse_policy_document(_ALLOW_ALL)] if principal.policies is None else principal.policies
    return replace(principal, policies=own, limits=[*principal.limits, *limits])


@patches.around("ministack.core.iam_evaluator.evaluate")
def evaluate(original: Any, *arguments: Any) -> Any:
    """Return the decision, and for a denial by a service control policy that type of policy."""
    result = original(*arguments)
    if result.decision == "Deny" and result.matched_sid == _SCP:
        result.resource_policy_arn = _SCP
    return result


@patches.around("ministack.core.iam_evaluator._resolve_condition_key")
def resolve_condition_key(original: Any, key: str, context: Any) -> Any:
    """Return the value of a condition key."""
    if key.lower() == "aws:principalarn" and context.principal_type == "AssumedRole":
        name = context.principal_arn.split("/")[1]
        role = iam._roles.get_scoped(context.principal_account, None, name)
        return role["Arn"] if role else context.principal_arn
    return original(key, context)


@patches.around("ministack.core.iam_evaluator._principal_org_id")
def principal_organization_id(_: Any, account_id: str) -> str | None:
    """Return the ID of the organization that the account is a member of."""
    return organizations.organization_id() if organizations.is_member(account_id) else None


@patches.around("ministack.services.iam._IAM_HANDLERS", "SimulatePrincipalPolicy")
def simulate_principal_policy(_: Any, parameters: dict[str, Any]) -> Any:
    """Simulate actions of a role on one resource, with condition keys and the role's permissions boundary."""
    role_arn, resource = (str(iam._p(parameters, name)) for name in ("PolicySourceArn", "ResourceArns.member.1"))
    account, name = role_arn.split(":")[4], role_arn.rpartition("/")[2]
    if _role(role_arn) is None:
        return iam._error(404, "NoSuchEntity", f"The role with name {name} cannot be found.", ns="iam")
    policies = iam_evaluator._gather_role_policies(name, account)
    boundary = iam_evaluator._permissions_boundary(iam._roles, name, account)
    keys = {}
    for number in itertools.count(1):
        entry = f"ContextEntries.member.{number}"
        if key := iam._p(parameters, f"{entry}.ContextKeyName"):
            keys[key.lower()] = _list(parameters, f"{entry}.ContextKeyValues")
        else:
            break
    results = []
    for action in _list(parameters, "ActionNames"):
        context = _context(role_arn, "AssumedRole", account, action, resource, keys)
        decision = _DECISIONS[iam_evaluator.evaluate(context, policies, *boundary).decision]
        results.append(
            f"<member><EvalActionName>{action}</EvalActionName><EvalResourceName>{resource}</EvalResourceName>"
            f"<EvalDecision>{decision}</EvalDecision></member>"
        )
    body = f"<EvaluationResults>{''.join(results)}</EvaluationResults><IsTruncated>false</IsTruncated>"
    result = "SimulatePrincipalPolicyResult"
    return iam._xml(200, "SimulatePrincipalPolicyResponse", f"<{result}>{body}</{result}>", ns="iam")


def caller_may(action: str, resource: str) -> bool:
    """Return whether the caller of the current request is allowed this action too."""
    access_key = iam_evaluator._verified_key.get()  # empty for the root user
    service = action.partition(":")[0]
    return not access_key or iam_evaluator.enforce(access_key, action, service, get_region(), resource) is None


def may_assume(role_arn: str, service: str, source_arn: str) -> bool:
    """Return whether the AWS service (`events.amazonaws.com`, ...) may assume the role for its own resource."""
    role = _role(role_arn)
    if role is None:
        return False
    document = role["AssumeRolePolicyDocument"]
    statements = (json.loads(document) if isinstance(document, str) else document)["Statement"]
    # A trust policy has no Resource, which `evaluate` requires.
    for_service = [
        {**statement, "Resource": "*"}
        for statement in (statements if isinstance(statements, list) else [statements])
        if iam_evaluator._service_principal_matches(statement.get("Principal"), service)
    ]
    source = {"aws:sourcearn": source_arn, "aws:sourceaccount": source_arn.split(":")[4]}
    context = _context(service, "Service", "", "sts:AssumeRole", role_arn, source)
    return _allows(context, [iam_evaluator.parse_policy_document({"Statement": for_service})])


def role_may(role_arn: str, service: str, source_arn: str, action: str, resource: str) -> bool:
    """Return whether the AWS service may assume the role for its resource, and the role is allowed this action."""
    if not may_assume(role_arn, service, source_arn):
        return False
    account, name = role_arn.split(":")[4], role_arn.rpartition("/")[2]
    session = f"arn:aws:sts::{account}:assumed-role/{name}/{service}"
    context = _context(session, "AssumedRole", account, action, resource, {})
    return _allows(context, iam_evaluator._gather_role_policies(name, account))


def role_may_use(role_arn: str, service: str, source_arn: str, action: str, resource: str) -> bool:
    """Return whether `role_may`, for a queue that a customer's key encrypts with the actions on the key too."""
    queue = sqs._queue_by_arn(resource) if resource.startswith("arn:aws:sqs:") else None
    pairs = [(action, resource), *key_actions(action, queue)]
    return all(role_may(role_arn, service, source_arn, *pair) for pair in pairs)


def key_actions(action: str, queue: dict[str, Any] | None) -> list[tuple[str, str]]:
    """Return the actions on the customer's key that an action on a queue needs, each with the key."""
    key = str((queue or {}).get("attributes", {}).get("KmsMasterKeyId", ""))
    return [(key_action, key) for key_action in _KEY_ACTIONS.get(action, ())] if key.startswith("arn:") else []


def _parse_service_control_policy(document: str) -> list[Any]:
    return [replace(statement, sid=_SCP) for statement in iam_evaluator.parse_policy_document(document)]


def _role(role_arn: str) -> dict[str, Any] | None:
    if not role_arn.startswith("arn:"):
        return None
    role: dict[str, Any] | None = iam._roles.get_scoped(role_arn.split(":")[4], None, role_arn.rpartition("/")[2])
    return role


def _context(
    principal: str, principal_type: str, account: str, action: str, resource: str, keys: dict[str, Any]
) -> Any:
    return iam_evaluator.EvalContext(
        principal_arn=principal,
        principal_type=principal_type,
        principal_account=account,
        action=action,
        resource_arn=resource,
        region=get_region(),
        service_context=keys,
    )


def _allows(context: Any, policies: list[Any]) -> bool:
    return bool(iam_evaluator.evaluate(context, policies).decision == "Allow")


def _organizations_arn(parameters: dict[str, Any]) -> str:
    """Return the ARN of the account, OU or root that the request names, or "*"."""
    for name in ("AccountId", "ResourceId", "ChildId", "ParentId", "OrganizationalUnitId", "TargetId"):
        resource = str(parameters.get(name, ""))
        for resource_type, pattern in (("account", r"\d{12}"), ("ou", r"ou-.+"), ("root", r"r-.+")):
            if re.fullmatch(pattern, resource):
                path = f"{resource_type}/{organizations.organization_id()}/{resource}"
                return f"arn:aws:organizations::{MANAGEMENT_ACCOUNT}:{path}"
    return "*"


def _list(parameters: dict[str, Any], name: str) -> list[str]:
    """Return a list parameter of a request in the query protocol."""
    members = (iam._p(parameters, f"{name}.member.{number}") for number in itertools.count(1))
    return list(itertools.takewhile(bool, members))


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
