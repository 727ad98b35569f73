"""Organizations: pages, trusted access, the states of accounts, and the callers.

AWS (botocore model `organizations` 2016-11-28 and the Organizations API reference):

* A request that violates the API model is rejected with InvalidInputException and a Reason; an operation that does not
  exist with UnknownOperationException, as is one that the emulation does not have.
* Lists have pages of at most 20 items; an empty page may have a NextToken. An account has `State`, the older `Status`
  (without the values PENDING_ACTIVATION and CLOSED), and `Paths`.
* Trusted access is off at first. To enable it, the organization must have all features. It is eventually consistent:
  for about a minute, calls of the service are still denied.
* A member can be the delegated administrator of AWS Account Management, one per organization, once trusted access is on
  (using-orgs-delegated-admin.html in the Account Management reference).
* Before CreateOrganization, every call fails with AWSOrganizationsNotInUseException. The management account may make
  all calls, a member only DescribeOrganization.
* A completed CreateAccount emits an event in us-east-1 (its shape is that of a captured event). An account that was
  created has the role OrganizationAccountAccessRole for the management account, an invited account has not
  (orgs_manage_accounts_access.html).
* Every call of MoveAccount emits an event there, with an errorCode if it failed. It fails if the account is not in the
  source parent (API_MoveAccount.html; cloudtrail-event-reference-record-contents.html in the CloudTrail user guide).
* Each operation is throttled per account (orgs_reference_limits.html#throttling-limits); here only on request.

ministack checks no parameters, has a single page, no trusted access, no delegated administrators, no `State` and no
DeleteOrganization; each caller has an organization of its own; no call emits an event or is throttled; an account is
moved whatever its source parent. Like ministack, the emulation starts with an organization.
"""

import json
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any

from botocore.loaders import Loader
from ministack.core.responses import error_response_json, get_account_id, new_uuid, request_scope
from ministack.services import iam, organizations

from emulation.quotas import Quota, Throttle
from emulation.services.events import cloudtrail_detail, emit, user_identity
from emulation.services.paging import InvalidTokenError, page
from emulation.services.patching import Patches
from emulation.settings import MANAGEMENT_ACCOUNT

patches = Patches()
_DISPATCH = "ministack.services.organizations._DISPATCH"

Response = tuple[int, dict[str, str], bytes]
Parameters = Mapping[str, Any]

_PAGE = 20
_STATES_WITH_STATUS = ("ACTIVE", "SUSPENDED", "PENDING_CLOSURE")
_ACCESS_ROLE = "OrganizationAccountAccessRole"
_ADMINISTRATOR_ACCESS = "arn:aws:iam::aws:policy/AdministratorAccess"
_BUSY = "AWS Organizations can't complete your request because another request is already in progress. Try again later."

#: orgs_reference_limits.html#throttling-limits, per account
QUOTAS = {
    "DescribeAccount": Quota(20, 30),
    "ListTagsForResource": Quota(10, 15),
    "ListAccounts": Quota(8, 12),
    "ListParents": Quota(5, 8),
    "ListPoliciesForTarget": Quota(5, 8),
    "TagResource": Quota(4, 6),
    "UntagResource": Quota(4, 6),
    "ListRoots": Quota(1, 2),
}


@dataclass
class _State:
    """State that ministack does not keep."""

    exists: bool = True
    trusted_since: dict[str, float] = field(default_factory=dict)
    delegated_administrators: dict[str, str] = field(default_factory=dict)
    """By service principal, the account ID."""
    throttled_calls: int = 0
    throttle: Throttle = field(default_factory=lambda: Throttle({}))
    created_accounts: int = 0
    missing_roles: dict[str, str] = field(default_factory=dict)
    """By account ID, the name of the access role that `create_access_role` has not created yet."""


_STATE = _State()


@dataclass(frozen=True)
class MembershipView:
    """The organization for the account API (`emulation.account_api.Membership`).

    Trusted access takes effect there ``trusted_access_delay`` seconds after it was enabled.
    """

    trusted_access_delay: float
    management_account_id: str = MANAGEMENT_ACCOUNT

    def account_state(self, account_id: str) -> str | None:
        """Return the account's State; None: it is not a member."""
        return _state_of(account_id)

    def has_trusted_access(self) -> bool:
        """Return whether trusted access for the account API is in effect."""
        since = _STATE.trusted_since.get("account.amazonaws.com")
        return since is not None and time.time() - since >= self.trusted_access_delay

    def is_delegated_administrator(self, account_id: str) -> bool:
        """Return whether the account is the delegated administrator of AWS Account Management."""
        return _STATE.delegated_administrators.get("account.amazonaws.com") == account_id


def is_member(account_id: str) -> bool:
    """Return whether the account is in the organization."""
    return _state_of(account_id) is not None


def _state_of(account_id: str) -> str | None:
    with _organization():
        account = organizations._accounts.get(account_id)
    return str(account["Status"]) if _STATE.exists and account else None


def organization_id() -> str:
    """Return the organization's ID, `o-...`."""
    with _organization():
        return str(organizations._orgs["self"]["Id"])


def ancestry(account_id: str) -> list[str]:
    """Return the IDs of the root and the OUs above a member, and its own."""
    with _organization():
        return _path(organizations._accounts[account_id]).strip("/").split("/")[1:]


def call(operation: str, parameters: Parameters) -> Response:
    """Make a call as an AWS service does for the management account."""
    violation = _violation(operation, parameters)
    if violation:
        return violation
    with _organization():
        response: Response = organizations._DISPATCH[operation](parameters)
        return response


# The functions of the control API.


def create_accounts(count: int, suspended: int = 0, invited: bool = False) -> list[str]:
    """Add accounts, the last ones suspended, without the event of CreateAccount."""
    with _organization():
        root = next(iter(organizations._roots))
        accounts = [_new_account(root, "INVITED" if invited else "CREATED") for _ in range(count)]
        for account in accounts[count - suspended :]:
            account["Status"] = "SUSPENDED"
        organizations._accounts.update({account["Id"]: account for account in accounts})
    ids = [account["Id"] for account in accounts]
    if not invited:
        _STATE.missing_roles.update(dict.fromkeys(ids, _ACCESS_ROLE))
    return ids


def create_access_role(account_id: str) -> None:
    """Create the role of an account that CreateAccount made; before its first use, since most roles are never used."""
    name = _STATE.missing_roles.pop(account_id, None)
    if name is None:
        return
    trust = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{MANAGEMENT_ACCOUNT}:root"},
        "Action": "sts:AssumeRole",
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    with request_scope(account_id, "us-east-1"):
        iam._create_role({"RoleName": [name], "AssumeRolePolicyDocument": [document]})
        iam._attach_role_policy({"RoleName": [name], "PolicyArn": [_ADMINISTRATOR_ACCESS]})


def set_state(account_id: str, state: str) -> None:
    """Set the State of an account."""
    with _organization():
        organizations._accounts[account_id]["Status"] = state


def set_feature_set(feature_set: str) -> None:
    """Set the feature set: ALL or CONSOLIDATED_BILLING."""
    with _organization():
        organizations._orgs["self"]["FeatureSet"] = feature_set


def throttle(calls: int) -> None:
    """Make the next calls fail with TooManyRequestsException."""
    _STATE.throttled_calls = calls


def enforce_quotas(speed: float) -> None:
    """Throttle at AWS's published rates, multiplied by ``speed``."""
    _STATE.throttle = Throttle(QUOTAS, speed=speed)


def remove_members() -> None:
    """Restore the new organization with the same ID; IDs of removed accounts are not reused."""
    with _organization():
        for account_id in {*organizations._accounts} - {MANAGEMENT_ACCOUNT}:
            del organizations._accounts[account_id]
        organizations._ous.clear()
        organizations._tags.clear()
    set_feature_set("ALL")
    vars(_STATE).update(vars(_State(created_accounts=_STATE.created_accounts)))


@patches.around("ministack.services.organizations.reset")
def reset(original: Any) -> None:
    """Restore the initial state with a new organization ID."""
    original()
    vars(_STATE).update(vars(_State()))


@patches.around("ministack.services.organizations.handle_request")
async def handle_request(original: Any, method: str, path: str, headers: Any, body: bytes, query: Any) -> Response:
    """Check the caller and the request, then call ministack on the management account's organization."""
    operation = headers.get("x-amz-target", "").rpartition(".")[2]
    caller = get_account_id()
    if _STATE.throttled_calls:
        _STATE.throttled_calls -= 1
        return respond_with_error("TooManyRequestsException", _BUSY)
    if not _STATE.throttle.take(caller, operation):
        return respond_with_error("TooManyRequestsException", _BUSY)
    if operation != "CreateOrganization" and operation not in organizations._DISPATCH:
        return respond_with_error(
            "UnknownOperationException", f"The emulation does not have organizations:{operation}."
        )
    parameters = json.loads(body or b"{}")
    if operation == "CreateOrganization":
        return _create_organization(parameters)
    if not _STATE.exists or not is_member(caller):
        return respond_with_error(
            "AWSOrganizationsNotInUseException", "Your account is not a member of an organization."
        )
    if caller != MANAGEMENT_ACCOUNT and operation != "DescribeOrganization":
        return respond_with_error("AccessDeniedException", "You don't have permissions to access this resource.")
    violation = _violation(operation, parameters)
    if violation:
        return violation
    with _organization():
        parent = parameters.get("ParentId")
        if parent and parent not in organizations._ous and parent not in organizations._roots:
            return respond_with_error(
                "ParentNotFoundException", f"We can't find a root or OU with the ParentId {parent}."
            )
        response: Response = await original(method, path, headers, body, query)
        return _first_items(operation, parameters, response)


@patches.around("ministack.services.organizations._public_account")
def public_account(original: Any, record: dict[str, Any]) -> dict[str, Any]:
    """Return an account as in AWS's responses; ministack's `Status` has the State, which has more values."""
    account: dict[str, Any] = original(record)
    state = account.pop("Status")
    del account["Path"]
    added = {"State": state, "Paths": [_path(record)]}
    return {**account, **added, **({"Status": state} if state in _STATES_WITH_STATUS else {})}


@patches.adds(_DISPATCH, "ListAccounts")
def list_accounts(parameters: Parameters) -> Response:
    """Return one page of all accounts."""
    # Not `values()`, which looks through the accounts of all callers: an organization may have 100,000.
    return _page("Accounts", list(organizations._accounts._data.values()), parameters)


@patches.adds(_DISPATCH, "ListAccountsForParent")
def list_accounts_for_parent(parameters: Parameters) -> Response:
    """Return one page of the accounts in an OU or root."""
    parent = parameters["ParentId"]
    accounts = [account for account in organizations._accounts._data.values() if account["_ParentId"] == parent]
    return _page("Accounts", accounts, parameters)


@patches.around(_DISPATCH, "CreateAccount")
def create_account(original: Any, parameters: Parameters) -> Response:
    """Create the account with its access role, and emit CreateAccountResult."""
    response: Response = original(parameters)
    if response[0] == 200:
        status = json.loads(response[2])["CreateAccountStatus"]
        _STATE.missing_roles[status["AccountId"]] = parameters.get("RoleName", _ACCESS_ROLE)
        _publish_account_result(status)
    return response


@patches.around(_DISPATCH, "MoveAccount")
def move_account(original: Any, parameters: Parameters) -> Response:
    """Move an account from the parent that it is in, and emit MoveAccount."""
    account = organizations._accounts.get(parameters["AccountId"])
    source = parameters["SourceParentId"]
    if account and account["_ParentId"] != source:
        message = f"We can't find a parent with the ParentId {source}."
        response = respond_with_error("SourceParentNotFoundException", message)
    else:
        response = original(parameters)
    _publish_move(parameters, response)
    return response


@patches.adds(_DISPATCH, "RemoveAccountFromOrganization")
def remove_account(parameters: Parameters) -> Response:
    """Remove a member."""
    account_id = parameters["AccountId"]
    if account_id == MANAGEMENT_ACCOUNT:
        return respond_with_error("MasterCannotLeaveOrganizationException", "The management account cannot leave.")
    if organizations._accounts.pop(account_id, None) is None:
        return respond_with_error("AccountNotFoundException", "You specified an account that doesn't exist.")
    return respond({})


@patches.adds(_DISPATCH, "DeleteOrganization")
def delete_organization(_: Parameters) -> Response:
    """Delete an organization without members."""
    if len(organizations._accounts) > 1:
        return respond_with_error(
            "OrganizationNotEmptyException", "To delete an organization, first remove its accounts."
        )
    _STATE.exists = False
    return respond({})


@patches.adds(_DISPATCH, "EnableAWSServiceAccess")
def enable_service_access(parameters: Parameters) -> Response:
    """Enable trusted access for an AWS service."""
    principal = parameters["ServicePrincipal"]
    if organizations._orgs["self"]["FeatureSet"] != "ALL":
        reason = {"Reason": "ORGANIZATION_NOT_IN_ALL_FEATURES_MODE"}
        return respond_with_error(
            "ConstraintViolationException", "The organization must have all features enabled.", reason
        )
    if not re.fullmatch(r"[\w.-]+\.amazonaws\.com", principal):
        return _invalid("UNRECOGNIZED_SERVICE_PRINCIPAL", "ServicePrincipal")
    _STATE.trusted_since.setdefault(principal, time.time())
    return respond({})


@patches.adds(_DISPATCH, "DisableAWSServiceAccess")
def disable_service_access(parameters: Parameters) -> Response:
    """Disable trusted access for an AWS service."""
    _STATE.trusted_since.pop(parameters["ServicePrincipal"], None)
    return respond({})


@patches.adds(_DISPATCH, "RegisterDelegatedAdministrator")
def register_delegated_administrator(parameters: Parameters) -> Response:
    """Make a member the delegated administrator of an AWS service."""
    account_id, principal = parameters["AccountId"], parameters["ServicePrincipal"]
    administrator = _STATE.delegated_administrators.get(principal)
    if organizations._accounts.get(account_id) is None:
        return respond_with_error("AccountNotFoundException", "You specified an account that doesn't exist.")
    if administrator == account_id:
        return respond_with_error(
            "AccountAlreadyRegisteredException", "The account is already a delegated administrator."
        )
    reason = ""
    if account_id == MANAGEMENT_ACCOUNT:
        reason = "CANNOT_REGISTER_MASTER_AS_DELEGATED_ADMINISTRATOR"
    elif principal not in _STATE.trusted_since:
        reason = "SERVICE_ACCESS_NOT_ENABLED"
    elif administrator:
        reason = "MAX_DELEGATED_ADMINISTRATORS_FOR_SERVICE_LIMIT_EXCEEDED"
    if reason:
        return respond_with_error(
            "ConstraintViolationException", "The account cannot be registered.", {"Reason": reason}
        )
    _STATE.delegated_administrators[principal] = account_id
    return respond({})


@patches.adds(_DISPATCH, "DeregisterDelegatedAdministrator")
def deregister_delegated_administrator(parameters: Parameters) -> Response:
    """Make the delegated administrator of an AWS service a member like all others."""
    account_id, principal = parameters["AccountId"], parameters["ServicePrincipal"]
    if _STATE.delegated_administrators.get(principal) != account_id:
        return respond_with_error("AccountNotRegisteredException", "The account is not a delegated administrator.")
    del _STATE.delegated_administrators[principal]
    return respond({})


@patches.adds(_DISPATCH, "ListAWSServiceAccessForOrganization")
def list_service_access(_: Parameters) -> Response:
    """List the services with trusted access."""
    enabled = [{"ServicePrincipal": name, "DateEnabled": since} for name, since in _STATE.trusted_since.items()]
    return respond({"EnabledServicePrincipals": enabled})


def _page(key: str, items: list[Any], parameters: Parameters) -> Response:
    """Return one page of a list operation, whose response has the items under this key."""
    try:
        found, token = page(items, parameters.get("MaxResults", _PAGE), parameters.get("NextToken"))
    except InvalidTokenError:
        return _invalid("INVALID_NEXT_TOKEN", "NextToken")
    shown = [organizations._public_account(item) for item in found] if key == "Accounts" else found
    return respond({key: shown, **({"NextToken": token} if token else {})})


def _first_items(operation: str, parameters: Parameters, response: Response) -> Response:
    """Divide the response of a list operation of ministack, which has all items, into pages."""
    key = _model("paginators-1")["pagination"].get(operation, {}).get("result_key")
    if response[0] != 200 or not key or key == "Accounts":
        return response
    return _page(key, json.loads(response[2])[key], parameters)


def _violation(operation: str, parameters: Parameters) -> Response | None:
    """Check the parameters against the API model."""
    model = _model("service-2")
    shape = model["shapes"].get(model["operations"][operation].get("input", {}).get("shape"), {"members": {}})
    for name in shape.get("required", ()):
        if parameters.get(name) is None:
            return _invalid("INPUT_REQUIRED", name)
    for name, value in parameters.items():
        member = model["shapes"].get(shape["members"].get(name, {}).get("shape"), {})
        amount = len(value) if isinstance(value, str) else value
        if member.get("type") not in ("string", "integer"):
            continue
        limited = "LENGTH" if member["type"] == "string" else "VALUE"
        if amount > member.get("max", amount):
            return _invalid(f"MAX_{limited}_EXCEEDED", name)
        if amount < member.get("min", amount):
            return _invalid(f"MIN_{limited}_EXCEEDED", name)
        if "enum" in member and value not in member["enum"]:
            return _invalid("INVALID_ENUM", name)
        # Python has no \p classes; the model uses them for tags only.
        pattern = member.get("pattern", "")
        if pattern and "\\p" not in pattern and not re.fullmatch(pattern, str(value)):
            return _invalid("INVALID_PATTERN", name)
    return None


@cache
def _model(name: str) -> Any:
    return Loader().load_service_model("organizations", name)


def _create_organization(parameters: Parameters) -> Response:
    if _STATE.exists:
        return respond_with_error(
            "AlreadyInOrganizationException", "The account is already a member of an organization."
        )
    _STATE.exists = True
    remove_members()
    set_feature_set(parameters.get("FeatureSet", "ALL"))
    with _organization():
        return respond({"Organization": organizations._orgs["self"]})


def _new_account(root: str, joined: str) -> dict[str, Any]:
    _STATE.created_accounts += 1
    account_id = str(100_000_000_000 + _STATE.created_accounts)
    return {
        "Id": account_id,
        "Arn": f"arn:aws:organizations::{MANAGEMENT_ACCOUNT}:account/{organization_id()}/{account_id}",
        "Email": f"account+{account_id}@example.com",
        "Name": f"Account {_STATE.created_accounts}",
        "Status": "ACTIVE",
        "JoinedMethod": joined,
        "JoinedTimestamp": int(time.time()),
        "Path": "/",
        "_ParentId": root,
    }


def _path(record: Mapping[str, Any]) -> str:
    """Return the account's place in the organization: `o-.../r-.../ou-.../123456789012/`."""
    parts = [str(record["Id"])]
    parent = record["_ParentId"]
    while parent in organizations._ous:
        parts.append(parent)
        parent = organizations._ous[parent]["_ParentId"]
    return "/".join([organization_id(), parent, *reversed(parts), ""])


def _publish_account_result(status: Mapping[str, Any]) -> None:
    """Emit CreateAccountResult as captured in github.com/mbruntink/cdk-alternate-contacts, lambda/update-contacts."""
    now = datetime.now(UTC)
    timestamp = f"{now:%b} {now.day}, {now.year} {now:%I:%M:%S %p}"
    created = {
        "id": status["Id"],
        "state": status["State"],
        "accountName": "****",
        "accountId": status["AccountId"],
        "requestedTimestamp": timestamp,
        "completedTimestamp": timestamp,
    }
    detail = cloudtrail_detail(
        "CreateAccountResult",
        "AwsServiceEvent",
        userIdentity={"accountId": MANAGEMENT_ACCOUNT, "invokedBy": "AWS Internal"},
        sourceIPAddress="AWS Internal",
        userAgent="AWS Internal",
        serviceEventDetails={"createAccountStatus": created},
    )
    emit("aws.organizations", "AWS Service Event via CloudTrail", detail)


def _publish_move(parameters: Parameters, response: Response) -> None:
    """Emit MoveAccount with the fields of the captured events, and the error of a failed call."""
    error = {}
    if response[0] != 200:
        body = json.loads(response[2])
        error = {"errorCode": body["__type"].rpartition("#")[2], "errorMessage": body.get("message", "")}
    detail = cloudtrail_detail(
        "MoveAccount",
        "AwsApiCall",
        userIdentity=user_identity(),
        sourceIPAddress="127.0.0.1",
        userAgent="aws-sdk",
        requestParameters={f"{name[0].lower()}{name[1:]}": value for name, value in parameters.items()},
        requestID=new_uuid(),
        **error,
    )
    emit("aws.organizations", "AWS API Call via CloudTrail", detail)


@contextmanager
def _organization() -> Iterator[None]:
    """Use the management account's organization for any caller and region."""
    with request_scope(MANAGEMENT_ACCOUNT, "us-east-1"):
        organizations._ensure_org()
        yield


def respond(body: Mapping[str, Any]) -> Response:
    """Return a successful response."""
    response: Response = organizations._json(200, body)
    return response


def respond_with_error(code: str, message: str, more: Mapping[str, str] | None = None) -> Response:
    """Return an error of Organizations; ``more`` has fields such as ``Reason``."""
    response: Response = error_response_json(code, message, 400, more, message_key="Message")
    return response


def _invalid(reason: str, parameter: str) -> Response:
    # The reasons are those of the API model; AWS's texts differ per reason.
    message = f"You provided an invalid value for the parameter {parameter}."
    return respond_with_error("InvalidInputException", message, {"Reason": reason})
