"""Get and Put of one contact, each under its pacer, counted, and tried again when they come too fast."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from alternate_contacts.worker.contacts import Contact, ContactType
from alternate_contacts.worker.errors import OutOfTime, Throttled
from alternate_contacts.worker.pacing import Pacer

Result = TypeVar("Result")


class AccountApi(Protocol):
    """The two calls of AWS Account Management that the worker makes; ``None`` is the caller's own account.

    Both raise :class:`alternate_contacts.worker.errors.WorkerError`.
    """

    def get(self, account_id: str | None, contact_type: ContactType) -> Contact | None: ...

    def put(self, account_id: str | None, contact_type: ContactType, contact: Contact) -> None: ...


@dataclass
class CallCounter:
    """Calls made for one account, counted by several threads."""

    calls: int = 0
    throttled: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def count(self, *, throttled: bool) -> None:
        with self._lock:
            self.calls += 1
            self.throttled += throttled


class PacedAccountApi:
    """The account API at the speed of its quotas: Gets and Puts draw on separate ones."""

    def __init__(self, api: AccountApi, gets: Pacer, puts: Pacer) -> None:
        self._api = api
        self._gets = gets
        self._puts = puts

    def get(
        self, account_id: str | None, contact_type: ContactType, *, deadline: float, tally: CallCounter
    ) -> Contact | None:
        """The contact that the account has, or None. Raises a WorkerError; OutOfTime at ``deadline``."""
        return _paced(
            self._gets, "GetAlternateContact", deadline, tally, lambda: self._api.get(account_id, contact_type)
        )

    def put(
        self,
        account_id: str | None,
        contact_type: ContactType,
        contact: Contact,
        *,
        deadline: float,
        tally: CallCounter,
    ) -> None:
        """Set the contact. Raises a WorkerError; OutOfTime at ``deadline``."""
        _paced(
            self._puts, "PutAlternateContact", deadline, tally, lambda: self._api.put(account_id, contact_type, contact)
        )


def _paced(pacer: Pacer, operation: str, deadline: float, tally: CallCounter, call: Callable[[], Result]) -> Result:
    refused: Throttled | None = None
    while True:
        try:
            pacer.wait(deadline, operation)
        except OutOfTime:
            # What AWS said tells more than that the time is over.
            raise refused or OutOfTime("not_tried", operation) from None
        throttled = False
        try:
            result = call()
        except Throttled as error:
            # The deadline bounds this: a throttled call waits for its next turn here rather than in the queue,
            # where it would cost a receive.
            refused, throttled = error, True
            pacer.on_throttle()
        else:
            pacer.on_success()
            return result
        finally:
            tally.count(throttled=throttled)
