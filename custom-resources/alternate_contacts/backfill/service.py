"""The backfill for its four callers: CloudFormation, the schedule, the operator and ChangeQueue."""

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Event
from typing import TYPE_CHECKING, Protocol

from alternate_contacts.backfill.contact_configuration import CONFIGURATION_UNREADABLE, VERSION, parse_configuration
from alternate_contacts.backfill.counts import BackfillCounts
from alternate_contacts.backfill.enqueue import AccountQueue, ListedAccount, enqueue_accounts
from alternate_contacts.backfill.errors import BackfillError, PreflightFailure
from alternate_contacts.backfill.invocation import BackfillInvocation
from alternate_contacts.backfill.message import account_message_body
from alternate_contacts.backfill.preflight import OrganizationView, PreflightCheck, ensure_ready
from alternate_contacts.backfill.protocol import Mode, Trigger
from alternate_contacts.backfill.settings import BackfillSettings

if TYPE_CHECKING:
    from alternate_contacts.backfill.telemetry import BackfillTelemetry

READ_CONTACT, SET_CONTACT = "account:GetAlternateContact", "account:PutAlternateContact"
"""The actions of the worker on each account."""
MAX_BACKFILL_AGE = timedelta(days=62)
"""The longest age that is reported: more than two periods of the slowest schedule."""
_DISABLED = "The package is disabled. Set the stack parameter Enabled to true to start a backfill."


class AccountDirectory(OrganizationView, Protocol):
    """The organization with its accounts."""

    def list_accounts(self) -> Iterator[ListedAccount]: ...


class BackfillQueue(AccountQueue, Protocol):
    """AccountQueue with its depth."""

    def count_messages(self) -> int:
        """Return the approximate number of messages, those in flight and delayed included."""


class WorkerPermissions(Protocol):
    """What WorkerRole is allowed."""

    def find_denied(self, actions: Sequence[str], organization_id: str, account_id: str) -> Sequence[str]:
        """Return the denied actions on a member account. Raise botocore's errors."""


@dataclass(frozen=True)
class BackfillService:
    """Backfills one organization."""

    settings: BackfillSettings
    directory: AccountDirectory
    queue: BackfillQueue
    telemetry: "BackfillTelemetry"
    describe_aws_error: Callable[[Exception], PreflightFailure | None]
    worker_permissions: WorkerPermissions
    read_parameters: Callable[[str], Mapping[str, str | None]]
    """Read the parameters below a path, as `parse_configuration` takes them."""

    def backfill_for_deployment(
        self, *, is_update: bool, extends_protection: bool, counts: BackfillCounts, stop: Event
    ) -> str:
        """Backfill for a Create or Update of the stack; return a summary. A disabled package sends nothing.

        It only runs the checks if the deployment ``extends_protection``: a stack that could not set contacts must not
        keep members from it. Without that, it makes no call, so that the package can be disabled whatever fails.

        Raises:
            BackfillError: the backfill failed, or ``stop`` is set.
        """
        if not self.settings.enabled:
            if extends_protection:
                self._ensure_ready(self.settings.mode, counts=counts, stop=stop)
            return _DISABLED
        # During an update, a worker that is still running has the old contacts.
        delay = self.settings.update_delay if is_update else 0
        self._backfill(Trigger.BACKFILL, self.settings.mode, delay=delay, counts=counts, stop=stop)
        if not is_update:
            counts.denied_actions = self._find_denied_actions()
        return counts.summary

    def backfill_for_invocation(self, invocation: BackfillInvocation, *, counts: BackfillCounts, stop: Event) -> bool:
        """Backfill for the schedule, the operator or ChangeQueue; return False if a reconcile was skipped.

        Only a reconcile is skipped while messages are waiting: it would send them again, and use up their quota.

        Raises:
            BackfillError: the backfill failed, the package is disabled, or ``stop`` is set.
        """
        if not self.settings.enabled:
            raise BackfillError(_DISABLED)
        if invocation.trigger is Trigger.RECONCILE and (waiting := self.queue.count_messages()):
            self.telemetry.reconcile_skipped(waiting)
            return False
        # A worker keeps a contact configuration for a minute, and this backfill may be there because it was changed.
        delay = self.settings.update_delay if self.settings.contacts_path else 0
        only = invocation.accounts
        self._backfill(invocation.trigger, invocation.mode, delay=delay, counts=counts, stop=stop, only=only)
        return True

    def _backfill(
        self,
        trigger: Trigger,
        mode: Mode,
        *,
        delay: int,
        counts: BackfillCounts,
        stop: Event,
        only: Set[str] | None = None,
    ) -> None:
        """Run the checks, then send one message per account, or only for some. None is sent if a check fails."""
        mode = mode.stricter(self.settings.mode)
        self._ensure_ready(mode, counts=counts, stop=stop)
        if self.settings.contacts_path:
            self.telemetry.configuration_validated(counts.configuration_problems)

        def make_body(account_id: str) -> str:
            return account_message_body(account_id, trigger=trigger, mode=mode)

        # Every account is listed for a few too: one of them may have left the organization, and its target remained.
        accounts = (each for each in self.directory.list_accounts() if only is None or each.account_id in only)
        enqueue_accounts(accounts, self.queue, make_body, delay=delay, counts=counts, stop=stop)
        if only is None:
            self.telemetry.backfill_completed(trigger, mode, counts, stack_mode=mode is self.settings.mode)
        else:
            self.telemetry.changed_accounts_enqueued(only, mode, counts)

    def _ensure_ready(self, mode: Mode, *, counts: BackfillCounts, stop: Event) -> None:
        ensure_ready(
            self.directory,
            more_checks=self._configuration_checks(counts),
            may_enable_trusted_access=mode is Mode.ENFORCE,
            stop=stop,
            describe_aws_error=self.describe_aws_error,
        )

    def _find_denied_actions(self) -> Sequence[str]:
        """Return what WorkerRole is denied on a member account.

        A denial is no failure: the simulation is not the call, and FailedAccountsAlarm reports the call within an hour.
        """
        actions = [READ_CONTACT, *([SET_CONTACT] if self.settings.mode is Mode.ENFORCE else [])]
        try:
            organization = self.directory.describe_organization()
            member = next(self.directory.list_active_members(), None)
            if organization is None or member is None:
                return ()
            return self.worker_permissions.find_denied(actions, organization.organization_id, member)
        except Exception as error:
            failure = self.describe_aws_error(error)
            if failure is None:
                raise
            self.telemetry.worker_permissions_unknown(failure.message)
            return ()

    def _configuration_checks(self, counts: BackfillCounts) -> list[PreflightCheck]:
        """Return the check of the contact configuration, if there is one; it keeps the problems in ``counts``.

        A problem of single parameters is no failure: it must not stop the contacts of all other accounts.
        """
        path = self.settings.contacts_path
        if path is None:
            return []

        def check(_: OrganizationView) -> PreflightFailure | None:
            configuration = parse_configuration(self.read_parameters(path))
            if detail := configuration.unreadable_detail:
                return PreflightFailure(
                    f"The contact configuration is not usable: {CONFIGURATION_UNREADABLE}, {detail}. "
                    f"Create {path}/version with the value {VERSION} and the other parameters below {path}, correct "
                    "the stack parameter ContactsPath, or set it to none."
                )
            counts.configuration_problems = configuration.validate()
            return None

        return [PreflightCheck("contact configuration", check)]


def report_backfill_age(
    find_last_backfill: Callable[[datetime, datetime], datetime | None], telemetry: "BackfillTelemetry", now: datetime
) -> float:
    """Record and return the days since the last completed backfill, at most `MAX_BACKFILL_AGE`.

    ``find_last_backfill`` returns the time of the last backfill between two times, or None. CloudWatch alarms
    evaluate seven days at most, hence this report: docs/adr/0007-report-the-backfill-age-daily.md.
    """
    last = find_last_backfill(now - MAX_BACKFILL_AGE, now)
    days = round((now - last if last else MAX_BACKFILL_AGE) / timedelta(days=1), 1)
    telemetry.days_since_backfill(days)
    return days
