"""What the worker talks to: the account API, Organizations, its two queues and its report."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from alternate_contacts.worker.account_processor import AccountResult
from alternate_contacts.worker.batch import QueueRecord
from alternate_contacts.worker.contacts import Contact, ContactType
from alternate_contacts.worker.errors import WorkerError
from alternate_contacts.worker.message import AccountMessage

MANAGEMENT = "000000000000"
MEMBER = "111111111111"
OTHER = "222222222222"

DESIRED = Contact("Ada Geheim", "Keeper of Keys", "ada.geheim@secret.invalid", "+49 99 8877 6655")
PRESENT = Contact("Bob Verborgen", "Former Keeper", "bob.verborgen@secret.invalid", "+31 99 5544 3322")
SECRETS = tuple(
    value
    for contact in (DESIRED, PRESENT)
    for value in (contact.name, contact.title, contact.email_address, contact.phone_number)
)
"""What may stand nowhere but in calls of the account API."""

EVERY = "every"
Operation = Literal["get", "put", "every"]


@dataclass
class _Refusal:
    error: Exception
    operation: Operation
    account_id: str | None
    contact_type: ContactType | None
    times: float

    def counts_for(self, operation: Operation, account_id: str | None, contact_type: ContactType) -> bool:
        return (
            self.times > 0
            and self.operation in (operation, EVERY)
            and self.account_id in (account_id, EVERY)
            and self.contact_type in (contact_type, None)
        )


class FakeAccountApi:
    """The account API with the contacts of any account; ``None`` is the caller's own."""

    def __init__(self, contacts: Mapping[tuple[str | None, ContactType], Contact] | None = None) -> None:
        self.contacts = dict(contacts or {})
        self.calls: list[tuple[Operation, str | None, ContactType]] = []
        self._refusals: list[_Refusal] = []
        self._lock = threading.Lock()

    def refuse(
        self,
        error: Exception,
        *,
        operation: Operation = "every",
        account_id: str | None = EVERY,
        contact_type: ContactType | None = None,
        times: float = float("inf"),
    ) -> None:
        """Raise ``error`` at the next ``times`` calls that are meant; ``contact_type`` None: of every type."""
        self._refusals.append(_Refusal(error, operation, account_id, contact_type, times))

    def get(self, account_id: str | None, contact_type: ContactType) -> Contact | None:
        self._called("get", account_id, contact_type)
        return self.contacts.get((account_id, contact_type))

    def put(self, account_id: str | None, contact_type: ContactType, contact: Contact) -> None:
        self._called("put", account_id, contact_type)
        self.contacts[account_id, contact_type] = contact

    def puts(self) -> list[tuple[str | None, ContactType]]:
        """Whose contacts were tried to be set, in the order of the calls."""
        return [(account_id, kind) for operation, account_id, kind in self.calls if operation == "put"]

    def _called(self, operation: Operation, account_id: str | None, contact_type: ContactType) -> None:
        with self._lock:
            self.calls.append((operation, account_id, contact_type))
            for refusal in self._refusals:
                if refusal.counts_for(operation, account_id, contact_type):
                    refusal.times -= 1
                    raise refusal.error


@dataclass
class FakeOrganization:
    """AWS Organizations with accounts by state; ``error`` is raised at every call."""

    states: dict[str, str] = field(default_factory=dict)
    trusted: bool = True
    error: WorkerError | None = None
    asked: list[str] = field(default_factory=list)

    def account_state(self, account_id: str) -> str | None:
        self._asked(account_id)
        return self.states.get(account_id)

    def trusted_access(self) -> bool:
        self._asked("trusted access")
        return self.trusted

    def _asked(self, what: str) -> None:
        self.asked.append(what)
        if self.error is not None:
            raise self.error


@dataclass
class FakeQueues:
    """Both queues; ``error`` is raised at every call."""

    returned: dict[str, int] = field(default_factory=dict)
    """Seconds by receipt handle."""
    failed: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)
    """Bodies with their attributes."""
    error: WorkerError | None = None

    def schedule_retry(self, receipt_handle: str, seconds: int) -> None:
        if self.error is not None:
            raise self.error
        self.returned[receipt_handle] = seconds

    def fail(self, body: str, attributes: Mapping[str, str]) -> None:
        if self.error is not None:
            raise self.error
        self.failed.append((body, attributes))


@dataclass(frozen=True)
class Told:
    """One thing that was told of a message."""

    what: Literal["account", "nothing to do", "returned", "not settled"]
    record: QueueRecord
    letter: AccountMessage | None = None
    result: AccountResult | None = None
    error: BaseException | None = None
    seconds: int | None = None


@dataclass
class FakeReport:
    """A report that remembers."""

    told: list[Told] = field(default_factory=list)

    def account(
        self, letter: AccountMessage | None, record: QueueRecord, result: AccountResult, error: WorkerError | None
    ) -> None:
        self.told.append(Told("account", record, letter, result, error))

    def message_ignored(self, record: QueueRecord) -> None:
        self.told.append(Told("nothing to do", record))

    def retry_scheduled(
        self, letter: AccountMessage, record: QueueRecord, result: AccountResult, error: WorkerError, seconds: int
    ) -> None:
        self.told.append(Told("returned", record, letter, result, error, seconds))

    def left_for_redelivery(self, record: QueueRecord, error: BaseException) -> None:
        self.told.append(Told("not settled", record, error=error))

    def of(self, message_id: str) -> list[Told]:
        """What was told of one message."""
        return [told for told in self.told if told.record.message_id == message_id]
