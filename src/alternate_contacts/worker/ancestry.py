"""Find the OUs above an account with one call of Organizations, at less than half of its quota."""

import threading
from dataclasses import dataclass
from typing import Protocol

from alternate_contacts.worker.errors import NotInOrganization
from alternate_contacts.worker.paced_api import CallCounter, call_paced
from alternate_contacts.worker.pacing import Pacer

LIST_PARENTS_RATE = 2.25
"""Calls of ListParents per second of all workers together: 45 % of the 5 that Organizations allows an account.

https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html#throttling-limits
"""


@dataclass(frozen=True)
class AccountDescription:
    """An account of the organization.

    Attributes:
        state: such as ``SUSPENDED``; None if it was not read.
        ancestry: the IDs of the account, its OU, the OU's parents and the root; empty if it was not read.
    """

    state: str | None = None
    ancestry: tuple[str, ...] = ()


class AncestrySource(Protocol):
    """What AWS Organizations returns about accounts and OUs. Both methods raise WorkerError."""

    @property
    def describes_ancestry(self) -> bool:
        """Whether `describe_account` returns the ancestry: with an older botocore it does not."""

    def describe_account(self, account_id: str) -> AccountDescription | None:
        """Return None if the account is not in the organization."""

    def get_parent(self, child_id: str) -> str:
        """Return the parent of an account or OU."""


class AncestryReader:
    """Reads where accounts are. Threads may share it.

    It keeps the parents of OUs, because an OU cannot be moved. An account can, so its parent is read every time.
    """

    def __init__(self, organization: AncestrySource, *, descriptions: Pacer, parents: Pacer) -> None:
        """Start without any call; the pacers are those of DescribeAccount and of ListParents."""
        self._organization = organization
        self._descriptions = descriptions
        self._parents = parents
        self._parent_of_ou: dict[str, str] = {}
        self._lock = threading.Lock()

    def read(self, account_id: str, *, deadline: float) -> AccountDescription:
        """Return where the account is.

        Raises:
            NotInOrganization: the account is not in the organization.
            WorkerError: a call failed; OutOfTime if its turn did not come before ``deadline``.
        """
        description = AccountDescription()
        if self._organization.describes_ancestry:
            description = self._describe(account_id, deadline)
        if description.ancestry:
            return description
        return AccountDescription(description.state, self._climb(account_id, deadline))

    def _describe(self, account_id: str, deadline: float) -> AccountDescription:
        description = call_paced(
            self._descriptions,
            "DescribeAccount",
            deadline,
            CallCounter(),
            lambda: self._organization.describe_account(account_id),
        )
        if description is None:
            raise NotInOrganization("AccountNotFoundException", "DescribeAccount")
        return description

    def _climb(self, account_id: str, deadline: float) -> tuple[str, ...]:
        ancestry = [account_id, self._read_parent(account_id, deadline)]
        with self._lock:  # one thread reads an OU, and the others find its parent
            while ancestry[-1].startswith("ou-"):
                ou = ancestry[-1]
                if ou not in self._parent_of_ou:
                    self._parent_of_ou[ou] = self._read_parent(ou, deadline)
                ancestry.append(self._parent_of_ou[ou])
        return tuple(ancestry)

    def _read_parent(self, child_id: str, deadline: float) -> str:
        return call_paced(
            self._parents, "ListParents", deadline, CallCounter(), lambda: self._organization.get_parent(child_id)
        )
