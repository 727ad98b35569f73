"""The preflight report in the terminal and as JSON."""

from collections import Counter

from rich.console import Console
from rich.text import Text

from alternate_contacts.cli.preflight.result import CheckState
from alternate_contacts.cli.preflight.run import PreflightReport
from alternate_contacts.cli.terminal import output

_STYLE = {CheckState.OK: "green", CheckState.MISSING: "bold red", CheckState.UNKNOWN: "yellow"}

_MIN_TABLE_WIDTH = 100
"""Columns of a terminal in which the table folds no command."""


def print_report(report: PreflightReport, console: Console) -> None:
    """Print the checks, and below them the commands, each on one line to copy."""
    if console.width < _MIN_TABLE_WIDTH:
        _print_list(report, console)
    else:
        table = output.table("state", "check", "result")
        for result in report.results:
            table.add_row(Text(result.state, _STYLE[result.state]), result.check, result.message)
        console.print(table)
    for result in report.results:
        if result.commands:
            console.print(f"Commands for {result.check}:")
            for command in result.commands:
                console.print(f"  {command}", soft_wrap=True)
            console.print()
    if report.remark:
        console.print(report.remark)
    counts = Counter(result.state for result in report.results)
    console.print(", ".join(f"{counts[state]} {state}" for state in CheckState if counts[state]) + ".")


def _print_list(report: PreflightReport, console: Console) -> None:
    """Print the checks below each other: messages contain commands, which a column would fold."""
    for result in report.results:
        console.print(Text.assemble((result.state, _STYLE[result.state]), f"  {result.check}"))
        if result.message:
            console.print(result.message)
    console.print()


def document(report: PreflightReport, *, account_id: str, region: str) -> dict[str, object]:
    """Return the document for `--json`."""
    return {
        "account": account_id,
        "region": region,
        "homeRegion": report.home_region,
        "controlTower": report.control_tower,
        "remark": report.remark,
        "checks": [
            {
                "check": result.check,
                "state": result.state,
                "message": result.message,
                "commands": list(result.commands),
            }
            for result in report.results
        ],
    }
