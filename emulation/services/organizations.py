"""Organizations: pages, trusted access, the states of accounts, and the callers.

AWS (botocore model `organizations` 2016-11-28 and the Organizations API reference):

* ListAccounts and ListAccountsForParent return pages of at most 20 accounts; an empty page may have a NextToken. An
  account has `State`, the older `Status` (without the values PENDING_ACTIVATION and CLOSED), and `Paths`.
* Trusted access is off at first. To enable it, the organization must have all features. It is eventually consistent:
  for about a minute, calls of the service are still denied.
* Before CreateOrganization, every call fails with AWSOrganizationsNotInUseException. The management account may make
  all calls, a member only DescribeOrganization.
* A completed CreateAccount emits an event in us-east-1 (its shape is that of a captured event).

ministack has a single page, no trusted access, no `State` and no DeleteOrganization; each caller has an organization of
its own; no call emits an event. Like ministack, the emulation starts with an organization.
"""

import json
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ministack.core.responses import error_response_json, get_account_id, new_uuid, request_scope
from ministack.services import eventbridge, organizations

from emulation.services.patching import Patches
from emulation.settings import MANAGEMENT_ACCOUNT

patches = Patches()
_DISPATCH = "ministack.services.organizations._DISPATCH"

Response = tuple[int, dict[str, str], bytes]
Parameters = Mapping[str, Any]

_PAGE = 20
_STATES_WITH_STATUS = ("ACTIVE", "SUSPENDED", "PENDING_CLOSURE")


@dataclass
class _State:
    """State that ministack does not keep."""

    exists: bool = True
    trusted_since: dict[str, float] = field(default_factory=dict)
    throttled_calls: int = 0
    accounts_made: int = 0


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


def _state_of(account_id: str) -> str | None:
    with _organization():
        account = organizations._accounts.get(account_id)
    return str(account["Status"]) if _STATE.exists and account else None


def organization_id() -> str:
    """Return the organization's ID, `o-...`."""
    with _organization():
        return str(organizations._orgs["self"]["Id"])


# The functions of the control API.


def create_accounts(count: int, suspended: int = 0) -> list[str]:
    """Add accounts, the last ones suspended, without the event of CreateAccount."""
    with _organization():
        root = next(iter(organizations._roots))
        accounts = [_new_account(root) for _ in range(count)]
        for account in accounts[count - suspended :]:
            account["Status"] = "SUSPENDED"
        organizations._accounts.update({account["Id"]: account for account in accounts})
    return [account["Id"] for account in accounts]


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


def remove_members() -> None:
    """Restore the new organization with the same ID; IDs of removed accounts are not reused."""
    with _organization():
        for account_id in {*organizations._accounts} - {MANAGEMENT_ACCOUNT}:
            del organizations._accounts[account_id]
        organizations._ous.clear()
        organizations._tags.clear()
    set_feature_set("ALL")
    vars(_STATE).update(vars(_State(accounts_made=_STATE.accounts_made)))


@patches.around("ministack.services.organizations.reset")
def reset(original: Any) -> None:
    """Restore the initial state with a new organization ID."""
    original()
    vars(_STATE).update(vars(_State()))


@patches.around("ministack.services.organizations.handle_request")
async def handle_request(original: Any, method: str, path: str, headers: Any, body: bytes, query: Any) -> Response:
    """Check the caller, then call ministack on the management account's organization."""
    called = headers.get("x-amz-target", "").rpartition(".")[2]
    if _STATE.throttled_calls:
        _STATE.throttled_calls -= 1
        return _error("TooManyRequestsException", "Another request is already in progress. Try again later.")
    caller = get_account_id()
    if called == "CreateOrganization":
        return _create_organization(json.loads(body))
    if not _STATE.exists or (caller != MANAGEMENT_ACCOUNT and _state_of(caller) is None):
        return _error("AWSOrganizationsNotInUseException", "Your account is not a member of an organization.")
    if caller != MANAGEMENT_ACCOUNT and called != "DescribeOrganization":
        return _error("AccessDeniedException", "You don't have permissions to access this resource.")
    with _organization():
        response: Response = await original(method, path, headers, body, query)
        return response


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
    return _page(organizations._accounts.values(), parameters)


@patches.adds(_DISPATCH, "ListAccountsForParent")
def list_accounts_for_parent(parameters: Parameters) -> Response:
    """Return one page of the accounts in an OU or root."""
    parent = parameters["ParentId"]
    return _page(
        [account for account in organizations._accounts.values() if account["_ParentId"] == parent], parameters
    )


@patches.around(_DISPATCH, "CreateAccount")
def create_account(original: Any, parameters: Parameters) -> Response:
    """Create the account and emit CreateAccountResult."""
    response: Response = original(parameters)
    if response[0] == 200:
        _publish_account_result(json.loads(response[2])["CreateAccountStatus"])
    return response


@patches.adds(_DISPATCH, "RemoveAccountFromOrganization")
def remove_account(parameters: Parameters) -> Response:
    """Remove a member."""
    account_id = parameters["AccountId"]
    if account_id == MANAGEMENT_ACCOUNT:
        return _error("MasterCannotLeaveOrganizationException", "The management account cannot leave.")
    if organizations._accounts.pop(account_id, None) is None:
        return _error("AccountNotFoundException", "You specified an account that doesn't exist.")
    return _ok({})


@patches.adds(_DISPATCH, "DeleteOrganization")
def delete_organization(_: Parameters) -> Response:
    """Delete an organization without members."""
    if len(organizations._accounts) > 1:
        return _error("OrganizationNotEmptyException", "To delete an organization, first remove its accounts.")
    _STATE.exists = False
    return _ok({})


@patches.adds(_DISPATCH, "EnableAWSServiceAccess")
def enable_service_access(parameters: Parameters) -> Response:
    """Enable trusted access for an AWS service."""
    principal = parameters["ServicePrincipal"]
    if organizations._orgs["self"]["FeatureSet"] != "ALL":
        reason = {"Reason": "ORGANIZATION_NOT_IN_ALL_FEATURES_MODE"}
        return _error("ConstraintViolationException", "The organization must have all features enabled.", reason)
    if not re.fullmatch(r"[\w.-]+\.amazonaws\.com", principal):
        reason = {"Reason": "UNRECOGNIZED_SERVICE_PRINCIPAL"}
        return _error("InvalidInputException", "You specified an unrecognized service principal.", reason)
    _STATE.trusted_since.setdefault(principal, time.time())
    return _ok({})


@patches.adds(_DISPATCH, "DisableAWSServiceAccess")
def disable_service_access(parameters: Parameters) -> Response:
    """Disable trusted access for an AWS service."""
    _STATE.trusted_since.pop(parameters["ServicePrincipal"], None)
    return _ok({})


@patches.adds(_DISPATCH, "ListAWSServiceAccessForOrganization")
def list_service_access(_: Parameters) -> Response:
    """List the services with trusted access."""
    enabled = [{"ServicePrincipal": name, "DateEnabled": since} for name, since in _STATE.trusted_since.items()]
    return _ok({"EnabledServicePrincipals": enabled})


def _page(accounts: list[dict[str, Any]], parameters: Parameters) -> Response:
    size = parameters.get("MaxResults", _PAGE)
    if not 1 <= size <= _PAGE:
        return _error("InvalidInputException", f"MaxResults must be between 1 and {_PAGE}.")
    start, _, empty = str(parameters.get("NextToken") or "0").partition("-")
    end = int(start) + (0 if empty else size)
    page = [organizations._public_account(account) for account in accounts[int(start) : end]]
    # The page after the first is empty, so that a client that stops there loses accounts.
    next_token = f"{end}-empty" if end == size and not empty else str(end)
    return _ok({"Accounts": page, **({"NextToken": next_token} if end < len(accounts) else {})})


def _create_organization(parameters: Parameters) -> Response:
    if _STATE.exists:
        return _error("AlreadyInOrganizationException", "The account is already a member of an organization.")
    _STATE.exists = True
    remove_members()
    set_feature_set(parameters.get("FeatureSet", "ALL"))
    with _organization():
        return _ok({"Organization": organizations._orgs["self"]})


def _new_account(root: str) -> dict[str, Any]:
    _STATE.accounts_made += 1
    account_id = str(100_000_000_000 + _STATE.accounts_made)
    return {
        "Id": account_id,
        "Arn": f"arn:aws:organizations::{MANAGEMENT_ACCOUNT}:account/{organization_id()}/{account_id}",
        "Email": f"account+{account_id}@example.com",
        "Name": f"Account {_STATE.accounts_made}",
        "Status": "ACTIVE",
        "JoinedMethod": "CREATED",
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
    detail = {
        "eventVersion": "1.08",
        "userIdentity": {"accountId": MANAGEMENT_ACCOUNT, "invokedBy": "AWS Internal"},
        "eventTime": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        "eventSource": "organizations.amazonaws.com",
        "eventName": "CreateAccountResult",
        "awsRegion": "us-east-1",
        "sourceIPAddress": "AWS Internal",
        "userAgent": "AWS Internal",
        "requestParameters": None,
        "responseElements": None,
        "eventID": new_uuid(),
        "readOnly": False,
        "eventType": "AwsServiceEvent",
        "managementEvent": True,
        "recipientAccountId": MANAGEMENT_ACCOUNT,
        "serviceEventDetails": {
            "createAccountStatus": {
                "id": status["Id"],
                "state": status["State"],
                "accountName": "****",
                "accountId": status["AccountId"],
                "requestedTimestamp": timestamp,
                "completedTimestamp": timestamp,
            }
        },
        "eventCategory": "Management",
    }
    entry = {
        "Source": "aws.organizations",
        "DetailType": "AWS Service Event via CloudTrail",
        "Detail": json.dumps(detail),
    }
    eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)


@contextmanager
def _organization() -> Iterator[None]:
    """Use the management account's organization for any caller and region."""
    with request_scope(MANAGEMENT_ACCOUNT, "us-east-1"):
        organizations._ensure_org()
        yield


def _ok(body: Mapping[str, Any]) -> Response:
    response: Response = organizations._json(200, body)
    return response


def _error(code: str, message: str, more: Mapping[str, str] | None = None) -> Response:
    response: Response = error_response_json(code, message, 400, more, message_key="Message")
    return response
