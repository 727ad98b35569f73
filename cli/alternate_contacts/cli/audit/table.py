"""A report in the terminal: what it adds up to first, then the accounts that are not right."""

from collections.abc import Iterator

from rich.console import Console
from rich.table import Table
from rich.text import Text

from alternate_contacts.cli.audit.checks import CHECKS, Verdict
from alternate_contacts.cli.audit.compliance import ComplianceStatus
from alternate_contacts.cli.audit.findings import ContactFinding
from alternate_contacts.cli.audit.report import AuditReport, AuditRow
from alternate_contacts.cli.terminal import output
from alternate_contacts.worker.contacts import CONTACT_FIELDS, Contact, ContactType

MOST_ROWS = 100
"""More is for --csv or --html."""

_STYLE = {
    ComplianceStatus.RIGHT: "green",
    ComplianceStatus.MISSING: "red",
    ComplianceStatus.DIFFERENT: "yellow",
    ComplianceStatus.UNREADABLE: "magenta",
    ComplianceStatus.NOT_MANAGED: "dim",
    ComplianceStatus.SKIPPED: "dim",
}


def show(report: AuditReport, console: Console) -> None:
    """Print the report."""
    console.print(_summary(report))
    for check in CHECKS:
        told = report.verdicts(check)
        counts = ", ".join(f"{told[verdict]} {verdict}" for verdict in Verdict if told[verdict])
        console.print(Text.assemble((check.name, "bold"), f": {check.title}: {counts or 'no account'}"))
    if report.skipped:
        states = ", ".join(f"{count} {state}" for state, count in sorted(report.skipped.items()))
        console.print(f"Skipped: {states}")
    if report.not_right:
        console.print(_accounts(report))
    if len(report.not_right) > MOST_ROWS:
        console.print(f"and {len(report.not_right) - MOST_ROWS:,} more: --html, --csv and --json have them all")


def _summary(report: AuditReport) -> Table:
    title = f"{report.read:,} of {report.active:,} accounts read, {len(report.not_right):,} not right"
    table = output.table("contacts", *ContactType, title=title)
    for word in ComplianceStatus:
        counts = [report.coverage(kind).words[word] for kind in ContactType]
        table.add_row(Text(word, _STYLE[word]), *(f"{count:,}" if count else "-" for count in counts))
    table.add_section()
    percents = [report.coverage(kind).percent for kind in ContactType]
    table.add_row("right, of the managed", *("-" if each is None else f"{each} %" for each in percents))
    table.add_row("policy", *(report.policies[kind] for kind in ContactType))
    return table


def _accounts(report: AuditReport) -> Table:
    headings = ("account", "name", "organizational unit", *ContactType)
    table = output.table(*headings, title="Accounts that are not right")
    for row in report.not_right[:MOST_ROWS]:
        table.add_row(*_cells(row))
    return table


def _cells(row: AuditRow) -> Iterator[Text]:
    # Text, not str: a name in square brackets is no markup.
    yield from (Text(row.account.account_id), Text(row.account.name), Text(row.unit))
    for kind in ContactType:
        yield _cell(row.findings[kind])


def _cell(finding: ContactFinding) -> Text:
    cell = Text(finding.word, _STYLE[finding.word])
    if finding.reason is not None:
        cell.append(f"\n{finding.reason}")
    if finding.contact is not None:
        cell.append("\n" + "\n".join(_lines(finding.contact)), "default")
    return cell


def _lines(contact: Contact) -> list[str]:
    return [field.value_of(contact) for field in CONTACT_FIELDS]
