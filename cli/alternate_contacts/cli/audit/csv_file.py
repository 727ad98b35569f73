"""A report as CSV, a line for each account."""

import csv
import io

from alternate_contacts.cli.audit.checks import CHECKS
from alternate_contacts.cli.audit.findings import ContactFinding
from alternate_contacts.cli.audit.report import AuditReport, AuditRow
from alternate_contacts.worker.contacts import CONTACT_FIELDS, ContactType

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""A spreadsheet takes what begins so for a formula. https://owasp.org/www-community/attacks/CSV_Injection"""


def write(report: AuditReport, *, show_contacts: bool) -> str:
    """The report's rows under one line of headings, as RFC 4180 has it."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(_headings(show_contacts=show_contacts))
    for row in report.rows:
        writer.writerow([harmless(cell) for cell in _cells(row, show_contacts=show_contacts)])
    return text.getvalue()


def harmless(cell: str) -> str:
    """The cell with an apostrophe before what a spreadsheet would calculate."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _headings(*, show_contacts: bool) -> list[str]:
    kinds = [kind.value.lower() for kind in ContactType]
    return [
        *("account_id", "account_name", "organizational_unit", "state"),
        *kinds,
        *(f"{kind}_reason" for kind in kinds),
        *(check.name.lower().replace(" ", "_").replace(".", "_") for check in CHECKS),
        *("shared", "read_at"),
        *(f"{kind}_{field.key}" for kind in kinds for field in CONTACT_FIELDS if show_contacts),
    ]


def _cells(row: AuditRow, *, show_contacts: bool) -> list[str]:
    findings = [row.findings[kind] for kind in ContactType]
    return [
        *(row.account.account_id, row.account.name, row.unit, row.account.state),
        *(finding.word for finding in findings),
        *(finding.reason or "" for finding in findings),
        *(row.verdicts[check] for check in CHECKS),
        ", ".join(row.reading.shared) if row.reading else "",
        row.reading.read_at.isoformat(timespec="seconds") if row.reading else "",
        *(part for finding in findings for part in _contact(finding) if show_contacts),
    ]


def _contact(finding: ContactFinding) -> list[str]:
    return [field.value_of(finding.contact) if finding.contact else "" for field in CONTACT_FIELDS]
