"""The report in the terminal: the totals, then the accounts that are not compliant.

The layout depends on the width of the terminal: a table with a line per account, or a short list that also fits into 40
columns. More accounts than a person reads are counted by status and organizational unit. An account ID is never
wrapped.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from alternate_contacts.cli.audit.checks import AuditCheckResult
from alternate_contacts.cli.audit.columns import ACCOUNT_ID, CHECK_RESULTS, COLUMNS, CONTACT_DATA, NAME, Column
from alternate_contacts.cli.audit.report import AuditReport, AuditRow, Coverage
from alternate_contacts.cli.aws.compliance import NOT_COMPLIANT, ComplianceStatus
from alternate_contacts.cli.aws.problem_details import describe_problem
from alternate_contacts.cli.terminal import output
from alternate_contacts.cli.terminal.text import visible

MAX_ROWS = 100
"""Accounts in the list. More are grouped."""
MAX_GROUPS, MAX_UNITS = 20, 10
_FEW_ACCOUNTS = 5
"""A group of so few accounts names each."""

_MIN_TABLE_WIDTH = 100
"""Columns of a terminal in which the table breaks no word."""
_STATUS_WIDTH = len(ComplianceStatus.UNREADABLE)

_COLUMNS = [column for column in COLUMNS if column.title and column not in CHECK_RESULTS]
"""A terminal has no room for the checks of each account."""

_STYLE = {
    ComplianceStatus.COMPLIANT: "green",
    ComplianceStatus.MISSING: "red",
    ComplianceStatus.DIFFERENT: "yellow",
    ComplianceStatus.UNREADABLE: "magenta",
    ComplianceStatus.UNKNOWN: "magenta",
    ComplianceStatus.UNMANAGED: "dim",
    ComplianceStatus.SKIPPED: "dim",
}


def print_report(report: AuditReport, console: Console) -> None:
    """Print the report."""
    rows = report.not_compliant
    console.print(
        f"{report.read:,} of {output.count(report.to_read, 'account')} read, {len(rows):,} not compliant", style="bold"
    )
    if report.first_read_at and report.last_read_at:
        console.print(f"Read between {output.format_period(report.first_read_at, report.last_read_at)}")
    console.print()
    console.print(_coverages(report))
    console.print()
    for check, results in report.check_results.items():
        counts = ", ".join(f"{results[result]:,} {result}" for result in AuditCheckResult if results[result])
        console.print(Text.assemble((check.name, "bold"), f": {check.title}: {counts or 'no account'}"))
    if report.skipped:
        console.print(f"Skipped: {', '.join(f'{count:,} {reason}' for reason, count in report.skipped.items())}")
    if report.problems:
        console.print()
        console.print(f"{output.count(len(report.problems), 'problem')} of the contact configuration", style="bold")
        for problem in report.problems:
            console.print(describe_problem(problem))
    if rows:
        console.print()
        console.print("Accounts that are not compliant", style="bold")
        _print_rows(rows, console)
        # The totals above may have left a low terminal.
        verb = "is" if len(rows) == 1 else "are"
        console.print(
            f"{len(rows):,} of {output.count(report.read, 'account')} read {verb} not compliant", style="bold"
        )


def _coverages(report: AuditReport) -> Table:
    grid = _grid()
    for contact_type, coverage in report.coverage.items():
        policy = f"policy {report.policies[contact_type]}"
        percent = coverage.percent
        managed = "no contact is managed" if percent is None else f"{percent} % of managed contacts are compliant"
        grid.add_row(Text(contact_type, "bold"), Text.assemble(f"{managed}, {policy}\n", _statuses(coverage)))
    return grid


def _statuses(coverage: Coverage) -> Text:
    return Text(", ").join(
        Text(f"{coverage.statuses[status]:,} {status}", _STYLE[status])
        for status in ComplianceStatus
        if coverage.statuses[status]
    )


def _print_rows(rows: Sequence[AuditRow], console: Console) -> None:
    has_contacts = any(column.value(row) for row in rows for column in CONTACT_DATA)
    if len(rows) > MAX_ROWS:
        _print_groups(rows, console)
    elif console.width < _MIN_TABLE_WIDTH or has_contacts:
        console.print(_list(rows))
    else:
        console.print(_table(rows))


def _table(rows: Iterable[AuditRow]) -> Table:
    table = output.table(*(output.Exact(column.title) if column is ACCOUNT_ID else column.title for column in _COLUMNS))
    for column, of_table in zip(_COLUMNS, table.columns, strict=True):
        of_table.min_width = _STATUS_WIDTH if column.order else None
    for row in rows:
        table.add_row(*(_cell(column, row) for column in _COLUMNS))
    return table


def _cell(column: Column, row: AuditRow) -> Text:
    value = column.value(row)
    cell = Text(visible(str(value)), _STYLE[value] if isinstance(value, ComplianceStatus) else "")
    for note in _notes(column, row):
        cell.append(f"\n{note}", "default")
    return cell


def _list(rows: Iterable[AuditRow], *, statuses: bool = True) -> Group:
    """Return the accounts with their facts below each other; of the ``statuses`` those that say something."""
    lines: list[RenderableType] = []
    for row in rows:
        facts = [
            _status(column, row) if column.order else Text(visible(str(column.value(row))))
            for column in _COLUMNS[2:]
            if not column.order or (statuses and (column.value(row) in NOT_COMPLIANT or _notes(column, row)))
        ]
        lines.append(Text(visible(f"{ACCOUNT_ID.value(row)}  {NAME.value(row)}"), overflow="fold"))
        lines.append(Padding(Text("\n", overflow="fold").join(facts), (0, 0, 0, 2)))
    return Group(*lines)


def _print_groups(rows: Iterable[AuditRow], console: Console) -> None:
    groups: dict[str, list[AuditRow]] = {}
    for row in rows:
        groups.setdefault(", ".join(_problems(row)), []).append(row)
    largest_first = sorted(groups.items(), key=lambda group: -len(group[1]))
    for problems, group in largest_first[:MAX_GROUPS]:
        console.print()
        console.print(Text(f"{output.count(len(group), 'account')}: {problems}", "bold"))
        console.print(_list(group, statuses=False) if len(group) <= _FEW_ACCOUNTS else _units(group))
    if others := largest_first[MAX_GROUPS:]:
        console.print()
        number = sum(len(group) for _, group in others)
        console.print(f"{output.count(number, 'account')} in {output.count(len(others), 'smaller group')}")
    console.print()
    console.print("Use --html, --csv or --json to see every account.")


def _problems(row: AuditRow) -> Iterator[str]:
    for contact_type, finding in row.findings.items():
        if finding.status in NOT_COMPLIANT:
            yield f"{contact_type} {finding.status}{f' ({finding.reason})' if finding.reason else ''}"


def _units(rows: Iterable[AuditRow]) -> Table:
    """Return how many accounts each organizational unit has."""
    counts = Counter(row.unit_path for row in rows)
    units = sorted(counts.items(), key=lambda unit: (-unit[1], unit[0].casefold()))
    grid = _grid(justify="right")
    for path, number in units[:MAX_UNITS]:
        grid.add_row(f"{number:,}", Text(visible(path)))
    if others := units[MAX_UNITS:]:
        grid.add_row(f"{sum(number for _, number in others):,}", f"in {output.count(len(others), 'other unit')}")
    return grid


def _status(column: Column, row: AuditRow) -> Text:
    value = column.value(row)
    notes = ", ".join(_notes(column, row))
    status = Text(visible(str(value)), _STYLE[value] if isinstance(value, ComplianceStatus) else "")
    return Text.assemble(f"{column.title} ", status, f": {notes}" if notes else "")


def _notes(column: Column, row: AuditRow) -> list[str]:
    return [visible(str(value)) for note in column.notes if (value := note.value(row))]


def _grid(*, justify: Literal["left", "right"] = "left") -> Table:
    """Return an empty table of two columns; only the second one is wrapped."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True, justify=justify)
    grid.add_column(overflow="fold")
    return grid
