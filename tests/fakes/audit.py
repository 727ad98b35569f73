"""Accounts, readings and reports for tests of `audit`."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from alternate_contacts.cli.audit.findings import AccountReading, ContactFinding
from alternate_contacts.cli.audit.report import AuditReport, AuditRow, worst_first
from alternate_contacts.cli.aws.compliance import ComplianceStatus
from alternate_contacts.cli.aws.organization import OrganizationAccount
from alternate_contacts.worker.contact_selection import Assignment
from alternate_contacts.worker.contacts import Contact, ContactType
from alternate_contacts.worker.decision import Policy
from alternate_contacts.worker.errors import AccessDenied
from tests.fakes.worker import DESIRED, PRESENT

COMPLIANT, MISSING, DIFFERENT, UNREADABLE, UNKNOWN, UNMANAGED, SKIPPED = ComplianceStatus

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
POLICIES = dict.fromkeys(ContactType, Policy.OVERWRITE)
ASSIGNMENTS = {contact_type: Assignment(Policy.OVERWRITE, DESIRED) for contact_type in ContactType}
CONTACTS: Mapping[ContactType, Contact] = dict(zip(ContactType, (DESIRED, PRESENT, DESIRED), strict=True))


def finding(status: ComplianceStatus) -> ContactFinding:
    """Return the finding of a contact with that status."""
    if status is UNREADABLE:
        return ContactFinding(status, None, AccessDenied.reason, "AccessDeniedException")
    return ContactFinding(status, provided=status is not MISSING)


def reading(
    account_id: str = "111111111111", *statuses: ComplianceStatus, shared: Iterable[str] = ()
) -> AccountReading:
    """Return a reading with a status for each contact type, compliant where none is given."""
    padded = [*statuses, *[COMPLIANT] * (3 - len(statuses))]
    return AccountReading(account_id, NOON, dict(zip(ContactType, map(finding, padded), strict=True)), tuple(shared))


def row(
    account_id: str,
    *statuses: ComplianceStatus,
    name: str = "",
    unit: tuple[str, ...] = ("Root",),
    state: str = "ACTIVE",
    shared: Iterable[str] = (),
) -> AuditRow:
    """Return the row of an account that was read or, with another state, skipped."""
    account = OrganizationAccount(account_id, name or f"account {account_id}", state, unit)
    return AuditRow(account, reading(account_id, *statuses, shared=shared) if state == "ACTIVE" else None)


def row_with_contacts(status: ComplianceStatus = DIFFERENT) -> AuditRow:
    """Return the row of an account whose contacts are kept, as with --show-contacts."""
    account = row("111111111111")
    assert account.reading is not None
    findings = {contact_type: replace(finding(status), contact=PRESENT) for contact_type in ContactType}
    return replace(account, reading=replace(account.reading, findings=findings))


def report(*rows: AuditRow, active: int | None = None) -> AuditReport:
    """Return a report of these rows, complete unless more accounts are ``active``."""
    return AuditReport(
        organization_id="o-exampleorg1",
        stack_name="alternate-contacts",
        policies=POLICIES,
        started_at=NOON,
        finished_at=NOON,
        active=sum(row.reading is not None for row in rows) if active is None else active,
        rows=worst_first(rows),
    )


PRODUCTION = ("Root", "Workloads", "Production")
REPORT = report(
    row("111111111111", name="payments", unit=PRODUCTION),
    row("222222222222", DIFFERENT, COMPLIANT, MISSING, name="Ledger", unit=PRODUCTION),
    row("333333333333", UNMANAGED, UNREADABLE, name="sandbox"),
    row("444444444444", name="closed", state="SUSPENDED"),
)
"""Four accounts, with every status among them."""
