"""Fakes of what the contact configuration is read from: the parameters in pages, and the tree of the organization."""

import itertools
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from alternate_contacts.worker.ancestry import AccountDescription
from alternate_contacts.worker.errors import WorkerError

_PAGE_SIZE = 10


@dataclass
class FakeParameterStore:
    """Parameters in pages of ten; ``errors`` are raised at the next calls, None is no error."""

    parameters: dict[str, str | None] = field(default_factory=dict)
    errors: list[WorkerError | None] = field(default_factory=list)
    tokens: list[str | None] = field(default_factory=list)
    """The token of each call."""

    def get_page(self, token: str | None) -> tuple[Mapping[str, str | None], str | None]:
        self.tokens.append(token)
        if self.errors and (error := self.errors.pop(0)):
            raise error
        start, end = int(token or 0), int(token or 0) + _PAGE_SIZE
        page = dict(itertools.islice(self.parameters.items(), start, end))
        return page, str(end) if end < len(self.parameters) else None


@dataclass
class FakeAncestrySource:
    """Accounts and OUs by their parents. Without ``describes_ancestry`` it is that of an older botocore."""

    parents: dict[str, str] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)
    describes_ancestry: bool = True
    errors: list[WorkerError] = field(default_factory=list)
    calls: list[tuple[str, str]] = field(default_factory=list)
    """Operation and ID of each call."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def describe_account(self, account_id: str) -> AccountDescription | None:
        self._called("DescribeAccount", account_id)
        if account_id not in self.parents:
            return None
        ancestry = [account_id]
        while ancestry[-1] in self.parents:
            ancestry.append(self.parents[ancestry[-1]])
        return AccountDescription(
            self.states.get(account_id, "ACTIVE"), tuple(ancestry) if self.describes_ancestry else ()
        )

    def get_parent(self, child_id: str) -> str:
        self._called("ListParents", child_id)
        return self.parents[child_id]

    def _called(self, operation: str, resource_id: str) -> None:
        with self._lock:
            self.calls.append((operation, resource_id))
        if self.errors:
            raise self.errors.pop(0)
