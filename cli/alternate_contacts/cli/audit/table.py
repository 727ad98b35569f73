"""The report in the terminal: the totals, then the accounts that are not compliant."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from alternate_contacts.cli.audit.checks import AuditCheckResult
from alternate_contacts.cli.audit.columns import CHECK_RESULTS, COLUMNS, Column
from alternate_contacts.cli.audit.compliance import ComplianceStatus
from alternate_contacts.cli.audit.report import AuditReport, AuditRow
from alternate_contacts.cli.terminal import output
from alternate_contacts.worker.contacts import ContactType

MAX_ROWS = 100

_COLUMNS = [column for column in COLUMNS if column.title and column not in CHECK_RESULTS]
"""A terminal has no room for the checks of each account."""

_STYLE = {
    ComplianceStatus.COMPLIANT: "green",
    ComplianceStatus.MISSING: "red",
    ComplianceStatus.DIFFERENT: "yellow",
    ComplianceStatus.UNREADABLE: "magenta",
    ComplianceStatus.UNMANAGED: "dim",
    ComplianceStatus.SKIPPED: "dim",
}


def print_report(report: AuditReport, console: Console) -> None:
    """Print the report."""
    console.print(_summary(report))
    for check, results in report.check_results.items():
        counts = ", ".join(f"{results[result]} {result}" for result in AuditCheckResult if results[result])
        console.print(Text.assemble((check.name, "bold"), f": {check.title}: {counts or 'no account'}"))
    if report.skipped:
        console.print(f"Skipped: {', '.join(f'{count} {state}' for state, count in report.skipped.items())}")
    if rows := report.not_compliant:
        table = output.table(*(column.title for column in _COLUMNS), title="Accounts that are not compliant")
        for row in rows[:MAX_ROWS]:
            table.add_row(*(_cell(column, row) for column in _COLUMNS))
        console.print(table)
        if len(rows) > MAX_ROWS:
            console.print(f"and {len(rows) - MAX_ROWS:,} more. Use --html, --csv or --json to see all of them.")


def _summary(report: AuditReport) -> Table:
    title = f"{report.read:,} of {report.active:,} accounts read, {len(report.not_compliant):,} not compliant"
    table = output.table("contacts", *ContactType, title=title)
    coverages = report.coverage.values()
    for status in ComplianceStatus:
        counts = [coverage.statuses[status] for coverage in coverages]
        table.add_row(Text(status, _STYLE[status]), *(f"{count:,}" if count else "-" for count in counts))
    table.add_section()
    percents = [coverage.percent for coverage in coverages]
    table.add_row("compliant, of the managed", *("-" if percent is None else f"{percent} %" for percent in percents))
    table.add_row("policy", *report.policies.values())
    return table


def _cell(column: Column, row: AuditRow) -> Text:
    value = column.value(row)
    # Text, not str: a name in square brackets is no markup.
    cell = Text(str(value), _STYLE[value] if isinstance(value, ComplianceStatus) else "")
    for note in column.notes:
        if text := note.value(row):
            cell.append(f"\n{text}", "default")
    return cell
