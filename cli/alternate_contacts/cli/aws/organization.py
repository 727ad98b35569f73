"""The accounts of the organization, each with its organizational unit."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from botocore.config import Config
from botocore.exceptions import ClientError

from alternate_contacts.backfill.aws import pace_calls
from alternate_contacts.backfill.pacing import LIST_ACCOUNTS_RATE, CallRate
from alternate_contacts.cli.terminal.errors import error_code
from alternate_contacts.worker.error_codes import ACCESS_DENIED, THROTTLED, UNAVAILABLE
from alternate_contacts.worker.protocol import ACTIVE, account_state

if TYPE_CHECKING:
    from mypy_boto3_organizations import OrganizationsClient
    from mypy_boto3_organizations.type_defs import AccountTypeDef

RETRIES = Config(retries={"total_max_attempts": 10, "mode": "standard"})
"""Other callers share the rates at which AWS throttles the account."""
UNIT_RATE = CallRate(4, 6)
"""Of ListParents and of DescribeOrganizationalUnit, each. AWS throttles ListParents at 5 a second, burst 8. No rate of
DescribeOrganizationalUnit is known.

https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html#throttling-limits
"""

_ROOT = "Root"
_UNKNOWN = "unknown"

_LEFT = frozenset(
    {
        "AccountNotFoundException",
        "ChildNotFoundException",
        "OrganizationalUnitNotFoundException",
        "ParentNotFoundException",
    }
)
"""An account left the organization, or a unit was deleted, while the accounts are listed."""
_NAME_UNKNOWN = ACCESS_DENIED | THROTTLED | UNAVAILABLE | _LEFT
"""AWS error codes that make a unit unknown. The accounts are still listed."""


@dataclass(frozen=True)
class OrganizationAccount:
    """An account that ListAccounts returned.

    Attributes:
        unit: the names of the root and the units above the account.
        ancestry: the IDs of the account, its unit, the unit's parents, and the root.
    """

    account_id: str
    name: str = ""
    state: str = ACTIVE
    unit: tuple[str, ...] = (_ROOT,)
    ancestry: tuple[str, ...] = ()


class OrganizationTree:
    """AWS Organizations. https://docs.aws.amazon.com/organizations/latest/APIReference/API_Operations.html"""

    def __init__(self, client: "OrganizationsClient") -> None:
        pace_calls(client, "ListAccounts", LIST_ACCOUNTS_RATE)
        pace_calls(client, "ListParents", UNIT_RATE)
        pace_calls(client, "DescribeOrganizationalUnit", UNIT_RATE)
        self._client = client
        self._names: dict[str, str] = {}
        self._paths: dict[str, tuple[str, ...]] = {}

    @cached_property
    def organization_id(self) -> str:
        """``o-…``."""
        return self._client.describe_organization()["Organization"]["Id"]

    def accounts(self) -> Iterator[OrganizationAccount]:
        """Yield every account, page by page."""
        for page in self._client.get_paginator("list_accounts").paginate():
            for account in page["Accounts"]:
                path = self._path(account)
                yield OrganizationAccount(
                    account_id=account["Id"],
                    name=account.get("Name", ""),
                    state=account_state(account),
                    unit=tuple(map(self._name, path)),
                    ancestry=(account["Id"], *reversed(path)),
                )

    def _path(self, account: "AccountTypeDef") -> tuple[str, ...]:
        """Return the IDs of the root and the units above an account, from its ``Paths`` or by ListParents.

        ``unknown`` stands for what is above an account or unit that left, or that these credentials cannot read.
        """
        for path in account.get("Paths") or []:
            # o-.../r-.../ou-.../ou-.../123456789012/
            return tuple(identifier for identifier in path.split("/") if identifier.startswith(("r-", "ou-")))
        return self._path_above(account["Id"])

    def _path_above(self, child: str) -> tuple[str, ...]:
        """Return the IDs of the root and the units above an account or unit, with one ListParents call for each."""
        if child in self._paths:
            return self._paths[child]
        try:
            [parent] = self._client.list_parents(ChildId=child)["Parents"]
        except ClientError as error:
            if error_code(error) not in _NAME_UNKNOWN:
                raise
            return (_UNKNOWN,)
        except ValueError:
            # An account that is leaving has no parent.
            return (_UNKNOWN,)
        path = (*(self._path_above(parent["Id"]) if parent["Type"] != "ROOT" else ()), parent["Id"])
        self._paths[child] = path
        return path

    def _name(self, identifier: str) -> str:
        """Return the name of a root or unit, or its ID if the name cannot be read."""
        if identifier == _UNKNOWN:
            return identifier
        if identifier.startswith("r-"):
            return _ROOT
        if identifier not in self._names:
            try:
                unit = self._client.describe_organizational_unit(OrganizationalUnitId=identifier)["OrganizationalUnit"]
                self._names[identifier] = unit["Name"]
            except ClientError as error:
                if error_code(error) not in _NAME_UNKNOWN:
                    raise
                self._names[identifier] = identifier
        return self._names[identifier]
