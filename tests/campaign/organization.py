"""The organization with its contact configuration, as Organizations and Parameter Store return them.

`Organization.desired` is the model of what each account's contacts should be. It shares no code with the worker.
"""

import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from emulation.quotas import Quota, Throttle
from tests.campaign.virtual_time import VirtualTime
from tests.fakes.wire import HttpResponse, error_response

MANAGEMENT_ACCOUNT = "000000000000"
ROOT = "r-camp"
ACTIVE = "ACTIVE"
CONTACT_TYPES = ("BILLING", "OPERATIONS", "SECURITY")
CONTACTS_PATH = "/campaign/contacts"
SERVICE_PRINCIPAL = "account.amazonaws.com"

Contact = Mapping[str, str]
"""The fields of a contact as the account API names them, such as ``EmailAddress``."""

_PAGE = 20
_PARAMETERS_PAGE = 10
_QUOTAS = {"ListAccounts": Quota(8, 12), "DescribeAccount": Quota(20, 30), "ListParents": Quota(5, 8)}
"""https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html#throttling-limits"""


@dataclass
class Account:
    """A member: its state and its parent."""

    state: str
    parent: str


@dataclass
class Configuration:
    """The contact configuration, as an operator writes it."""

    version: str | None = "1"
    sets: dict[str, Contact | str] = field(default_factory=dict)
    """A contact, or the text of an invalid parameter."""
    targets: dict[str, dict[str, Any] | str] = field(default_factory=dict)
    """By ID: the choices and ``exclude``, or the text of an invalid parameter."""

    def parameters(self) -> list[tuple[str, str]]:
        """Return name and value of every parameter."""
        pairs = [] if self.version is None else [("version", self.version)]
        pairs += [
            (f"sets/{name}", value if isinstance(value, str) else json.dumps(_as_set(value)))
            for name, value in self.sets.items()
        ]
        pairs += [
            (f"targets/{target_id}", value if isinstance(value, str) else json.dumps(value))
            for target_id, value in self.targets.items()
        ]
        return [(f"{CONTACTS_PATH}/{name}", value) for name, value in pairs]


def _as_set(contact: Contact) -> dict[str, str]:
    return {name[0].lower() + name[1:]: value for name, value in contact.items()}


@dataclass(frozen=True)
class Desired:
    """What an account should have.

    Attributes:
        excluded: the account is skipped.
        contacts: by contact type; a type without a contact is left as it is.
        unknown: contact types that the configuration does not determine, because it is invalid.
    """

    excluded: bool = False
    contacts: Mapping[str, Contact] = field(default_factory=dict)
    unknown: frozenset[str] = frozenset()


class Organization:
    """Accounts below OUs. Implements `emulation.account_api.Membership`."""

    management_account_id = MANAGEMENT_ACCOUNT

    def __init__(self, time: VirtualTime, stack_contacts: Mapping[str, Contact], *, dice: Random) -> None:
        self.accounts: dict[str, Account] = {MANAGEMENT_ACCOUNT: Account(ACTIVE, ROOT)}
        self.parents: dict[str, str] = {}
        """The parent of every OU."""
        self.configuration = Configuration()
        self.trusted_access = False
        self.listed_as_inactive: set[str] = set()
        """Accounts that ListAccounts returned with another state than ACTIVE: the backfill counts them as skipped."""
        self._stack_contacts = stack_contacts
        self._dice = dice
        self._tokens = itertools.count()
        self._throttle = Throttle(_QUOTAS, clock=time.monotonic)

    def account_state(self, account_id: str) -> str | None:
        account = self.accounts.get(account_id)
        return account.state if account else None

    def has_trusted_access(self) -> bool:
        return self.trusted_access

    def is_delegated_administrator(self, _account_id: str) -> bool:
        return False

    def ancestry(self, account_id: str) -> list[str]:
        """Return the IDs from the account to the root."""
        ancestry = [account_id, self.accounts[account_id].parent]
        while ancestry[-1] != ROOT:
            ancestry.append(self.parents[ancestry[-1]])
        return ancestry

    def desired(self, account_id: str) -> Desired:
        """Return what the account should have now."""
        configured = self.configuration.targets
        targets = [configured[resource_id] for resource_id in self.ancestry(account_id) if resource_id in configured]
        if self.configuration.version != "1":
            return Desired(unknown=frozenset(CONTACT_TYPES))
        for target in targets:
            if isinstance(target, str):
                return Desired(unknown=frozenset(CONTACT_TYPES))
            if "exclude" in target:
                if target["exclude"]:
                    return Desired(excluded=True)
                break
        contacts, unknown = {}, set()
        for contact_type in CONTACT_TYPES:
            contact = self._choose(contact_type, targets)
            if isinstance(contact, str):
                unknown.add(contact_type)
            elif contact is not None:
                contacts[contact_type] = contact
        return Desired(contacts=contacts, unknown=frozenset(unknown))

    def _choose(self, contact_type: str, targets: list[dict[str, Any] | str]) -> Contact | str | None:
        """Return the contact, None to leave it as it is, or a text if the configuration is invalid."""
        for target in targets:
            if isinstance(target, str):
                return "invalid target"
            choice = target.get(contact_type.lower())
            if choice == "ignore":
                return None
            if choice == "default":
                break
            if choice is not None:
                return self.configuration.sets.get(choice, "unknown set")
        return self._stack_contacts[contact_type]

    def respond(self, operation: str, parameters: Mapping[str, Any]) -> HttpResponse:
        """Return the response to a call of Organizations or Parameter Store, without injected faults."""
        if not self._throttle.take(MANAGEMENT_ACCOUNT, operation):
            return error_response("TooManyRequestsException", 400)
        responses = {
            "DescribeOrganization": self._describe_organization,
            "ListAWSServiceAccessForOrganization": self._list_service_access,
            "EnableAWSServiceAccess": self._enable_service_access,
            "ListAccounts": self._list_accounts,
            "DescribeAccount": self._describe_account,
            "ListParents": self._list_parents,
            "GetParametersByPath": self._get_parameters,
        }
        return responses[operation](parameters)

    def _describe_organization(self, _: Mapping[str, Any]) -> HttpResponse:
        return HttpResponse(
            body={"Organization": {"MasterAccountId": MANAGEMENT_ACCOUNT, "FeatureSet": "ALL", "Id": "o-campaign00"}}
        )

    def _list_service_access(self, _: Mapping[str, Any]) -> HttpResponse:
        enabled = [{"ServicePrincipal": SERVICE_PRINCIPAL}] if self.trusted_access else []
        return HttpResponse(body={"EnabledServicePrincipals": enabled})

    def _enable_service_access(self, parameters: Mapping[str, Any]) -> HttpResponse:
        self.trusted_access = self.trusted_access or parameters["ServicePrincipal"] == SERVICE_PRINCIPAL
        return HttpResponse()

    def _list_accounts(self, parameters: Mapping[str, Any]) -> HttpResponse:
        """Return a page. It may be empty and still have a next one. Every token is another one, as botocore demands."""
        start = parameters.get("NextToken", "").partition(" ")[0]
        ids = sorted(account_id for account_id in self.accounts if account_id >= start)
        size = 0 if self._dice.random() < 0.05 else _PAGE
        self.listed_as_inactive.update(
            account_id for account_id in ids[:size] if self.accounts[account_id].state != ACTIVE
        )
        body: dict[str, Any] = {"Accounts": [self._describe(account_id) for account_id in ids[:size]]}
        return HttpResponse(body=body | ({"NextToken": f"{ids[size]} {next(self._tokens)}"} if len(ids) > size else {}))

    def _describe_account(self, parameters: Mapping[str, Any]) -> HttpResponse:
        account_id = parameters["AccountId"]
        if account_id not in self.accounts:
            return error_response("AccountNotFoundException", 400)
        return HttpResponse(body={"Account": self._describe(account_id)})

    def _list_parents(self, parameters: Mapping[str, Any]) -> HttpResponse:
        child = parameters["ChildId"]
        parent = self.accounts[child].parent if child in self.accounts else self.parents.get(child)
        if parent is None:
            return error_response("ChildNotFoundException", 400)
        return HttpResponse(body={"Parents": [{"Id": parent, "Type": "ROOT" if parent == ROOT else "OU"}]})

    def _get_parameters(self, parameters: Mapping[str, Any]) -> HttpResponse:
        start = int(parameters.get("NextToken", "0"))
        pairs = self.configuration.parameters()
        page = [{"Name": name, "Type": "String", "Value": value} for name, value in pairs]
        end = start + _PARAMETERS_PAGE
        body: dict[str, Any] = {"Parameters": page[start:end]}
        return HttpResponse(body=body | ({"NextToken": str(end)} if len(page) > end else {}))

    def _describe(self, account_id: str) -> dict[str, Any]:
        path = "/".join(["o-campaign00", *reversed(self.ancestry(account_id))])
        # `Status` has fewer values than `State`.
        state = self.accounts[account_id].state
        status = state if state in ("ACTIVE", "SUSPENDED", "PENDING_CLOSURE") else "SUSPENDED"
        return {"Id": account_id, "State": state, "Status": status, "Paths": [f"{path}/"]}
