"""The organization's accounts, each with its place in the tree."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from botocore.config import Config
from botocore.exceptions import ClientError

from alternate_contacts.cli.terminal.errors import is_access_denied
from alternate_contacts.worker.protocol import ACTIVE

if TYPE_CHECKING:
    from mypy_boto3_organizations import OrganizationsClient
    from mypy_boto3_organizations.type_defs import AccountTypeDef

PATIENT = Config(retries={"total_max_attempts": 10, "mode": "standard"})
"""Organizations throttles without published numbers, and a large organization has hundreds of pages."""

_ROOT = "Root"
_UNKNOWN = "unknown"


@dataclass(frozen=True)
class OrganizationAccount:
    """An account as ListAccounts tells of it. ``unit`` is its place by names, from the root down."""

    account_id: str
    name: str = ""
    state: str = ACTIVE
    unit: tuple[str, ...] = (_ROOT,)


class OrganizationTree:
    """AWS Organizations. https://docs.aws.amazon.com/organizations/latest/APIReference/API_Operations.html"""

    def __init__(self, client: "OrganizationsClient") -> None:
        self._client = client
        self._names: dict[str, str] = {}
        self._places: dict[str, tuple[str, ...]] = {}

    @cached_property
    def organization_id(self) -> str:
        """``o-…``."""
        return self._client.describe_organization()["Organization"]["Id"]

    def accounts(self) -> Iterator[OrganizationAccount]:
        """Every account, page by page.

        ``State`` is the newer field; a botocore that does not know it still has ``Status``. Where both are absent the
        account counts as ACTIVE, as it does for the backfill.
        """
        for page in self._client.get_paginator("list_accounts").paginate():
            for account in page["Accounts"]:
                yield OrganizationAccount(
                    account_id=account["Id"],
                    name=account.get("Name", ""),
                    state=account.get("State") or account.get("Status") or ACTIVE,
                    unit=tuple(self._name(step) for step in self._place(account)),
                )

    def _place(self, account: "AccountTypeDef") -> tuple[str, ...]:
        """The ids of the root and the units that an account is in, from its path or by asking for parents."""
        for path in account.get("Paths") or []:
            # o-.../r-.../ou-.../ou-.../123456789012/
            return tuple(step for step in path.split("/") if step.startswith(("r-", "ou-")))
        return self._above(account["Id"])

    def _above(self, child: str) -> tuple[str, ...]:
        """What a unit or account is in. An account's place is asked for once, a unit's is remembered."""
        if child in self._places:
            return self._places[child]
        try:
            [parent] = self._client.list_parents(ChildId=child)["Parents"]
        except ClientError as error:
            if not is_access_denied(error):
                raise
            return (_UNKNOWN,)
        place = (*(self._above(parent["Id"]) if parent["Type"] != "ROOT" else ()), parent["Id"])
        self._places[child] = place
        return place

    def _name(self, step: str) -> str:
        """The name of a unit, or its id where we may not know."""
        if step == _UNKNOWN:
            return step
        if step.startswith("r-"):
            return _ROOT
        if step not in self._names:
            try:
                unit = self._client.describe_organizational_unit(OrganizationalUnitId=step)["OrganizationalUnit"]
                self._names[step] = unit["Name"]
            except ClientError as error:
                if not is_access_denied(error):
                    raise
                self._names[step] = step
        return self._names[step]
