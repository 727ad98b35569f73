"""Accounts, readings and reports for tests of `audit`."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from alternate_contacts.cli.audit.compliance import ComplianceStatus
from alternate_contacts.cli.audit.findings import AccountReading, ContactFinding
from alternate_contacts.cli.audit.report import AuditReport, AuditRow, worst_first
from alternate_contacts.cli.aws.organization import OrganizationAccount
from alternate_contacts.worker.account_processor import Assignment
from alternate_contacts.worker.contacts import Contact, ContactType
from alternate_contacts.worker.decision import Policy
from tests.fakes.worker import DESIRED, PRESENT

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
POLICIES = dict.fromkeys(ContactType, Policy.OVERWRITE)
ASSIGNMENTS = {kind: Assignment(Policy.OVERWRITE, DESIRED) for kind in ContactType}
CONTACTS: Mapping[ContactType, Contact] = dict(zip(ContactType, (DESIRED, PRESENT, DESIRED), strict=True))


def finding(
    word: ComplianceStatus = ComplianceStatus.RIGHT, *, reason: str | None = None, contact: Contact | None = None
) -> ContactFinding:
    """What a look with that result finds."""
    provided = {ComplianceStatus.MISSING: False, ComplianceStatus.UNREADABLE: None}.get(word, True)
    return ContactFinding(word, provided, reason, "AccessDeniedException" if reason else None, contact)


def reading(account_id: str = "111111111111", *words: ComplianceStatus, shared: Iterable[str] = ()) -> AccountReading:
    """A reading with a word for each type; right where none is given."""
    every = [*words, *[ComplianceStatus.RIGHT] * (3 - len(words))]
    findings = {
        kind: finding(word, reason="not_authorized" if word is ComplianceStatus.UNREADABLE else None)
        for kind, word in zip(ContactType, every, strict=True)
    }
    return AccountReading(account_id, NOON, findings, tuple(shared))


def row(
    account_id: str, *words: ComplianceStatus, name: str = "", unit: tuple[str, ...] = ("Root",), state: str = "ACTIVE"
) -> AuditRow:
    """A row of an account that was read, or of one that is skipped."""
    account = OrganizationAccount(account_id, name or f"account {account_id}", state, unit)
    return AuditRow(account, reading(account_id, *words) if state == "ACTIVE" else None)


def report(*rows: AuditRow, active: int | None = None) -> AuditReport:
    """A report of these rows, complete unless more accounts are ``active``."""
    return AuditReport(
        organization_id="o-exampleorg1",
        stack_name="alternate-contacts",
        policies=POLICIES,
        started_at=NOON,
        finished_at=NOON,
        active=sum(each.reading is not None for each in rows) if active is None else active,
        rows=worst_first(rows),
    )
