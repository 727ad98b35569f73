"""What the backfill talks to: Organizations, members' contacts, and AccountQueue."""

import json
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from alternate_contacts.backfill.enqueue import ListedAccount
from alternate_contacts.backfill.preflight import OrganizationDescription
from alternate_contacts.backfill.protocol import ACTIVE

MANAGEMENT = "000000000000"


@dataclass
class FakeOrganization:
    """An organization with all features and trusted access, whose members can all be read."""

    listing: Iterable[ListedAccount] = ()
    region: str = "us-east-1"
    account_id: str = MANAGEMENT
    described: OrganizationDescription | None = field(
        default_factory=lambda: OrganizationDescription(MANAGEMENT, "ALL")
    )
    trusted: bool = True
    enabled: int = 0
    refusals: dict[str | None, list[str]] = field(default_factory=dict)
    """By account id, the error codes of the next reads."""
    reads: list[str | None] = field(default_factory=list)

    def organization(self) -> OrganizationDescription | None:
        return self.described

    def trusted_access(self) -> bool:
        return self.trusted

    def enable_trusted_access(self) -> None:
        self.enabled += 1
        self.trusted = True

    def active_members(self) -> Iterator[str]:
        return (each.account_id for each in self.listing if each.state == ACTIVE and each.account_id != self.account_id)

    def read(self, account_id: str | None) -> str | None:
        self.reads.append(account_id)
        codes = self.refusals.get(account_id)
        return codes.pop(0) if codes else None

    def accounts(self) -> Iterator[ListedAccount]:
        return iter(self.listing)


@dataclass
class FakeAccountQueue:
    """A queue that takes all letters, but for those whose indexes stand in ``refusals``: a list for each send."""

    refusals: list[list[int]] = field(default_factory=list)
    sends: list[list[str]] = field(default_factory=list)
    """The account ids of each send."""
    delays: list[int] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)
    bodies: list[str] = field(default_factory=list)
    """Of all letters taken."""
    waiting_letters: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def send(self, bodies: Sequence[str], *, delay: int) -> list[int]:
        account_ids = [json.loads(body)["accountId"] for body in bodies]
        with self._lock:
            refused = self.refusals.pop(0) if self.refusals else []
            self.sends.append(account_ids)
            self.delays.append(delay)
            self.taken.extend(account_id for index, account_id in enumerate(account_ids) if index not in refused)
            self.bodies.extend(body for index, body in enumerate(bodies) if index not in refused)
        return refused

    def waiting(self) -> int:
        return self.waiting_letters
