"""An audit as a value: a row for each account, and what they add up to."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from alternate_contacts.cli.audit.checks import CHECKS, AuditCheck, Verdict, verdicts
from alternate_contacts.cli.audit.compliance import MANAGED, NOT_RIGHT, ComplianceStatus
from alternate_contacts.cli.audit.findings import AccountReading, ContactFinding
from alternate_contacts.cli.aws.organization import OrganizationAccount
from alternate_contacts.worker.contacts import CONTACT_FIELDS, ContactType
from alternate_contacts.worker.decision import Policy

_SKIPPED = ContactFinding(ComplianceStatus.SKIPPED, provided=None)
_WORST_FIRST = (*NOT_RIGHT, ComplianceStatus.RIGHT, ComplianceStatus.NOT_MANAGED, ComplianceStatus.SKIPPED)
VERSION = 1
"""Of the JSON document; rises when a field changes its meaning or goes."""


@dataclass(frozen=True)
class AuditRow:
    """One account. ``reading`` is None for an account that is skipped."""

    account: OrganizationAccount
    reading: AccountReading | None = None

    @property
    def findings(self) -> Mapping[ContactType, ContactFinding]:
        return self.reading.findings if self.reading else dict.fromkeys(ContactType, _SKIPPED)

    @cached_property
    def verdicts(self) -> Mapping[AuditCheck, Verdict]:
        if self.reading is None:
            return dict.fromkeys(CHECKS, Verdict.SKIPPED)
        return verdicts(self.findings, self.reading.shared)

    @property
    def is_right(self) -> bool:
        """Whether nothing is wrong with a managed contact."""
        return not any(finding.word in NOT_RIGHT for finding in self.findings.values())

    @property
    def unit(self) -> str:
        return path_of(self.account.unit)


@dataclass(frozen=True)
class Coverage:
    """How many of the managed contacts are right."""

    words: Counter[ComplianceStatus]

    @property
    def right(self) -> int:
        return self.words[ComplianceStatus.RIGHT]

    @property
    def managed(self) -> int:
        return sum(self.words[word] for word in MANAGED)

    @property
    def percent(self) -> int | None:
        """Rounded down: 100 means all. None where no contact is managed."""
        return 100 * self.right // self.managed if self.managed else None


@dataclass(frozen=True)
class AuditReport:
    """What one run found.

    Attributes:
        active: how many ACTIVE accounts the organization has; more than there are rows of them if the run is not
            complete.
        rows: the worst first.
    """

    organization_id: str
    stack_name: str
    policies: Mapping[ContactType, Policy]
    started_at: datetime
    finished_at: datetime
    active: int
    rows: tuple[AuditRow, ...]

    @property
    def read(self) -> int:
        return sum(row.reading is not None for row in self.rows)

    @property
    def complete(self) -> bool:
        return self.read == self.active

    @property
    def not_right(self) -> list[AuditRow]:
        return [row for row in self.rows if not row.is_right]

    @property
    def skipped(self) -> Counter[str]:
        """Skipped accounts by state."""
        return Counter(row.account.state for row in self.rows if row.reading is None)

    @property
    def units(self) -> list[tuple[tuple[str, ...], list[AuditRow]]]:
        """Rows by organizational unit, those of the units below it included; in the order of the tree."""
        units: dict[tuple[str, ...], list[AuditRow]] = {}
        for row in self.rows:
            for depth in range(1, len(row.account.unit) + 1):
                units.setdefault(row.account.unit[:depth], []).append(row)
        return sorted(units.items(), key=lambda unit: [name.casefold() for name in unit[0]])

    def coverage(self, kind: ContactType) -> Coverage:
        return coverage(self.rows, [kind])

    def verdicts(self, check: AuditCheck) -> Counter[Verdict]:
        return Counter(row.verdicts[check] for row in self.rows)


def coverage(rows: Iterable[AuditRow], kinds: Iterable[ContactType] = ContactType) -> Coverage:
    """Coverage of some accounts, for some contact types."""
    kinds = tuple(kinds)
    return Coverage(Counter(row.findings[kind].word for row in rows for kind in kinds))


def path_of(unit: Iterable[str]) -> str:
    """Such as ``Root / Workloads / Production``."""
    return " / ".join(unit)


def worst_first(rows: Iterable[AuditRow]) -> tuple[AuditRow, ...]:
    """Rows by what is worst about them, then by name."""

    def badness(row: AuditRow) -> tuple[int, str, str]:
        worst = min(_WORST_FIRST.index(finding.word) for finding in row.findings.values())
        return worst, row.account.name.casefold(), row.account.account_id

    return tuple(sorted(rows, key=badness))


def document(report: AuditReport) -> dict[str, object]:
    """The report for machines: the answer to ``--json``, and the data of the HTML page."""
    return {
        "version": VERSION,
        "organization": report.organization_id,
        "stack": report.stack_name,
        "startedAt": _moment(report.started_at),
        "finishedAt": _moment(report.finished_at),
        "complete": report.complete,
        "accountsActive": report.active,
        "accountsRead": report.read,
        "accountsSkipped": _counts(report.skipped),
        "contactTypes": {
            kind: {"policy": report.policies[kind], **_coverage(report.coverage(kind))} for kind in ContactType
        },
        "organizationalUnits": [
            {
                "path": path_of(unit),
                "accounts": len(rows),
                "contactTypes": {kind: _coverage(coverage(rows, [kind])) for kind in ContactType},
            }
            for unit, rows in report.units
        ],
        "checks": [
            {"name": check.name, "title": check.title, "accounts": _counts(report.verdicts(check))} for check in CHECKS
        ],
        "accounts": [_account(row) for row in report.rows],
    }


def _coverage(coverage: Coverage) -> dict[str, object]:
    return {"percentRight": coverage.percent, "words": _counts(coverage.words)}


def _counts(counter: Counter[ComplianceStatus] | Counter[Verdict] | Counter[str]) -> dict[str, int]:
    return {str(name): count for name, count in sorted(counter.items())}


def _account(row: AuditRow) -> dict[str, object]:
    account: dict[str, object] = {
        "accountId": row.account.account_id,
        "name": row.account.name,
        "state": row.account.state,
        "organizationalUnit": row.unit,
        "contacts": {kind: _finding(finding) for kind, finding in row.findings.items()},
        "checks": {check.name: verdict for check, verdict in row.verdicts.items()},
    }
    if row.reading is not None:
        account["readAt"] = _moment(row.reading.read_at)
        if row.reading.shared:
            account["shared"] = list(row.reading.shared)
    return account


def _finding(finding: ContactFinding) -> dict[str, object]:
    known: dict[str, object] = {"word": finding.word, "provided": finding.provided}
    if finding.reason is not None:
        known |= {"reason": finding.reason, "errorCode": finding.code}
    if finding.contact is not None:
        known["contact"] = {field.json_key: field.value_of(finding.contact) for field in CONTACT_FIELDS}
    return known


def _moment(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
