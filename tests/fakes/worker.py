"""Fakes of what the worker uses: the account API, Organizations, the two queues and the recorder of outcomes."""

import threading
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Literal

from alternate_contacts.worker.account_processor import (
    AccountProcessor,
    AccountResult,
    DesiredContactsFinder,
    OrganizationLookup,
)
from alternate_contacts.worker.batch import QueueRecord
from alternate_contacts.worker.contact_selection import Assignment
from alternate_contacts.worker.contacts import Contact, ContactType
from alternate_contacts.worker.decision import Policy
from alternate_contacts.worker.desired_contacts import StackContacts
from alternate_contacts.worker.errors import WorkerError
from alternate_contacts.worker.message import AccountMessage
from alternate_contacts.worker.paced_api import PacedAccountApi
from alternate_contacts.worker.pacing import Pacer
from alternate_contacts.worker.protocol import Mode
from tests.fakes.clock import FakeClock
from tests.fakes.contact_data import make_contact

MANAGEMENT = "000000000000"
MEMBER = "111111111111"
OTHER = "222222222222"

DESIRED, PRESENT = make_contact(8877), make_contact(5544)
SECRETS = (*DESIRED.to_api().values(), *PRESENT.to_api().values())
"""What may appear nowhere but in calls of the account API."""

EVERY = "every"
Operation = Literal["get", "put", "every"]


@dataclass
class _Failure:
    error: Exception
    operation: Operation
    account_id: str | None
    contact_type: ContactType | None
    times: float

    def applies_to(self, operation: Operation, account_id: str | None, contact_type: ContactType) -> bool:
        return (
            self.times > 0
            and self.operation in (operation, EVERY)
            and self.account_id in (account_id, EVERY)
            and self.contact_type in (contact_type, None)
        )


class FakeAccountApi:
    """The account API with the contacts of any account; ``None`` is the caller's own account."""

    def __init__(self, contacts: Mapping[tuple[str | None, ContactType], Contact] | None = None) -> None:
        self.contacts = dict(contacts or {})
        self.calls: list[tuple[Operation, str | None, ContactType]] = []
        self._failures: list[_Failure] = []
        self._lock = threading.Lock()

    def fail_with(
        self,
        error: Exception,
        *,
        operation: Operation = "every",
        account_id: str | None = EVERY,
        contact_type: ContactType | None = None,
        times: float = float("inf"),
    ) -> None:
        """Raise ``error`` at the next ``times`` matching calls; ``contact_type`` None matches every type."""
        self._failures.append(_Failure(error, operation, account_id, contact_type, times))

    def get(self, account_id: str | None, contact_type: ContactType) -> Contact | None:
        self._called("get", account_id, contact_type)
        return self.contacts.get((account_id, contact_type))

    def put(self, account_id: str | None, contact_type: ContactType, contact: Contact) -> None:
        self._called("put", account_id, contact_type)
        self.contacts[account_id, contact_type] = contact

    def puts(self) -> list[tuple[str | None, ContactType]]:
        """Return account and type of every Put, in the order of the calls, failed ones included."""
        return [(account_id, contact_type) for operation, account_id, contact_type in self.calls if operation == "put"]

    def _called(self, operation: Operation, account_id: str | None, contact_type: ContactType) -> None:
        with self._lock:
            self.calls.append((operation, account_id, contact_type))
            for failure in self._failures:
                if failure.applies_to(operation, account_id, contact_type):
                    failure.times -= 1
                    raise failure.error


@dataclass
class FakeOrganizationLookup:
    """AWS Organizations with accounts by state; ``error`` is raised at every call."""

    states: dict[str, str] = field(default_factory=dict)
    trusted: bool = True
    error: WorkerError | None = None
    calls: list[str] = field(default_factory=list)
    """The account ID of each `account_state`, and ``trusted access``."""

    def account_state(self, account_id: str) -> str | None:
        self._called(account_id)
        return self.states.get(account_id)

    def trusted_access(self) -> bool:
        self._called("trusted access")
        return self.trusted

    def _called(self, call: str) -> None:
        self.calls.append(call)
        if self.error is not None:
            raise self.error


@dataclass
class FakeQueues:
    """Both queues; ``error`` is raised at every call."""

    retries: dict[str, int] = field(default_factory=dict)
    """Seconds until the retry, by receipt handle."""
    failed: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)
    """The body and the attributes of each message on FailedAccountQueue."""
    error: WorkerError | None = None

    def schedule_retry(self, receipt_handle: str, seconds: int) -> None:
        if self.error is not None:
            raise self.error
        self.retries[receipt_handle] = seconds

    def fail(self, body: str, attributes: Mapping[str, str]) -> None:
        if self.error is not None:
            raise self.error
        self.failed.append((body, attributes))


@dataclass(frozen=True)
class Recorded:
    """One call of the recorder; ``event`` is the method's name."""

    event: str
    record: QueueRecord
    message: AccountMessage | None = None
    result: AccountResult | None = None
    error: BaseException | None = None
    seconds: int | None = None


@dataclass
class FakeRecorder:
    """A recorder that keeps every call."""

    recorded: list[Recorded] = field(default_factory=list)

    def account_processed(self, message: AccountMessage, record: QueueRecord, result: AccountResult) -> None:
        self.recorded.append(Recorded("account_processed", record, message, result))

    def account_failed(
        self, message: AccountMessage | None, record: QueueRecord, result: AccountResult, error: WorkerError
    ) -> None:
        self.recorded.append(Recorded("account_failed", record, message, result, error))

    def message_ignored(self, record: QueueRecord) -> None:
        self.recorded.append(Recorded("message_ignored", record))

    def retry_scheduled(
        self, message: AccountMessage, record: QueueRecord, result: AccountResult, error: WorkerError, seconds: int
    ) -> None:
        self.recorded.append(Recorded("retry_scheduled", record, message, result, error, seconds))

    def left_for_redelivery(self, record: QueueRecord, error: BaseException) -> None:
        self.recorded.append(Recorded("left_for_redelivery", record, error=error))

    def events(self) -> list[tuple[str, str]]:
        """Return message ID and event of every call, sorted."""
        return sorted((recorded.record.message_id, recorded.event) for recorded in self.recorded)


def build_account_processor(
    api: FakeAccountApi,
    organization: OrganizationLookup,
    pool: Executor,
    *,
    policies: Mapping[ContactType, Policy] | None = None,
    mode: Mode = Mode.ENFORCE,
    clock: FakeClock | None = None,
    contacts: DesiredContactsFinder | None = None,
) -> AccountProcessor:
    """Return a processor that sets `DESIRED` in every account, by ``overwrite`` unless ``policies`` differ.

    Its pacers do not slow it down.
    """
    clock = clock or FakeClock()
    fast = Pacer(1e6, 1e6, clock=clock, sleep=clock.sleep)
    policies = dict.fromkeys(ContactType, Policy.OVERWRITE) | dict(policies or {})
    return AccountProcessor(
        PacedAccountApi(api, gets=fast, puts=fast),
        organization,
        contacts
        or StackContacts({contact_type: Assignment(policies[contact_type], DESIRED) for contact_type in ContactType}),
        own_account_id=MANAGEMENT,
        mode=mode,
        pool=pool,
    )
