"""The organization: pages, trusted access, the life of accounts, and who may ask.

AWS (botocore model `organizations` 2016-11-28 and the Organizations API reference):

* The lists of accounts come in pages of at most 20, and a page may be empty and still have a next one. An account has
  `State`, the older `Status` (which has no word for PENDING_ACTIVATION and CLOSED) and `Paths`.
* Trusted access is off until somebody enables it, which needs an organization with all features. It is eventually
  consistent: for a minute or so the service that was let in is still refused.
* Before CreateOrganization every call fails with AWSOrganizationsNotInUseException. The management account may do
  everything, a member only DescribeOrganization.
* A finished CreateAccount is an event in us-east-1 (the shape is that of a captured one).

ministack lists everything on one page, knows neither trusted access nor `State`, cannot delete its organization, makes
each account the head of one of its own, and tells EventBridge nothing. It starts with an organization, and so does the
emulation: that is what everybody wants of it.
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
    """What ministack has no place for."""

    exists: bool = True
    trusted_since: dict[str, float] = field(default_factory=dict)
    throttled_calls: int = 0
    accounts_made: int = 0


_STATE = _State()


@dataclass(frozen=True)
class MembershipView:
    """The organization as the account API sees it (`emulation.account_api.Organization`).

    That is later than Organizations itself does: trusted access takes ``settling`` seconds to be known there.
    """

    settling: float
    management_account_id: str = MANAGEMENT_ACCOUNT

    def account_state(self, account_id: str) -> str | None:
        """The account's State, or None for one that is not a member."""
        return _state_of(account_id)

    def trusted_access(self) -> bool:
        """Whether the organization lets the account API in."""
        since = _STATE.trusted_since.get("account.amazonaws.com")
        return since is not None and time.time() - since >= self.settling


def _state_of(account_id: str) -> str | None:
    with _organization():
        account = organizations._accounts.get(account_id)
    return str(account["Status"]) if _STATE.exists and account else None


def identifier() -> str:
    """The organization's `o-...`."""
    with _organization():
        return str(organizations._orgs["self"]["Id"])


# What AWS has no API for: the control door opens onto these.


def create_accounts(count: int, suspended: int = 0) -> list[str]:
    """Add accounts without the ceremony (and the event) of CreateAccount; the last ones are suspended."""
    with _organization():
        root = next(iter(organizations._roots))
        accounts = [_new_account(root) for _ in range(count)]
        for account in accounts[count - suspended :]:
            account["Status"] = "SUSPENDED"
        organizations._accounts.update({account["Id"]: account for account in accounts})
    return [account["Id"] for account in accounts]


def set_state(account_id: str, state: str) -> None:
    """Put an account into any State."""
    with _organization():
        organizations._accounts[account_id]["Status"] = state


def set_feature_set(feature_set: str) -> None:
    """Make it an organization with ALL features or CONSOLIDATED_BILLING only."""
    with _organization():
        organizations._orgs["self"]["FeatureSet"] = feature_set


def throttle(calls: int) -> None:
    """Let the next calls fail with TooManyRequestsException."""
    _STATE.throttled_calls = calls


def forget_members() -> None:
    """The organization as it was when new, with the same id; those of its former accounts are not used again."""
    with _organization():
        for account_id in {*organizations._accounts} - {MANAGEMENT_ACCOUNT}:
            del organizations._accounts[account_id]
        organizations._ous.clear()
        organizations._tags.clear()
    set_feature_set("ALL")
    vars(_STATE).update(vars(_State(accounts_made=_STATE.accounts_made)))


@patches.around("ministack.services.organizations.reset")
def reset(original: Any) -> None:
    """Forget everything, the organization's id included."""
    original()
    vars(_STATE).update(vars(_State()))


@patches.around("ministack.services.organizations.handle_request")
async def handle_request(original: Any, method: str, path: str, headers: Any, body: bytes, query: Any) -> Response:
    """Answer who may ask, from the one organization there is."""
    called = headers.get("x-amz-target", "").rpartition(".")[2]
    if _STATE.throttled_calls:
        _STATE.throttled_calls -= 1
        return _refused("TooManyRequestsException", "Another request is already in progress. Try again later.")
    caller = get_account_id()
    if called == "CreateOrganization":
        return _create_organization(json.loads(body))
    if not _STATE.exists or (caller != MANAGEMENT_ACCOUNT and _state_of(caller) is None):
        return _refused("AWSOrganizationsNotInUseException", "Your account is not a member of an organization.")
    if caller != MANAGEMENT_ACCOUNT and called != "DescribeOrganization":
        return _refused("AccessDeniedException", "You don't have permissions to access this resource.")
    with _organization():
        response: Response = await original(method, path, headers, body, query)
        return response


@patches.around("ministack.services.organizations._public_account")
def public_account(original: Any, record: dict[str, Any]) -> dict[str, Any]:
    """An account as AWS shows it. ministack's `Status` holds the State, which has more values."""
    account: dict[str, Any] = original(record)
    state = account.pop("Status")
    del account["Path"]
    shown = {"State": state, "Paths": [_path(record)]}
    return {**account, **shown, **({"Status": state} if state in _STATES_WITH_STATUS else {})}


@patches.adds(_DISPATCH, "ListAccounts")
def list_accounts(parameters: Parameters) -> Response:
    """One page of all accounts."""
    return _page(organizations._accounts.values(), parameters)


@patches.adds(_DISPATCH, "ListAccountsForParent")
def list_accounts_for_parent(parameters: Parameters) -> Response:
    """One page of the accounts in a unit or root."""
    parent = parameters["ParentId"]
    return _page(
        [account for account in organizations._accounts.values() if account["_ParentId"] == parent], parameters
    )


@patches.around(_DISPATCH, "CreateAccount")
def create_account(original: Any, parameters: Parameters) -> Response:
    """Create the account and tell EventBridge."""
    response: Response = original(parameters)
    if response[0] == 200:
        _publish_account_result(json.loads(response[2])["CreateAccountStatus"])
    return response


@patches.adds(_DISPATCH, "RemoveAccountFromOrganization")
def remove_account(parameters: Parameters) -> Response:
    """Let a member go."""
    account_id = parameters["AccountId"]
    if account_id == MANAGEMENT_ACCOUNT:
        return _refused("MasterCannotLeaveOrganizationException", "The management account cannot leave.")
    if organizations._accounts.pop(account_id, None) is None:
        return _refused("AccountNotFoundException", "You specified an account that doesn't exist.")
    return _answer({})


@patches.adds(_DISPATCH, "DeleteOrganization")
def delete_organization(_: Parameters) -> Response:
    """End the organization, if nobody is left in it."""
    if len(organizations._accounts) > 1:
        return _refused("OrganizationNotEmptyException", "To delete an organization, first remove its accounts.")
    _STATE.exists = False
    return _answer({})


@patches.adds(_DISPATCH, "EnableAWSServiceAccess")
def enable_service_access(parameters: Parameters) -> Response:
    """Let an AWS service in."""
    principal = parameters["ServicePrincipal"]
    if organizations._orgs["self"]["FeatureSet"] != "ALL":
        reason = {"Reason": "ORGANIZATION_NOT_IN_ALL_FEATURES_MODE"}
        return _refused("ConstraintViolationException", "The organization must have all features enabled.", reason)
    if not re.fullmatch(r"[\w.-]+\.amazonaws\.com", principal):
        reason = {"Reason": "UNRECOGNIZED_SERVICE_PRINCIPAL"}
        return _refused("InvalidInputException", "You specified an unrecognized service principal.", reason)
    _STATE.trusted_since.setdefault(principal, time.time())
    return _answer({})


@patches.adds(_DISPATCH, "DisableAWSServiceAccess")
def disable_service_access(parameters: Parameters) -> Response:
    """Keep an AWS service out."""
    _STATE.trusted_since.pop(parameters["ServicePrincipal"], None)
    return _answer({})


@patches.adds(_DISPATCH, "ListAWSServiceAccessForOrganization")
def list_service_access(_: Parameters) -> Response:
    """The services that were let in."""
    enabled = [{"ServicePrincipal": name, "DateEnabled": since} for name, since in _STATE.trusted_since.items()]
    return _answer({"EnabledServicePrincipals": enabled})


def _page(accounts: list[dict[str, Any]], parameters: Parameters) -> Response:
    size = parameters.get("MaxResults", _PAGE)
    if not 1 <= size <= _PAGE:
        return _refused("InvalidInputException", f"MaxResults must be between 1 and {_PAGE}.")
    start, _, empty = str(parameters.get("NextToken") or "0").partition("-")
    end = int(start) + (0 if empty else size)
    page = [organizations._public_account(account) for account in accounts[int(start) : end]]
    # The page after the first is empty: whoever stops there has missed the rest.
    following = f"{end}-empty" if end == size and not empty else str(end)
    return _answer({"Accounts": page, **({"NextToken": following} if end < len(accounts) else {})})


def _create_organization(parameters: Parameters) -> Response:
    if _STATE.exists:
        return _refused("AlreadyInOrganizationException", "The account is already a member of an organization.")
    _STATE.exists = True
    forget_members()
    set_feature_set(parameters.get("FeatureSet", "ALL"))
    with _organization():
        return _answer({"Organization": organizations._orgs["self"]})


def _new_account(root: str) -> dict[str, Any]:
    _STATE.accounts_made += 1
    account_id = str(100_000_000_000 + _STATE.accounts_made)
    return {
        "Id": account_id,
        "Arn": f"arn:aws:organizations::{MANAGEMENT_ACCOUNT}:account/{identifier()}/{account_id}",
        "Email": f"account+{account_id}@example.com",
        "Name": f"Account {_STATE.accounts_made}",
        "Status": "ACTIVE",
        "JoinedMethod": "CREATED",
        "JoinedTimestamp": int(time.time()),
        "Path": "/",
        "_ParentId": root,
    }


def _path(record: Mapping[str, Any]) -> str:
    """`o-.../r-.../ou-.../123456789012/`: where in the tree an account is."""
    steps = [str(record["Id"])]
    parent = record["_ParentId"]
    while parent in organizations._ous:
        steps.append(parent)
        parent = organizations._ous[parent]["_ParentId"]
    return "/".join([identifier(), parent, *reversed(steps), ""])


def _publish_account_result(status: Mapping[str, Any]) -> None:
    """The event as captured by others, see github.com/mbruntink/cdk-alternate-contacts, lambda/update-contacts."""
    now = datetime.now(UTC)
    moment = f"{now:%b} {now.day}, {now.year} {now:%I:%M:%S %p}"
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
                "requestedTimestamp": moment,
                "completedTimestamp": moment,
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
    """Work on the management account's organization, whoever asks and from whatever region."""
    with request_scope(MANAGEMENT_ACCOUNT, "us-east-1"):
        organizations._ensure_org()
        yield


def _answer(body: Mapping[str, Any]) -> Response:
    response: Response = organizations._json(200, body)
    return response


def _refused(code: str, message: str, more: Mapping[str, str] | None = None) -> Response:
    response: Response = error_response_json(code, message, 400, more, message_key="Message")
    return response
