"""An examination as the operator sees it."""

from collections import Counter

from rich.console import Console
from rich.text import Text

from alternate_contacts import terminal
from alternate_contacts.preflight.examination import Examination
from alternate_contacts.preflight.finding import State

_STYLE = {State.OK: "green", State.MISSING: "bold red", State.UNKNOWN: "yellow"}


def show(examination: Examination, console: Console) -> None:
    """A table of the checks; below it, each on a line to copy, the commands that mend what is missing."""
    table = terminal.table("state", "check", "what was found")
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
    console.print(", ".join(f"{counted[state]} {state.value}" for state in State if counted[state]) + ".")


def document(examination: Examination, *, account_id: str, region: str) -> dict[str, object]:
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
