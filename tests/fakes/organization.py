"""An organization whose accounts have contacts, as the operator's command reads it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tests.fakes.cli import PARAMETERS, STACK
from tests.fakes.contact_data import api_contact
from tests.fakes.wire import FakeWire, HttpResponse, error_response

FAST = replace(STACK, parameters={**PARAMETERS, "GetRate": "9999"})
OWN = STACK.account_id
MEMBERS = [f"{number:012}" for number in range(1, 6)]
DRIFTED = api_contact(7000)


PATH = "/teams/contacts"
CONFIGURED = replace(
    FAST,
    parameters={**FAST.parameters, "ContactsPath": PATH},
    outputs={**FAST.outputs, "ChangeQueueUrl": FAST.queue_url("AccountQueue").replace("AccountQueue", "ChangeQueue")},
)
"""A stack with a contact configuration."""
ROOT = "r-ab12"


def desired(contact_type: str) -> dict[str, str]:
    """Return the contact of the stack as the account API does."""
    return {field: PARAMETERS[f"{contact_type.title()}{field}"] for field in DRIFTED}


def parameter_page(parameters: Mapping[str, object]) -> HttpResponse:
    """Return the response to GetParametersByPath of `PATH`. A value that is no text is JSON; versions count from 1."""
    page = [
        {
            "Name": f"{PATH}/{name}",
            "Type": "String",
            "Value": value if isinstance(value, str) else json.dumps(value),
            "Version": version,
        }
        for version, (name, value) in enumerate(parameters.items(), 1)
    ]
    return HttpResponse(body={"Parameters": page})


@dataclass
class FakeAws:
    """An organization whose accounts have the contacts of the stack, except for ``contacts`` and ``errors``."""

    wire: FakeWire
    accounts: list[dict[str, Any]] = field(
        default_factory=lambda: [{"Id": id_, "Name": f"Account {id_}", "State": "ACTIVE"} for id_ in [OWN, *MEMBERS]]
    )
    contacts: dict[tuple[str, str], dict[str, str] | None] = field(default_factory=dict)
    """By account and contact type; None: the account has no contact."""
    errors: dict[str, HttpResponse] = field(default_factory=dict)
    """By account."""
    units: dict[str, str] = field(default_factory=dict)
    """Names of OUs by ID."""

    def __post_init__(self) -> None:
        self.wire.respond("DescribeOrganization", HttpResponse(body={"Organization": {"Id": "o-exampleorg1"}}))
        self.wire.respond("ListAccounts", lambda _: HttpResponse(body={"Accounts": self.accounts}))
        self.wire.respond("DescribeAccount", lambda request: self._describe(request["AccountId"]))
        self.wire.respond("DescribeOrganizationalUnit", lambda request: self._unit(request["OrganizationalUnitId"]))
        self.wire.respond("ListParents", HttpResponse(body={"Parents": [{"Id": ROOT, "Type": "ROOT"}]}))
        self.wire.respond("ListAWSServiceAccessForOrganization", HttpResponse(body={"EnabledServicePrincipals": []}))
        self.wire.respond("GetAlternateContact", self._get)

    def configure(self, parameters: Mapping[str, object]) -> None:
        """Set the parameters below `PATH`."""
        self.wire.respond("GetParametersByPath", parameter_page(parameters))

    def move(self, account_id: str, *units: str) -> None:
        """Put an account into the last of these OUs, each of which is in the one before."""
        account = next(account for account in self.accounts if account["Id"] == account_id)
        account["Paths"] = ["/".join(("o-exampleorg1", ROOT, *units, account_id, ""))]
        self.units |= {unit: f"Unit {unit[-1]}" for unit in units}

    def read(self) -> set[str]:
        """The accounts whose contacts were read."""
        return {request.get("AccountId", OWN) for request in self.wire.requests_of("GetAlternateContact")}

    def _describe(self, account_id: str) -> HttpResponse:
        for account in self.accounts:
            if account["Id"] == account_id:
                return HttpResponse(body={"Account": account})
        return error_response("AccountNotFoundException", 400)

    def _unit(self, unit_id: str) -> HttpResponse:
        if unit_id not in self.units:
            return error_response("OrganizationalUnitNotFoundException", 400)
        return HttpResponse(body={"OrganizationalUnit": {"Id": unit_id, "Name": self.units[unit_id]}})

    def _get(self, request: dict[str, Any]) -> HttpResponse:
        account, contact_type = request.get("AccountId", OWN), request["AlternateContactType"]
        if account in self.errors:
            return self.errors[account]
        contact = self.contacts.get((account, contact_type), desired(contact_type))
        if contact is None:
            return error_response("ResourceNotFoundException", 404)
        return HttpResponse(body={"AlternateContact": {"AlternateContactType": contact_type, **contact}})
