"""An audit report as a value: one row per account, the totals of the rows, and the contact configuration."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from alternate_contacts.cli.audit.checks import CHECKS, AuditCheck, AuditCheckResult
from alternate_contacts.cli.audit.findings import AccountReading, ContactFinding
from alternate_contacts.cli.aws.compliance import MANAGED, NOT_COMPLIANT, WORST_FIRST, ComplianceStatus
from alternate_contacts.cli.aws.contact_parameters import ContactParameters
from alternate_contacts.cli.aws.organization import OrganizationAccount
from alternate_contacts.worker.contact_configuration import ConfigurationProblem
from alternate_contacts.worker.contact_selection import EXCLUDED
from alternate_contacts.worker.contacts import ContactType
from alternate_contacts.worker.decision import Policy


@dataclass(frozen=True)
class ContactSource:
    """Where a contact of an account comes from.

    Attributes:
        contact_set: the name of the set, ``default`` or ``ignore``; None if it is unknown or the account is skipped.
        target: the ID of the target that decides, or ``default`` if none does.
        description: the target for a person, such as ``payments from OU Finance (ou-ab12-12345678)``; None if no target
            decides.
    """

    contact_set: str | None
    target: str
    description: str | None = None


@dataclass(frozen=True)
class AuditRow:
    """One account.

    Attributes:
        reading: None for a skipped account.
        sources: by contact type; empty for an account that is skipped because of its state.
        is_excluded: whether a target excludes the account.
    """

    account: OrganizationAccount
    reading: AccountReading | None = None
    sources: Mapping[ContactType, ContactSource] = field(default_factory=dict)
    is_excluded: bool = False

    @property
    def skip_reason(self) -> str:
        """Why the account is skipped, if it is: ``excluded``, or its state."""
        return EXCLUDED if self.is_excluded else self.account.state

    @property
    def findings(self) -> Mapping[ContactType, ContactFinding]:
        if self.reading:
            return self.reading.findings
        skipped = ContactFinding(ComplianceStatus.SKIPPED, provided=None, reason=self.skip_reason)
        return dict.fromkeys(ContactType, skipped)

    @cached_property
    def check_results(self) -> Mapping[AuditCheck, AuditCheckResult]:
        reading = self.reading
        return {check: check.run(reading) if reading else AuditCheckResult.SKIPPED for check in CHECKS}

    @property
    def is_compliant(self) -> bool:
        """Whether no contact is missing, different or unreadable."""
        return not any(finding.status in NOT_COMPLIANT for finding in self.findings.values())

    @property
    def unit_path(self) -> str:
        return join_path(self.account.unit)


@dataclass(frozen=True)
class Coverage:
    """How many of the managed contacts are compliant."""

    statuses: Counter[ComplianceStatus]

    @classmethod
    def of(cls, rows: Iterable[AuditRow], contact_types: Iterable[ContactType] = ContactType) -> "Coverage":
        """Count the contacts of these accounts and types."""
        contact_types = tuple(contact_types)
        return cls(Counter(row.findings[contact_type].status for row in rows for contact_type in contact_types))

    @property
    def compliant(self) -> int:
        return self.statuses[ComplianceStatus.COMPLIANT]

    @property
    def managed(self) -> int:
        return sum(self.statuses[status] for status in MANAGED)

    @property
    def percent(self) -> int | None:
        """Compliant contacts in percent of the managed ones, rounded down; None if no contact is managed."""
        return 100 * self.compliant // self.managed if self.managed else None


@dataclass(frozen=True)
class UnitSummary:
    """An organizational unit with the rows of its accounts, including those of the units below it."""

    unit: tuple[str, ...]
    rows: list[AuditRow]

    @property
    def path(self) -> str:
        return join_path(self.unit)

    @property
    def coverage(self) -> Mapping[ContactType, Coverage]:
        return {contact_type: Coverage.of(self.rows, [contact_type]) for contact_type in ContactType}

    @property
    def not_compliant(self) -> int:
        return sum(not row.is_compliant for row in self.rows)


@dataclass(frozen=True)
class AuditReport:
    """The result of one run.

    Attributes:
        started_at: the start of this run; the readings of an interrupted run that it continues are older.
        active: the number of ACTIVE accounts in the organization. An incomplete run has fewer rows of them.
        rows: the worst first.
        parameters: the contact configuration; None if the stack has none.
        problems: the problems of the contact configuration.
    """

    organization_id: str
    stack_name: str
    policies: Mapping[ContactType, Policy]
    started_at: datetime
    finished_at: datetime
    active: int
    rows: tuple[AuditRow, ...]
    parameters: ContactParameters | None = None
    problems: Sequence[ConfigurationProblem] = ()

    @property
    def to_read(self) -> int:
        """The number of accounts that are not skipped."""
        return self.active - sum(row.is_excluded for row in self.rows)

    @property
    def read(self) -> int:
        return sum(row.reading is not None for row in self.rows)

    @property
    def first_read_at(self) -> datetime | None:
        """When the first of the accounts was read, if any was: the report is no older than this."""
        return min(self._times, default=None)

    @property
    def last_read_at(self) -> datetime | None:
        return max(self._times, default=None)

    @property
    def _times(self) -> list[datetime]:
        return [row.reading.read_at for row in self.rows if row.reading]

    @property
    def complete(self) -> bool:
        return self.read == self.to_read

    @property
    def not_compliant(self) -> list[AuditRow]:
        return [row for row in self.rows if not row.is_compliant]

    @property
    def skipped(self) -> Mapping[str, int]:
        """Skipped accounts by reason, sorted."""
        return dict(sorted(Counter(row.skip_reason for row in self.rows if row.reading is None).items()))

    @property
    def units(self) -> list[UnitSummary]:
        """Every organizational unit, in the order of the tree."""
        units: dict[tuple[str, ...], list[AuditRow]] = {}
        for row in self.rows:
            for depth in range(1, len(row.account.unit) + 1):
                units.setdefault(row.account.unit[:depth], []).append(row)
        summaries = [UnitSummary(unit, rows) for unit, rows in units.items()]
        return sorted(summaries, key=lambda summary: [name.casefold() for name in summary.unit])

    @property
    def coverage(self) -> Mapping[ContactType, Coverage]:
        return {contact_type: Coverage.of(self.rows, [contact_type]) for contact_type in ContactType}

    @property
    def check_results(self) -> Mapping[AuditCheck, Counter[AuditCheckResult]]:
        """The number of accounts by result of each check."""
        return {check: Counter(row.check_results[check] for row in self.rows) for check in CHECKS}


def join_path(unit: Iterable[str]) -> str:
    """Return a path such as ``Root / Workloads / Production``."""
    return " / ".join(unit)


def worst_first(rows: Iterable[AuditRow]) -> tuple[AuditRow, ...]:
    """Sort rows by their worst status, then by the name of the account."""

    def sort_key(row: AuditRow) -> tuple[int, str, str]:
        worst = min(WORST_FIRST.index(finding.status) for finding in row.findings.values())
        return worst, row.account.name.casefold(), row.account.account_id

    return tuple(sorted(rows, key=sort_key))
