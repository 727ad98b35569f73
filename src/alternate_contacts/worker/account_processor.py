"""Process one account: get its contacts, set those that differ, and determine why AWS denied access."""

import time
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Protocol

from alternate_contacts.worker.contact_selection import EXCLUDED, Assignment
from alternate_contacts.worker.contacts import ContactType
from alternate_contacts.worker.decision import Outcome, Policy, decide
from alternate_contacts.worker.desired_contacts import DesiredContacts
from alternate_contacts.worker.errors import (
    AccessDenied,
    NotInOrganization,
    NotReady,
    OutOfTime,
    Retryable,
    TrustedAccessOff,
    WorkerError,
)
from alternate_contacts.worker.message import AccountMessage
from alternate_contacts.worker.paced_api import CallCounter, PacedAccountApi
from alternate_contacts.worker.protocol import ACTIVE, PENDING_ACTIVATION, Mode


class OrganizationLookup(Protocol):
    """What the worker reads from AWS Organizations to explain a 403. Both raise WorkerError."""

    def account_state(self, account_id: str) -> str | None:
        """Return the account's state, such as ``SUSPENDED``, or None if it is not in the organization."""

    def trusted_access(self) -> bool:
        """Return whether trusted access for AWS Account Management is on."""


class DesiredContactsFinder(Protocol):
    """Finds the desired contacts of an account."""

    def find(self, message: AccountMessage, *, deadline: float, may_wait: bool) -> DesiredContacts:
        """Return the desired contacts of the account of ``message``.

        Raises:
            BelowRoot: ``may_wait``, and the account is probably not yet in its OU.
            WorkerError: they are unknown.
        """


@dataclass(frozen=True)
class AccountResult:
    """The result for one account. ``skipped`` is why it was skipped: ``excluded``, or the account's state."""

    outcomes: Mapping[ContactType, Outcome] = field(default_factory=dict)
    errors: Mapping[ContactType, WorkerError] = field(default_factory=dict)
    skipped: str | None = None
    calls: int = 0
    throttled: int = 0
    milliseconds: int = 0

    @property
    def error(self) -> WorkerError | None:
        """The error that decides what happens to the message: a retryable one if there is any.

        An error of AWS goes before OutOfTime, because it is more precise.
        """
        errors = sorted(self.errors.values(), key=lambda error: isinstance(error, OutOfTime))
        return next((error for error in errors if isinstance(error, Retryable)), next(iter(errors), None))


class AccountProcessor:
    """Sets the contacts of one account. Threads may share it."""

    def __init__(
        self,
        api: PacedAccountApi,
        organization: OrganizationLookup,
        contacts: DesiredContactsFinder,
        *,
        own_account_id: str,
        mode: Mode,
        pool: Executor,
    ) -> None:
        """Start without any call.

        Args:
            api: the account API.
            organization: explains a 403.
            contacts: finds the desired contacts.
            own_account_id: the management account, whose ID the API does not accept as a parameter.
            mode: the stack's mode.
            pool: runs the calls. It needs a thread for each contact type of each account processed at the same time.
        """
        self._api = api
        self._organization = organization
        self._contacts = contacts
        self._own_account_id = own_account_id
        self._mode = mode
        self._pool = pool

    def process(self, message: AccountMessage, *, deadline: float, last_try: bool, may_wait: bool) -> AccountResult:
        """Process the account of ``message`` until ``deadline`` (a time of the pacers' clock). Never raise WorkerError.

        At the ``last_try``, one more call determines whether trusted access is off. A new account that is still below
        the root is left for a later try if it ``may_wait``.
        """
        started = time.monotonic()
        counter = CallCounter()
        target = None if message.account_id == self._own_account_id else message.account_id
        mode = self._mode.stricter(message.mode)
        try:
            desired = self._contacts.find(message, deadline=deadline, may_wait=may_wait)
        except WorkerError as error:
            # Without its desired contacts nothing is known about a contact, so that none is read.
            return AccountResult(
                outcomes=dict.fromkeys(ContactType, Outcome.FAILED),
                errors=dict.fromkeys(ContactType, error),
                milliseconds=_milliseconds_since(started),
            )
        if desired.selection.excluded_by is not None:
            return AccountResult(skipped=EXCLUDED, milliseconds=_milliseconds_since(started))
        contacts = desired.selection.contacts

        def outcome_or_error(contact_type: ContactType) -> Outcome | WorkerError:
            assignment = contacts[contact_type].result
            if isinstance(assignment, WorkerError):
                return assignment
            try:
                return self._process_contact(target, contact_type, assignment, mode, deadline, counter)
            except WorkerError as error:
                return error

        results = dict(zip(contacts, self._pool.map(outcome_or_error, contacts), strict=True))
        errors = {contact_type: result for contact_type, result in results.items() if isinstance(result, WorkerError)}
        skipped = None
        if target is not None and any(isinstance(error, AccessDenied) for error in errors.values()):
            skipped, errors = self._explain_access_denied(target, desired.account.state, errors, last_try=last_try)
        return AccountResult(
            outcomes={
                contact_type: result if isinstance(result, Outcome) else Outcome.FAILED
                for contact_type, result in results.items()
            }
            if skipped is None
            else {},
            errors=errors,
            skipped=skipped,
            calls=counter.calls,
            throttled=counter.throttled,
            milliseconds=_milliseconds_since(started),
        )

    def _process_contact(
        self,
        target: str | None,
        contact_type: ContactType,
        assignment: Assignment,
        mode: Mode,
        deadline: float,
        counter: CallCounter,
    ) -> Outcome:
        if assignment.policy is Policy.IGNORE:
            return Outcome.IGNORED
        present = self._api.get(target, contact_type, deadline=deadline, counter=counter)
        outcome = decide(assignment.policy, mode, assignment.desired, present)
        if outcome is Outcome.UPDATED:
            self._api.put(target, contact_type, assignment.desired, deadline=deadline, counter=counter)
        return outcome

    def _explain_access_denied(
        self, account_id: str, state: str | None, errors: dict[ContactType, WorkerError], *, last_try: bool
    ) -> tuple[str | None, dict[ContactType, WorkerError]]:
        """Return the state to skip the account for, or None; and the errors, each AccessDenied with its cause.

        ``state`` is the state of the account if it was read already.
        """

        def with_cause(cause: type[WorkerError]) -> dict[ContactType, WorkerError]:
            return {
                contact_type: cause(error.code, error.operation) if isinstance(error, AccessDenied) else error
                for contact_type, error in errors.items()
            }

        try:
            state = state or self._organization.account_state(account_id)
            if state is None:
                return None, with_cause(NotInOrganization)
            if state == PENDING_ACTIVATION and not last_try:
                return None, with_cause(NotReady)
            if state != ACTIVE:
                return state, {}
            if last_try and not self._organization.trusted_access():
                return None, with_cause(TrustedAccessOff)
        except WorkerError:
            # The cause is only an explanation: without it, the error remains AccessDenied.
            pass
        return None, errors


def _milliseconds_since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
