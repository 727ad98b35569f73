"""What the backfill does for whoever calls it: CloudFormation, the schedule, the operator."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from threading import Event
from typing import Protocol

from alternate_contacts.backfill.counts import BackfillCounts
from alternate_contacts.backfill.enqueue import AccountQueue, ListedAccount, enqueue_accounts
from alternate_contacts.backfill.errors import BackfillError
from alternate_contacts.backfill.message import account_message_body
from alternate_contacts.backfill.preflight import OrganizationView, preflight
from alternate_contacts.backfill.protocol import Mode, Trigger
from alternate_contacts.backfill.settings import BackfillSettings

WATCHED = timedelta(days=62)
"""How far back the watch looks: over two months, the longest that two periods of the schedule take."""


class AccountDirectory(OrganizationView, Protocol):
    """What the backfill asks of AWS Organizations and of one member."""

    def accounts(self) -> Iterator[ListedAccount]: ...


class BackfillQueue(AccountQueue, Protocol):
    """AccountQueue, which also tells how full it is."""

    def waiting(self) -> int:
        """Letters on it, those in flight and delayed ones too; SQS counts approximately."""


class BackfillRecorder(Protocol):
    """Tells the world what was done."""

    def done(self, reason: Trigger, mode: Mode, figures: BackfillCounts, *, counts: bool) -> None:
        """A letter for every account is sent; it ``counts`` as a backfill unless it goes less far than the stack."""

    def reconcile_skipped(self, letters: int) -> None:
        """The scheduled run has left the quota to ``letters`` that still wait."""

    def days_since_backfill(self, days: float) -> None:
        """What the alarm on an overdue reconcile watches."""


class BackfillService:
    """Backfills one organization."""

    def __init__(
        self,
        settings: BackfillSettings,
        organization: AccountDirectory,
        queue: BackfillQueue,
        report: BackfillRecorder,
        refusal: Callable[[Exception], str | None] = lambda _: None,
    ) -> None:
        """``refusal`` tells the calls that AWS may not let through yet from other errors, by a sentence."""
        self._refusal = refusal
        self._settings = settings
        self._organization = organization
        self._queue = queue
        self._report = report

    def backfill(self, reason: Trigger, mode: Mode, *, delay: int, figures: BackfillCounts, stop: Event) -> None:
        """Check, then send every account's letter; ``figures`` counts along. Sends nothing where a check is not met.

        Raises:
            BackfillError: it could not be done, with a sentence that says why, or ``stop`` was set.
        """
        mode = mode.stricter(self._settings.mode)
        preflight(self._organization, may_change=mode is Mode.ENFORCE, stop=stop, refusal=self._refusal)

        def write(account_id: str) -> str:
            return account_message_body(account_id, trigger=reason, mode=mode)

        enqueue_accounts(self._organization.accounts(), self._queue, write, delay=delay, figures=figures, stop=stop)
        self._report.done(reason, mode, figures, counts=mode is self._settings.mode)

    def serve(self, reason: Trigger, mode: Mode, *, figures: BackfillCounts, stop: Event) -> bool:
        """A backfill for the schedule or the operator; False where the scheduled one stood back.

        Only the scheduled one does: while letters wait, it would send the same once more, and spend their quota.

        Raises:
            BackfillError: it could not be done, with a sentence that says why, or ``stop`` was set.
        """
        if not self._settings.enabled:
            raise BackfillError("The package is disabled: set the stack's parameter Enabled to true, which backfills.")
        if reason is Trigger.RECONCILE and (waiting := self._queue.waiting()):
            self._report.reconcile_skipped(waiting)
            return False
        self.backfill(reason, mode, delay=0, figures=figures, stop=stop)
        return True


def report_backfill_age(
    last_backfill: Callable[[datetime], datetime | None], report: BackfillRecorder, now: datetime
) -> float:
    """Tell how many days ago the last backfill was completed, at most 62; ``last_backfill`` looks for it since a time.

    CloudWatch alarms look back seven days at most (docs/adr/0007-report-the-backfill-age-daily.md).
    """
    found = last_backfill(now - WATCHED)
    days = round((now - found if found else WATCHED) / timedelta(days=1), 1)
    report.days_since_backfill(days)
    return days
