"""What the worker does for one account: look at its contacts, set what differs, and say why where it could not."""

import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Protocol

from alternate_contacts.worker.contacts import Contact, ContactType
from alternate_contacts.worker.decision import Outcome, Policy, decide
from alternate_contacts.worker.errors import (
    AccessDenied,
    NotInOrganization,
    NotReady,
    OutOfTime,
    Permanent,
    Retryable,
    TrustedAccessOff,
    WorkerError,
)
from alternate_contacts.worker.message import AccountMessage
from alternate_contacts.worker.paced_api import CallCounter, PacedAccountApi
from alternate_contacts.worker.protocol import ACTIVE, PENDING_ACTIVATION, Mode


class OrganizationLookup(Protocol):
    """What the worker asks AWS Organizations, to learn what a refusal means. Both raise WorkerError."""

    def account_state(self, account_id: str) -> str | None:
        """The account's state, such as ``ACTIVE`` or ``SUSPENDED``; None where it is not in the organization."""

    def trusted_access(self) -> bool:
        """Whether account.amazonaws.com may act in the organization."""


@dataclass(frozen=True)
class Assignment:
    """What the configuration says of one contact type."""

    policy: Policy
    desired: Contact


@dataclass(frozen=True)
class AccountResult:
    """What became of one account. ``skipped`` is the state that it was skipped for."""

    outcomes: Mapping[ContactType, Outcome] = field(default_factory=dict)
    errors: Mapping[ContactType, WorkerError] = field(default_factory=dict)
    skipped: str | None = None
    calls: int = 0
    throttled: int = 0
    milliseconds: int = 0

    @property
    def error(self) -> WorkerError | None:
        """The error that decides about the letter: a retryable one as long as any contact has one.

        What AWS said goes before a turn that did not come.
        """
        every = sorted(self.errors.values(), key=lambda error: isinstance(error, OutOfTime))
        return next((error for error in every if isinstance(error, Retryable)), next(iter(every), None))


class AccountProcessor:
    """Brings one account right. Safe to share between threads."""

    def __init__(
        self,
        api: PacedAccountApi,
        organization: OrganizationLookup,
        assignments: Mapping[ContactType, Assignment],
        *,
        own_account_id: str,
        mode: Mode,
        pool: Executor,
    ) -> None:
        """``own_account_id`` is the management account, which the API wants to be left out of its calls.

        ``pool`` runs the calls; it needs a thread for each contact type of each account worked on at a time.
        """
        self._api = api
        self._organization = organization
        self._assignments = assignments
        self._own_account_id = own_account_id
        self._mode = mode
        self._pool = pool

    def process(self, letter: AccountMessage, *, deadline: float, last_try: bool) -> AccountResult:
        """Work on the account of ``letter`` until ``deadline`` (a time of the pacers' clock); never raises WorkerError.

        On the ``last_try`` it also finds out what a refusal means, which costs a call.
        """
        started = time.monotonic()
        tally = CallCounter()
        target = None if letter.account_id == self._own_account_id else letter.account_id
        mode = self._mode.stricter(letter.mode)

        def work(contact_type: ContactType) -> Outcome | WorkerError:
            try:
                return self._process_contact(target, contact_type, mode, deadline, tally)
            except WorkerError as error:
                return error

        done = dict(zip(self._assignments, self._pool.map(work, self._assignments), strict=True))
        errors = {contact_type: error for contact_type, error in done.items() if isinstance(error, WorkerError)}
        skipped = None
        if target is not None and _any(errors.values(), AccessDenied):
            skipped, errors = self._explain(target, errors, last_try=last_try)
        return AccountResult(
            outcomes={
                contact_type: outcome if isinstance(outcome, Outcome) else Outcome.FAILED
                for contact_type, outcome in done.items()
            }
            if skipped is None
            else {},
            errors=errors,
            skipped=skipped,
            calls=tally.calls,
            throttled=tally.throttled,
            milliseconds=round((time.monotonic() - started) * 1000),
        )

    def _process_contact(
        self, target: str | None, contact_type: ContactType, mode: Mode, deadline: float, tally: CallCounter
    ) -> Outcome:
        assignment = self._assignments[contact_type]
        if assignment.policy is Policy.IGNORE:
            return Outcome.IGNORED
        present = self._api.get(target, contact_type, deadline=deadline, tally=tally)
        outcome = decide(assignment.policy, mode, assignment.desired, present)
        if outcome is Outcome.UPDATED:
            self._api.put(target, contact_type, assignment.desired, deadline=deadline, tally=tally)
        return outcome

    def _explain(
        self, account_id: str, errors: Mapping[ContactType, WorkerError], *, last_try: bool
    ) -> tuple[str | None, dict[ContactType, WorkerError]]:
        """What refusals mean: the state to skip the account for, or its errors with the refusals named."""

        def named(name: Callable[[AccessDenied], WorkerError]) -> dict[ContactType, WorkerError]:
            return {kind: name(error) if isinstance(error, AccessDenied) else error for kind, error in errors.items()}

        try:
            state = self._organization.account_state(account_id)
            if state is None:
                return None, named(lambda error: NotInOrganization(error.code, error.operation))
            if state == PENDING_ACTIVATION and not last_try:
                return None, named(lambda error: NotReady(error.code, error.operation))
            if state != ACTIVE:
                return state, {}
            if last_try and not self._organization.trusted_access():
                return None, named(lambda error: TrustedAccessOff(error.code, error.operation))
        except WorkerError:
            # The explanation is a courtesy: without it the refusal stands as it is.
            return None, dict(errors)
        return None, dict(errors)


def _any(errors: Iterable[WorkerError], kind: type[WorkerError]) -> bool:
    return any(isinstance(error, kind) for error in errors)


def is_final(error: WorkerError, *, last_try: bool) -> bool:
    """Whether the letter goes to FailedAccountQueue rather than back."""
    return last_try or isinstance(error, Permanent)
