"""What the backfill talks to: Organizations and AccountQueue."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from backfill.run import Account


@dataclass
class FakeOrganization:
    """An organization that counts how many accounts were drawn from its list."""

    listing: Iterable[Account] = ()
    trusted: bool = True
    enabled: int = 0
    drawn: int = 0

    def trusted_access(self) -> bool:
        return self.trusted

    def enable_trusted_access(self) -> None:
        self.enabled += 1
        self.trusted = True

    def accounts(self) -> Iterator[Account]:
        for account in self.listing:
            self.drawn += 1
            yield account


@dataclass
class FakeAccountQueue:
    """A queue that takes all letters, but for those whose indexes stand in ``refusals``: a list for each send."""

    refusals: list[list[int]] = field(default_factory=list)
    sends: list[list[str]] = field(default_factory=list)
    """The account ids of each send."""
    delays: list[int] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)

    def send(self, bodies: Sequence[str], *, delay: int) -> list[int]:
        account_ids = [json.loads(body)["accountId"] for body in bodies]
        refused = self.refusals.pop(0) if self.refusals else []
        self.sends.append(account_ids)
        self.delays.append(delay)
        self.taken.extend(account_id for index, account_id in enumerate(account_ids) if index not in refused)
        return refused
