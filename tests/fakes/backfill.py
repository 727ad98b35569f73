"""What the backfill calls: AWS Organizations, GetAlternateContact, and AccountQueue."""

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from alternate_contacts.backfill.enqueue import ListedAccount
from alternate_contacts.backfill.preflight import OrganizationDescription
from alternate_contacts.backfill.protocol import ACTIVE

MANAGEMENT_ACCOUNT = "000000000000"
ORGANIZATION = "o-exampleorgid"


@dataclass
class FakeAccountDirectory:
    """An organization that passes every check.

    ``contact_errors`` has the error codes of the next GetAlternateContact calls, by account ID; ``errors`` what other
    methods raise in their next calls, by name.
    """

    accounts: Iterable[ListedAccount] = ()
    region: str = "us-east-1"
    account_id: str = MANAGEMENT_ACCOUNT
    organization: OrganizationDescription | None = field(
        default_factory=lambda: OrganizationDescription(MANAGEMENT_ACCOUNT, "ALL", ORGANIZATION)
    )
    trusted_access: bool = True
    times_enabled: int = 0
    contact_errors: dict[str | None, list[str]] = field(default_factory=dict)
    contact_calls: list[str | None] = field(default_factory=list)
    errors: dict[str, list[Exception]] = field(default_factory=dict)

    def describe_organization(self) -> OrganizationDescription | None:
        self._raise_next("describe_organization")
        return self.organization

    def has_trusted_access(self) -> bool:
        self._raise_next("has_trusted_access")
        return self.trusted_access

    def enable_trusted_access(self) -> None:
        self._raise_next("enable_trusted_access")
        self.times_enabled += 1
        self.trusted_access = True

    def list_active_members(self) -> Iterator[str]:
        self._raise_next("list_active_members")
        active = (account.account_id for account in self.accounts if account.state == ACTIVE)
        return (account_id for account_id in active if account_id != self.account_id)

    def get_contact_error(self, account_id: str | None) -> str | None:
        self.contact_calls.append(account_id)
        codes = self.contact_errors.get(account_id)
        return codes.pop(0) if codes else None

    def list_accounts(self) -> Iterator[ListedAccount]:
        return iter(self.accounts)

    def _raise_next(self, method: str) -> None:
        if self.errors.get(method):
            raise self.errors[method].pop(0)


@dataclass
class FakeWorkerPermissions:
    """Denies the actions in ``denied``."""

    denied: Sequence[str] = ()
    error: Exception | None = None
    calls: list[tuple[Sequence[str], str, str]] = field(default_factory=list)
    """Actions, organization and account of each call."""

    def find_denied(self, actions: Sequence[str], organization_id: str, account_id: str) -> Sequence[str]:
        self.calls.append((actions, organization_id, account_id))
        if self.error:
            raise self.error
        return [action for action in actions if action in self.denied]


def accept_all(_: list[str]) -> Iterable[int]:
    """Reject nothing."""
    return ()


@dataclass
class FakeBackfillQueue:
    """A queue that rejects the messages whose indexes ``reject`` returns, given the account IDs of a send."""

    reject: Callable[[list[str]], Iterable[int]] = accept_all
    depth: int = 0
    sends: list[list[str]] = field(default_factory=list)
    """The account IDs of each send."""
    delays: list[int] = field(default_factory=list)
    bodies: list[str] = field(default_factory=list)
    """Of the accepted messages."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def accepted(self) -> list[str]:
        """The account IDs of the accepted messages."""
        return [json.loads(body)["accountId"] for body in self.bodies]

    def send(self, bodies: Sequence[str], *, delay: int) -> Mapping[int, str]:
        account_ids = [json.loads(body)["accountId"] for body in bodies]
        with self._lock:
            rejected = dict.fromkeys(self.reject(account_ids), "InternalError")
            self.sends.append(account_ids)
            self.delays.append(delay)
            self.bodies.extend(body for index, body in enumerate(bodies) if index not in rejected)
        return rejected

    def count_messages(self) -> int:
        return self.depth
