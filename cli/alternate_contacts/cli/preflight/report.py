"""The preflight report in the terminal and as JSON."""

from collections import Counter

from rich.console import Console
from rich.text import Text

from alternate_contacts.cli.preflight.result import CheckState
from alternate_contacts.cli.preflight.run import PreflightReport
from alternate_contacts.cli.terminal import output

_STYLE = {CheckState.OK: "green", CheckState.MISSING: "bold red", CheckState.UNKNOWN: "yellow"}


def print_report(report: PreflightReport, console: Console) -> None:
    """Print a table of the checks, and below it the commands, each on one line to copy."""
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
