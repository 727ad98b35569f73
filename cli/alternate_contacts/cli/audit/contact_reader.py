"""Reads the contacts of many accounts: a few calls at a time, at a pace that leaves the worker its quota."""

import math
import threading
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import UTC, datetime
from typing import Protocol

from alternate_contacts.cli.audit.checks import shared_parts
from alternate_contacts.cli.audit.compliance import compliance_status
from alternate_contacts.cli.audit.findings import AccountReading, ContactFinding
from alternate_contacts.worker.account_processor import Assignment
from alternate_contacts.worker.contacts import Contact, ContactType
from alternate_contacts.worker.errors import (
    AccessDenied,
    Retryable,
    Throttled,
    TrustedAccessOff,
    Unavailable,
    WorkerError,
)
from alternate_contacts.worker.pacing import Pacer
from alternate_contacts.worker.protocol import ACTIVE

_OPERATION = "GetAlternateContact"

_MOST_THREADS = 16
_THROTTLED_TRIES = 30
"""At the pacer's slowest, a tenth of 2.5 calls a second, these alone are two minutes."""
_TRIES = 4
"""With waits of 1, 2 and 4 s between them."""
_SILENT_ACCOUNTS = 8
"""So many accounts in a row that AWS gave no answer for are no trouble of theirs."""

_CREDENTIALS_GONE = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "RequestExpired",
        "NoCredentialsError",
        "CredentialRetrievalError",
        "TokenRetrievalError",
        "SSOTokenLoadError",
        "UnauthorizedSSOTokenError",
        "LoginRefreshRequired",
    }
)
"""Codes of AWS and classes of botocore that say something about the caller, and nothing about an account."""


class ReadingStopped(Exception):  # noqa: N818 - says what the run does
    """No further account can be read. Its text is a sentence for the operator."""


class Api(Protocol):
    """What is asked of the account API; raises :class:`alternate_contacts.worker.errors.WorkerError`."""

    def get(self, account_id: str | None, contact_type: ContactType) -> Contact | None: ...


class Stop(Protocol):
    """A :class:`threading.Event`."""

    def set(self) -> None: ...

    def wait(self, timeout: float) -> bool: ...


class _Stopped(Exception):  # noqa: N818 - nothing is wrong
    """Unwinds a thread whose reading nobody waits for any more."""


class ContactReader:
    """Reads accounts and judges their contacts. Contact data stays inside, unless ``keep_contacts``."""

    def __init__(
        self,
        api: Api,
        assignments: Mapping[ContactType, Assignment],
        *,
        own_account_id: str,
        rate: float,
        trusted_access: Callable[[], bool],
        keep_contacts: bool = False,
        stop: Stop | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """A reader of ``rate`` calls a second.

        Args:
            own_account_id: the management account, which the API wants to be left out of its calls.
            trusted_access: asks whether account.amazonaws.com may act in the organization; called at most once, when
                AWS refuses a member. May raise WorkerError.
            stop: ends all waiting when it is set.
        """
        self._api = api
        self._assignments = assignments
        self._own_account_id = own_account_id
        self._threads = threads(rate)
        self._keep_contacts = keep_contacts
        self._stop = stop or threading.Event()
        self._pacer = Pacer(rate, rate / 4, clock=clock, sleep=self._rest)
        self._ask_trusted_access = trusted_access
        self._trusted: bool | None = None
        self._lock = threading.Lock()

    def read(self, account_ids: Collection[str], keep: Callable[[AccountReading], None]) -> None:
        """Read the accounts in no particular order, and ``keep`` each in this thread as soon as it is read.

        When this is left by an exception, KeyboardInterrupt included, all threads have ended; an account is either
        kept or was not read.

        Raises:
            ReadingStopped: the caller's credentials ran out, or AWS does not answer at all.
        """
        silent = 0
        with ThreadPoolExecutor(self._threads) as pool:
            try:
                for done in as_completed([pool.submit(self._read, account_id) for account_id in account_ids]):
                    reading = done.result()
                    silent = silent + 1 if _is_silent(reading) else 0
                    if silent == _SILENT_ACCOUNTS:
                        raise ReadingStopped(
                            "AWS does not answer: check this machine's network, then run the same command again."
                        )
                    keep(reading)
            except BaseException:
                self._stop.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _read(self, account_id: str) -> AccountReading:
        answers = {kind: self._answer(account_id, kind) for kind in self._assignments}
        contacts = [answer for answer in answers.values() if isinstance(answer, Contact)]
        return AccountReading(
            account_id=account_id,
            read_at=datetime.now(UTC),
            findings={kind: self._finding(kind, answer) for kind, answer in answers.items()},
            shared=shared_parts(contacts),
        )

    def _finding(self, kind: ContactType, answer: Contact | WorkerError | None) -> ContactFinding:
        word = compliance_status(ACTIVE, self._assignments[kind], answer)
        if isinstance(answer, WorkerError):
            return ContactFinding(word, provided=None, reason=answer.reason, code=answer.code)
        return ContactFinding(word, provided=answer is not None, contact=answer if self._keep_contacts else None)

    def _answer(self, account_id: str, kind: ContactType) -> Contact | WorkerError | None:
        is_member = account_id != self._own_account_id
        try:
            return self._get(account_id if is_member else None, kind)
        except WorkerError as error:
            if error.code in _CREDENTIALS_GONE:
                raise ReadingStopped(
                    "The AWS credentials ran out: log in again, then run the same command again."
                ) from None
            if is_member and isinstance(error, AccessDenied) and not self._has_trusted_access():
                return TrustedAccessOff(error.code, error.operation)
            return error

    def _get(self, target: str | None, kind: ContactType) -> Contact | None:
        throttled = failed = 0
        while True:
            self._pacer.wait(math.inf, _OPERATION)
            try:
                contact = self._api.get(target, kind)
            except Throttled:
                self._pacer.on_throttle()
                throttled += 1
                if throttled == _THROTTLED_TRIES:
                    raise
            except AccessDenied:
                raise
            except Retryable as error:
                failed += 1
                if failed == _TRIES or error.code in _CREDENTIALS_GONE:
                    raise
                self._rest(2 ** (failed - 1))
            else:
                self._pacer.on_success()
                return contact

    def _has_trusted_access(self) -> bool:
        with self._lock:
            if self._trusted is None:
                try:
                    self._trusted = self._ask_trusted_access()
                except WorkerError:
                    # The explanation is a courtesy: without it the refusal stands as it is.
                    self._trusted = True
            return self._trusted

    def _rest(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise _Stopped


def threads(rate: float) -> int:
    """Enough for ``rate`` calls a second that take up to a second each."""
    return min(math.ceil(rate) + 1, _MOST_THREADS)


def _is_silent(reading: AccountReading) -> bool:
    return all(finding.reason == Unavailable.reason for finding in reading.findings.values())
