"""Reads the contacts of accounts, with a few calls at a time and at a rate that leaves the worker its quota."""

import math
import threading
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from botocore.config import Config

from alternate_contacts.cli.aws.compliance import ReadResult
from alternate_contacts.cli.aws.session import Session
from alternate_contacts.cli.terminal.aws_errors import CREDENTIAL_ERRORS
from alternate_contacts.cli.terminal.errors import CliError
from alternate_contacts.worker.aws import AwsAccountApi, AwsOrganizationLookup
from alternate_contacts.worker.contacts import Contact, ContactType
from alternate_contacts.worker.error_codes import EXPIRED_CREDENTIALS
from alternate_contacts.worker.errors import (
    AccessDenied,
    Retryable,
    Throttled,
    TrustedAccessOff,
    Unavailable,
    WorkerError,
)
from alternate_contacts.worker.pacing import Pacer

_MAX_THREADS = 16
_THROTTLED_TRIES = 30
"""At the lowest rate of the pacer, a tenth of 2.5 calls a second, these tries take two minutes."""
_TRIES = 4
"""With pauses of 1, 2 and 4 s between them."""
_UNAVAILABLE_ACCOUNTS = 8
"""If every call fails for this many accounts in a row, the cause is not in the accounts."""

_NO_CREDENTIALS = EXPIRED_CREDENTIALS | {error.__name__ for error in CREDENTIAL_ERRORS}
"""AWS error codes and names of botocore exceptions that concern the caller and not the account."""


class Api(Protocol):
    """The account API. A call that fails raises :class:`alternate_contacts.worker.errors.WorkerError`."""

    def get(self, account_id: str | None, contact_type: ContactType) -> Contact | None: ...


@dataclass(frozen=True)
class AccountContacts:
    """What was read of one account. ``results`` hold contact data, which their ``repr`` does not show."""

    account_id: str
    read_at: datetime
    results: Mapping[ContactType, ReadResult]

    @property
    def contacts(self) -> list[Contact]:
        """The contacts that the account has."""
        return [result for result in self.results.values() if isinstance(result, Contact)]

    @property
    def is_unavailable(self) -> bool:
        """Whether AWS did not respond to any call."""
        return all(isinstance(result, Unavailable) for result in self.results.values())


class _Stopped(Exception):  # noqa: N818 - not an error
    """Ends a thread whose reading is no longer needed."""


class ContactReader:
    """Reads the contacts of accounts."""

    def __init__(
        self,
        api: Api,
        *,
        own_account_id: str,
        rate: float,
        trusted_access: Callable[[], bool],
        stop: threading.Event | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Create a reader.

        Args:
            own_account_id: the management account; the API takes no account ID for it.
            rate: calls a second.
            trusted_access: returns whether account.amazonaws.com has trusted access. Called at most once, after the
                first access denied for a member account. May raise WorkerError.
            stop: ends all pauses when it is set.
        """
        self._api = api
        self._own_account_id = own_account_id
        self._threads = thread_count(rate)
        self._stop = stop or threading.Event()
        self._pacer = Pacer(rate, rate / 4, clock=clock, sleep=self._sleep)
        self._check_trusted_access = trusted_access
        self._trusted_access: bool | None = None
        self._lock = threading.Lock()

    def read(self, account_ids: Collection[str], on_read: Callable[[AccountContacts], None]) -> None:
        """Read the accounts in any order, and call ``on_read`` in this thread for each as soon as it is read.

        When an exception leaves this method, KeyboardInterrupt included, all threads have ended.

        Raises:
            CliError: the credentials have expired, or AWS cannot be reached.
        """
        unavailable = 0
        with ThreadPoolExecutor(self._threads) as pool:
            try:
                for future in as_completed([pool.submit(self._read, account_id) for account_id in account_ids]):
                    account = future.result()
                    unavailable = unavailable + 1 if account.is_unavailable else 0
                    if unavailable == _UNAVAILABLE_ACCOUNTS:
                        raise CliError(
                            "AWS does not respond. Check the network of this machine, then run the command again."
                        )
                    on_read(account)
            except BaseException:
                self._stop.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _read(self, account_id: str) -> AccountContacts:
        results = {contact_type: self._read_contact(account_id, contact_type) for contact_type in ContactType}
        return AccountContacts(account_id, datetime.now(UTC), results)

    def _read_contact(self, account_id: str, contact_type: ContactType) -> ReadResult:
        is_member = account_id != self._own_account_id
        try:
            return self._get(account_id if is_member else None, contact_type)
        except WorkerError as error:
            if error.code in _NO_CREDENTIALS:
                raise CliError("The AWS credentials have expired. Sign in again, then run the command again.") from None
            if is_member and isinstance(error, AccessDenied) and not self._has_trusted_access():
                return TrustedAccessOff(error.code, error.operation)
            return error

    def _get(self, target: str | None, contact_type: ContactType) -> Contact | None:
        throttled = failed = 0
        while True:
            self._pacer.wait(math.inf)
            try:
                contact = self._api.get(target, contact_type)
            except Throttled:
                self._pacer.on_throttle()
                throttled += 1
                if throttled == _THROTTLED_TRIES:
                    raise
            except AccessDenied:
                raise
            except Retryable as error:
                failed += 1
                if failed == _TRIES or error.code in _NO_CREDENTIALS:
                    raise
                self._sleep(2 ** (failed - 1))
            else:
                self._pacer.on_success()
                return contact

    def _has_trusted_access(self) -> bool:
        with self._lock:
            if self._trusted_access is None:
                try:
                    self._trusted_access = self._check_trusted_access()
                except WorkerError:
                    # If trusted access is unknown, the reason remains access_denied.
                    self._trusted_access = True
            return self._trusted_access

    def _sleep(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise _Stopped


def thread_count(rate: float) -> int:
    """Return how many threads make ``rate`` calls a second if a call takes up to a second."""
    return min(math.ceil(rate) + 1, _MAX_THREADS)


def contact_reader(session: Session, *, own_account_id: str, rate: float) -> ContactReader:
    """Return a reader with the operator's credentials; the arguments are those of `ContactReader`."""
    # One attempt: the pacer must see every call.
    one_attempt = Config(
        connect_timeout=5,
        read_timeout=10,
        max_pool_connections=thread_count(rate),
        retries={"total_max_attempts": 1, "mode": "standard"},
    )
    return ContactReader(
        AwsAccountApi(session.client("account", config=one_attempt)),
        own_account_id=own_account_id,
        rate=rate,
        trusted_access=AwsOrganizationLookup(session.client("organizations")).trusted_access,
    )
