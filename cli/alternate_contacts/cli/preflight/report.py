"""An examination as the operator sees it."""

from collections import Counter

from rich.console import Console
from rich.text import Text

from alternate_contacts.cli.preflight.examination import PreflightReport
from alternate_contacts.cli.preflight.finding import CheckState
from alternate_contacts.cli.terminal import output

_STYLE = {CheckState.OK: "green", CheckState.MISSING: "bold red", CheckState.UNKNOWN: "yellow"}


def show(examination: PreflightReport, console: Console) -> None:
    """A table of the checks; below it, each on a line to copy, the commands that mend what is missing."""
    table = output.table("state", "check", "what was found")
    for finding in examination.findings:
        table.add_row(Text(finding.state.value, _STYLE[finding.state]), finding.check, finding.sentence)
    console.print(table)
    for finding in examination.findings:
        if finding.commands:
            console.print(f"To mend {finding.check}:")
            for command in finding.commands:
                console.print(f"  {command}", soft_wrap=True)
            console.print()
    if examination.remark:
        console.print(examination.remark)
    counted = Counter(finding.state for finding in examination.findings)
    console.print(", ".join(f"{counted[state]} {state.value}" for state in CheckState if counted[state]) + ".")


def document(examination: PreflightReport, *, account_id: str, region: str) -> dict[str, object]:
    """The same for `--json`."""
    return {
        "account": account_id,
        "region": region,
        "homeRegion": examination.home_region,
        "controlTower": examination.pipeline,
        "remark": examination.remark,
        "checks": [
            {
                "check": finding.check,
                "state": finding.state.value,
                "sentence": finding.sentence,
                "commands": list(finding.commands),
            }
            for finding in examination.findings
        ],
    }
