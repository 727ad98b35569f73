"""Get and set contacts at the pace of the API's quotas, and retry throttled calls in place."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from alternate_contacts.worker.contacts import Contact, ContactType
from alternate_contacts.worker.errors import OutOfTime, Throttled, WorkerError
from alternate_contacts.worker.pacing import Pacer

Result = TypeVar("Result")


class AccountApi(Protocol):
    """The two operations of AWS Account Management that the worker calls; ``None`` is the caller's own account.

    Both raise WorkerError.
    """

    def get(self, account_id: str | None, contact_type: ContactType) -> Contact | None: ...

    def put(self, account_id: str | None, contact_type: ContactType, contact: Contact) -> None: ...


@dataclass
class CallCounter:
    """The calls made for one account, counted by several threads."""

    calls: int = 0
    throttled: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def count(self, *, throttled: bool) -> None:
        with self._lock:
            self.calls += 1
            self.throttled += throttled


class PacedAccountApi:
    """The account API at the pace of its quotas. Gets and Puts have separate quotas."""

    def __init__(self, api: AccountApi, gets: Pacer, puts: Pacer) -> None:
        self._api = api
        self._gets = gets
        self._puts = puts

    def get(
        self, account_id: str | None, contact_type: ContactType, *, deadline: float, counter: CallCounter
    ) -> Contact | None:
        """Return the account's contact, or None if it has none.

        Raises:
            WorkerError: the call failed; OutOfTime if its turn did not come before ``deadline``.
        """
        return call_paced(
            self._gets, "GetAlternateContact", deadline, counter, lambda: self._api.get(account_id, contact_type)
        )

    def put(
        self,
        account_id: str | None,
        contact_type: ContactType,
        contact: Contact,
        *,
        deadline: float,
        counter: CallCounter,
    ) -> None:
        """Set the account's contact.

        Raises:
            WorkerError: as `get`.
        """
        call_paced(
            self._puts,
            "PutAlternateContact",
            deadline,
            counter,
            lambda: self._api.put(account_id, contact_type, contact),
        )


def call_paced(
    pacer: Pacer, operation: str, deadline: float, counter: CallCounter, call: Callable[[], Result]
) -> Result:
    """Return what ``call`` returns when the pacer lets it go out; repeat it while it is throttled.

    Raises:
        WorkerError: the call failed; OutOfTime if its turn did not come before ``deadline``.
    """
    error_at_deadline: WorkerError = OutOfTime("not_tried", operation)
    while pacer.wait(deadline):
        throttled = False
        try:
            result = call()
        except Throttled as error:
            # A throttled call waits here for its next turn, at most until the deadline. Waiting in the queue would
            # cost one of the message's tries. At the deadline, the error of AWS is more precise than OutOfTime.
            error_at_deadline, throttled = error, True
            pacer.on_throttle()
        else:
            pacer.on_success()
            return result
        finally:
            counter.count(throttled=throttled)
    raise error_at_deadline
