"""Run every change: `make permissions` writes the results and docs/permissions.md; `--only TEXT` selects changes."""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from rich.console import Console

from emulation import deploy
from tests.permissions.page import PAGE, RESULTS, read_results, updated_page
from tests.permissions.plan import PlannedChange, plan
from tests.permissions.reasons import UNNOTICED
from tests.permissions.run import Finding, run

_PROCESSES = 2


def main() -> None:
    """Make the changes in two stacks at a time, and end with 1 if any is not noticed without a reason."""
    parser = argparse.ArgumentParser(prog="python -m tests.permissions", description=__doc__)
    parser.add_argument("--only", default="", help="make the changes that contain this text, and write nothing")
    parser.add_argument("--page", action="store_true", help="write the page from the results of the last run")
    arguments = parser.parse_args()
    if arguments.page:
        PAGE.write_text(updated_page(PAGE.read_text(), read_results()))
        return
    only = arguments.only
    console, started = Console(), time.monotonic()
    planned = [change for change in plan() if only in change.key]
    findings = _run_all(planned, console)
    violations = [text for finding in findings if (text := _violation(finding))]
    console.print(f"{len(planned)} changes, {time.monotonic() - started:.0f} s, {len(violations)} violations")
    for violation in violations:
        console.print(violation, markup=False, highlight=False)
    if not only and not violations:
        results = {finding.change.key: finding.flow for finding in findings if finding.flow}
        RESULTS.write_text(json.dumps(dict(sorted(results.items())), indent=1) + "\n")
        PAGE.write_text(updated_page(PAGE.read_text(), results))
    sys.exit(bool(violations))


def _run_all(planned: Sequence[PlannedChange], console: Console) -> list[Finding]:
    """Make the changes, and print each with the flow that noticed it."""
    expected = read_results() if RESULTS.exists() else {}
    with tempfile.TemporaryDirectory(prefix="permissions-") as folder, ProcessPoolExecutor(_PROCESSES) as pool:
        build = Path(folder)
        deploy.build(build)
        shares = [planned[number::_PROCESSES] for number in range(_PROCESSES)]
        findings = []
        for share in pool.map(partial(run, build, expected=expected, report=_report), shares):
            findings += share
    console.print(f"{sum(finding.seconds for finding in findings):.0f} s of changes")
    return findings


def _report(finding: Finding) -> None:
    sys.stdout.write(f"{finding.seconds:5.1f} s  {finding.change.key}: {finding.flow or 'nothing fails'}\n")
    sys.stdout.flush()


def _violation(finding: Finding) -> str:
    """Describe a change that no flow noticed, or one that a flow noticed although it is in `UNNOTICED`."""
    key, named = finding.change.key, finding.change.key in UNNOTICED
    if finding.flow is None and not named:
        return f"No flow fails: {key}"
    return f"Remove it from UNNOTICED, {finding.flow} fails: {key}" if finding.flow and named else ""


if __name__ == "__main__":
    main()
